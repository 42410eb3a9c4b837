"""Ends of sentences in several scripts; lines that are split, cut or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.long_sources import LongInput, sentences
from nmt.tokenizer import EOS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "no." She left... And?! Yes', ['He said "no."', "She left...", "And?!", "Yes"]),
        ("Das ist z. B. so. Und 3.5 auch.", ["Das ist z. B. so.", "Und 3.5 auch."]),
        ("J. S. Bach wrote it. i.e. this", ["J. S. Bach wrote it. i.e. this"]),
        ("Pay at nmt.org/a.b now.Or not.", ["Pay at nmt.org/a.b now.Or not."]),
        ("我来了。你呢？」好！走", ["我来了。", "你呢？」", "好！", "走"]),
        ("هل أنت هنا؟ نعم۔ جيد", ["هل أنت هنا؟", "نعم۔", "جيد"]),
        ("यह है। वह है॥ ठीक", ["यह है।", "वह है॥", "ठीक"]),
        ("", []),
        ("no end", ["no end"]),
    ],
)
def test_where_sentences_end(text, expected):
    assert [sentence for sentence, _ in sentences(text)] == expected


@given(st.text(alphabet="aB .!?。？\"'」 \t\u3000\u00e9.", max_size=60))
def test_sentences_lose_nothing(text):
    found = sentences(text)
    assert "".join(sentence + space for sentence, space in found) == text
    assert all(not space.strip() for _, space in found)


class Characters:
    """A tokenizer of characters."""

    def encode(self, texts):
        return [[ord(character) for character in text] for text in texts]

    def encode_with_spans(self, texts):
        return [(ids, [(at, at + 1) for at in range(len(ids))]) for ids in self.encode(texts)]


def divide(text, limit=11, mode="split"):
    long_input = LongInput(mode, limit, Characters())
    return long_input.divide(text, [*map(ord, text), EOS], 7), long_input


def texts(parts):
    return [(part.text, part.space) for part in parts]


def test_a_line_that_fits_stays_whole():
    parts, long_input = divide("One. Two.", limit=10)
    assert texts(parts) == [("One. Two.", "")]
    assert long_input.report() is None


def test_sentences_one_by_one_and_words_where_a_sentence_is_too_long():
    parts, long_input = divide("One. Two.  Three four five six. 七八九。十")
    assert texts(parts) == [
        ("One.", " "),
        ("Two.", "  "),
        ("Three four", " "),
        ("five six.", " "),
        ("七八九。", ""),
        ("十", ""),
    ]
    assert all(part.ids == [*map(ord, part.text), EOS] for part in parts)
    assert long_input.report() == "1 of 1 lines are longer than 11 tokens, the first is line 7: split into 6 parts"


def test_a_word_that_is_too_long_is_split_between_pieces():
    assert texts(divide("ab abcdefghijklmno")[0]) == [("ab abcdefg", ""), ("hijklmno", "")]


def test_a_line_is_cut_at_the_last_word_that_fits():
    parts, long_input = divide("One two three four", mode="truncate")
    assert texts(parts) == [("One two", " ")]
    assert long_input.report() == "1 of 1 lines are longer than 11 tokens, the first is line 7: cut there"


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two. Three", "One. Two."),
        ("One two. Three", "One two."),
        ("One two three. Four", "One two"),
        ("七八九。十一二三四五六七八", "七八九。"),
    ],
)
def test_a_line_is_cut_behind_the_last_sentence_that_fits_if_any(text, cut):
    parts, long_input = divide(text, mode="truncate_sentence")
    assert [part.text for part in parts] == [cut]
    assert parts[0].ids == [*map(ord, cut), EOS]
    assert long_input.report().startswith("1 of 1 lines are longer than 11 tokens")


def test_a_line_is_refused_by_its_number():
    with pytest.raises(DataError, match=r"line 7 of the source(.|\n)*19 tokens: One two three four"):
        divide("One two three four", mode="error")


@given(st.text(alphabet="aB .!。\t", min_size=1, max_size=80).filter(str.strip), st.integers(2, 12))
def test_every_part_fits_and_nothing_is_lost(text, limit):
    parts, _ = divide(text, limit)
    assert "".join(part.text + part.space for part in parts) == text
    assert all(len(part.ids) <= limit for part in parts)
