"""The in-graph twin of normalisation and tokenizer gives what Python gives."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow_text", reason="TensorFlow Text is not installed")
import tensorflow as tf

from nmt.cleaning.normalize import Normalizer, is_blank
from nmt.config import TokenizerConfig
from nmt.corpora_config import NormalizeStep
from nmt.export.text import SPACE, GraphText
from nmt.export.trial import ODD_LINES
from nmt.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerPair

STEPS = [
    (),
    (NormalizeStep(),),
    (NormalizeStep(form="NFKC"),),
    (NormalizeStep(marks="drop"),),
    (NormalizeStep(form="none", marks="drop"),),
    (NormalizeStep(form="none", squeeze_spaces=False), NormalizeStep(form="NFKC", squeeze_spaces=False)),
]
WORDS = "a small text of a few words \u00fcber \u4f60\u597d \u1100\u1161 with some more words in it\n"
# Characters that this Python knows: TensorFlow Text may know newer ones. No surrogates: they have no UTF-8.
known = st.characters(exclude_categories=["Cs", "Cn"])
texts = st.lists(st.text(known | st.sampled_from(" \t\r\n\u00a0\u200b\u0301\u0323\ufb01\u1161\u11a8a")), max_size=8)


def learnt(kind: str, folder: Path) -> TokenizerPair:
    (folder / "text").write_text(WORDS * 3 + "words are few\n" * 2, encoding="utf-8")
    settings = {"kind": "unigram", "vocab_size": 300, "byte_fallback": True} if kind == "bytes" else {"kind": kind}
    config = TokenizerConfig.model_validate({"vocab_size": 45} | settings)
    tokenizer = Tokenizer.train([folder / "text"], config, seed=1, at_most=True)
    return TokenizerPair(tokenizer, tokenizer, True, config.kind)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return learnt("char", tmp_path_factory.mktemp("text"))


def decoded(values) -> list[str]:
    return [text.decode() for text in values.numpy().tolist()]


def tensor(lines) -> tf.Tensor:
    return tf.constant([line.encode() for line in lines], tf.string)


@pytest.mark.parametrize("steps", STEPS)
def test_normalisation_is_that_of_python(steps, pair):
    normalizer, graph = Normalizer(steps), GraphText(Normalizer(steps), pair)

    @settings(max_examples=60, deadline=None)
    @given(texts)
    def check(lines):
        lines = [*lines, *ODD_LINES]
        expected = [normalizer(line) for line in lines]
        found = graph.normalize(tensor(lines))
        assert decoded(found) == expected
        assert graph.is_blank(found).numpy().tolist() == [is_blank(line) for line in expected]

    check()


def test_every_character_is_normalised_as_python_does(pair):
    every = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    for steps in STEPS[1:3]:
        assert decoded(GraphText(Normalizer(steps), pair).normalize(tensor(every))) == list(
            map(Normalizer(steps), every)
        )


def test_what_is_no_utf8_is_replaced(pair):
    assert decoded(GraphText(Normalizer(), pair).normalize(tf.constant([b"a\xff b\xc3"]))) == ["a\ufffd b\ufffd"]


def test_space_is_that_of_python():
    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    left = tf.strings.regex_replace(tensor([every]), f"[^{SPACE}]+", "")
    assert decoded(left) == ["".join(filter(str.isspace, every))]


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word", "bytes"])
def test_ids_and_texts_are_those_of_sentencepiece(kind, tmp_path):
    pair = learnt(kind, tmp_path)
    graph = GraphText(Normalizer(), pair)

    @settings(max_examples=60, deadline=None)
    @given(texts, st.lists(st.lists(st.integers(0, pair.target.vocab_size - 1), min_size=1, max_size=9), min_size=1))
    def check(lines, ids):
        lines = [line.replace("\n", " ") for line in [*lines, *ODD_LINES, WORDS.strip()]]
        found = graph.encode(tensor(lines))
        assert found.to_list() == [[*encoded, EOS] for encoded in pair.source.encode(lines)]
        rows = [*ids, [UNK, UNK], [BOS, 7, EOS, 8], [PAD], [EOS]]
        longest = max(map(len, rows))
        tokens = tf.constant([[row + [PAD] * (longest - len(row))] for row in rows])  # [B, 1, L]
        assert decoded(graph.decode(tokens)[:, 0]) == pair.target.decode(rows)

    check()
