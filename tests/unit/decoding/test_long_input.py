"""Ends of sentences in several scripts; lines that are split, cut or refused; translations of parts put together."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.bundle import load_bundle
from nmt.decoding.forced import Forced
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.long_input import LongInput, Part, joined, sentences
from nmt.decoding.translate import Translator
from nmt.decoding.translation import Details, Translation, Words
from nmt.errors import DataError
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


def test_a_line_is_refused_by_its_number():
    with pytest.raises(DataError, match=r"line 7 of the source(.|\n)*19 tokens: One two three four"):
        divide("One two three four", mode="error")


@given(st.text(alphabet="aB .!。\t", min_size=1, max_size=80).filter(str.strip), st.integers(2, 12))
def test_every_part_fits_and_nothing_is_lost(text, limit):
    parts, _ = divide(text, limit)
    assert "".join(part.text + part.space for part in parts) == text
    assert all(len(part.ids) <= limit for part in parts)


def translation(text, tokens, weights=None):
    words = text.split()
    places = [[number] for number in range(len(words))]
    forced = Forced(np.arange(tokens, dtype=np.float32), weights, None)
    own = Words(words, [*places, []], [*words, ""])
    details = Details([], text, forced, own, own)
    return Translation("", text, Hypothesis([9] * (tokens - 1) + [EOS], -float(tokens), -2.0 * tokens), details)


def test_what_is_known_of_the_parts_is_known_of_the_whole():
    weights = [np.eye(3, dtype=np.float32), np.eye(2, dtype=np.float32)]
    found = [translation("a b", 3, weights[0]), translation("c", 2, weights[1])]
    whole = joined("A B  C", [Part("A B", [], "  "), Part("C", [], "")], found)
    assert (whole.source, whole.text) == ("A B  C", "a b  c")
    assert whole.hypothesis == Hypothesis([9, 9, EOS, 9, EOS], (-9.0 - 4.0) / 5, -10.0)
    assert whole.finished
    assert whole.details.source.words == whole.details.target.words == ["a", "b", "c"]
    assert whole.details.target.places == [[0], [1], [], [2], []]
    assert whole.details.alignment == [(0, 0), (1, 1), (2, 2)]
    assert whole.details.word_log_probabilities == [0.0, 1.0, 0.0]


def test_words_without_a_gap_are_one_in_the_source():
    found = [translation("a b.", 3), translation("c", 2)]
    whole = joined("甲。乙", [Part("甲。", [], ""), Part("乙", [], "")], found)
    assert whole.text == "a b. c"
    assert whole.details.target.words == ["a", "b.", "c"]
    assert whole.details.source.words == ["a", "b.c"]
    wide = joined("甲。乙", [Part("甲。", [], ""), Part("乙", [], "")], [translation("乙。", 2), translation("丙", 2)])
    assert wide.text == "乙。丙"


def test_a_bundle_translates_the_parts_as_it_translates_them_alone(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    limits = bundle.recipe.dataset.model_copy(update={"max_source_tokens": 12})
    translator = Translator(dataclasses.replace(bundle, recipe=bundle.recipe.model_copy(update={"dataset": limits})))
    ((best, *rest),) = translator.translations(["a few. A text of words"], hypotheses=2)
    parts = ["a few.", "A text of", "words"]
    alone = [next(translator.translations([part], hypotheses=2)) for part in parts]
    assert best.text == " ".join(answer[0].text for answer in alone)
    assert rest[0].text == " ".join(answer[1].text for answer in alone)
    assert best.log_probability == pytest.approx(sum(answer[0].log_probability for answer in alone), abs=1e-3)
    assert len(best.details.target.places) == len(best.hypothesis.ids)
    assert translator.long_input.report().endswith("split into 3 parts")


def test_a_bundle_cuts_what_it_is_told_to_cut(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    limits = bundle.recipe.dataset.model_copy(update={"max_source_tokens": 12})
    cut = dataclasses.replace(bundle, recipe=bundle.recipe.model_copy(update={"dataset": limits}))
    translator = Translator(cut, {"long": "truncate"})
    assert list(translator.translate(["", "a text of a few words"])) == ["", *translator.translate(["a text of"])]
    assert translator.long_input.report() == "1 of 2 lines are longer than 12 tokens, the first is line 2: cut there"
