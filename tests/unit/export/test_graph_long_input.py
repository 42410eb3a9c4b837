"""Texts that are too long are divided, and their translations joined, as in Python."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow_text", reason="TensorFlow Text is not installed")
import tensorflow as tf

from nmt.bundle import load_bundle
from nmt.cleaning.normalize import Normalizer, is_blank
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.long_input import joined
from nmt.decoding.translation import Translation
from nmt.export.long_input import GraphLongInput, Parts, join
from nmt.export.text import GraphText
from nmt.long_sources import LongInput, Part
from nmt.tokenizer import EOS

SENTENCES = (
    "J. S. Bach. A few words! (\u201cA small text.\u201d) of words... few. and\u3002"
    "few words\uff01\uff09of A.B. C? d. E."
)
characters = st.sampled_from(
    "a few words.  .!?\u3002\uff01\u300d)\"' \u00a0\u3000JSB\u00fc\u4f60\u00df1\u0301"
) | st.characters(exclude_categories=["Cs", "Cn"])
texts = st.lists(st.text(characters, max_size=60).map(lambda text: text.replace("\n", " ")), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def tokenizers(tiny_bundle):
    return load_bundle(tiny_bundle).tokenizers


@pytest.mark.parametrize("mode", ["split", "truncate"])
@pytest.mark.parametrize("limit", [2, 7, 20])
def test_parts_are_those_of_python(mode, limit, tokenizers):
    text = GraphText(Normalizer(), tokenizers)
    divide = tf.function(
        GraphLongInput(mode, limit, text).divide, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )

    @settings(max_examples=60, deadline=None)
    @given(texts)
    @example([SENTENCES, "few", SENTENCES * 2])
    @example(["\u4f60" * 30 + " a few" * 9, "a. b" + " " * 1200 + "c" * 30])
    def check(lines):
        lines = [line for line in lines if not is_blank(line)]
        python = LongInput(mode, limit, tokenizers.source)
        encoded = [[*ids, EOS] for ids in tokenizers.source.encode(lines)]
        expected = [
            (part.text, row, part.space)
            for row, (line, ids) in enumerate(zip(lines, encoded, strict=True))
            for part in python.divide(line, ids, row)
        ]
        parts = divide(tf.constant([line.encode() for line in lines], tf.string))
        found = zip(*(part.numpy().tolist() for part in parts), strict=True)
        assert [(text.decode(), row, space.decode()) for text, row, space in found] == expected

    check()


def test_long_texts_are_refused(tokenizers):
    long = GraphLongInput("error", 4, GraphText(Normalizer(), tokenizers))
    assert long.divide(tf.constant(["a", "w"])).rows.numpy().tolist() == [0, 1]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"longer than 4 tokens"):
        long.divide(tf.constant(["a few words"]))


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["", "a", "\u4f60", "b\u3002", "c "]),
                st.integers(1, 9),
                st.sampled_from(["", " ", "\u3000"]),
            ),
            min_size=1,
            max_size=4,
        ),
        max_size=4,
    )
)
@settings(max_examples=60, deadline=None)
def test_translations_are_joined_as_in_python(lines):
    expected = []
    for line in lines:
        found = [Translation("", text, Hypothesis([5] * size, -size / 2, -1.0)) for text, size, _ in line]
        whole = joined("", [Part("", [], space) for *_, space in line], found)
        expected.append((whole.text, whole.score))
    flat = [part for line in lines for part in line]
    rows = [row for row, line in enumerate(lines) for _ in line]
    parts = Parts(
        tf.fill([len(flat)], ""), tf.constant(rows, tf.int32), tf.constant([space for *_, space in flat], tf.string)
    )
    translated = tf.reshape(tf.constant([text for text, *_ in flat], tf.string), [-1, 1])
    sizes = tf.reshape(tf.constant([size for _, size, _ in flat], tf.int32), [-1, 1])
    found, scores = join(parts, translated, -tf.cast(sizes, tf.float32) / 2, sizes, tf.constant(len(lines)))
    assert [text.decode() for text in found.numpy()[:, 0]] == [text for text, _ in expected]
    assert scores.numpy()[:, 0].tolist() == pytest.approx([score for _, score in expected])


def test_a_part_without_a_second_best_leaves_none():
    parts = Parts(tf.constant(["", "", ""]), tf.constant([0, 0, 1]), tf.constant([" ", "", ""]))
    texts = tf.constant([["a", "b"], ["c", ""], ["d", "e"]])
    scores = tf.constant([[-1.0, -2.0], [-1.0, -1e9], [-1.0, -3.0]])
    found, joint = join(parts, texts, scores, tf.ones([3, 2], tf.int32), tf.constant(2))
    assert found.numpy().tolist() == [[b"a c", b""], [b"d", b"e"]]
    assert joint.numpy().tolist() == [[-1.0, -1e9], [-1.0, -3.0]]
