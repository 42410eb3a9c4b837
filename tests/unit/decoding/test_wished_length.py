"""Outputs of a wished number of words, with a fake step function and with a bundle."""

import numpy as np
import pytest
import tensorflow as tf

from nmt.bundle import load_bundle
from nmt.decoding.problem import Problem
from nmt.decoding.search import search
from nmt.decoding.translate import Translator
from nmt.decoding.wished_length import Wish, WordStarts, count_words
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.tokenizer import EOS, PAD

WORD, PIECE, VOCAB = 4, 5, 6
STARTS = np.array([token == WORD for token in range(VOCAB)])
SOURCE = tf.constant([[WORD] * 10 + [EOS]])


def found(logits, config, wish_of=SOURCE, longest=40, **model):
    """Searches with a model that always says the same of the next token; returns the words and the tokens."""
    config = DecodingConfig.model_validate({"beam_size": 4, "wished_length": config} | model)
    rows = wish_of.shape[0]
    row = tf.constant(logits, tf.float32)

    def step(tokens, memory, state):
        return tf.broadcast_to(row, [*tokens.shape[:1], *tf.shape(tokens)[1:], VOCAB]), state, None

    wish = Wish.of(config.wished_length, wish_of, WordStarts(STARTS, STARTS))
    limits = tf.minimum(wish.longest(config.wished_length), longest)
    first = [tf.zeros([rows * config.beam_size, 1])]
    problem = Problem(step, first, limits, seeds=tf.cast(tf.range(rows), tf.uint32), wish=wish)
    tokens = search(problem, config).tokens[:, 0].numpy()
    return count_words(tf.constant(tokens), tf.constant(STARTS)).numpy().tolist(), tokens


# Log-probabilities, but for a constant: PAD, UNK, BOS, EOS, a piece that begins a word, and one that goes on with it.
EAGER = [-9, -9, -9, 0.0, -1.0, -2.0]  # would end at once
WORDY = [-9, -9, -9, -6.0, 0.0, -3.0]  # would not end for long
OPEN = [-9, -9, -9, -1.0, 0.0, -9.0]  # may end anywhere
MIXED = [-9, -9, -9, -2.0, 0.0, -0.5]


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("logits", [EAGER, WORDY, MIXED])
@pytest.mark.parametrize("words", [1, 3, 5, 10])
def test_the_number_of_words_is_within_the_slack(words, logits, beam_size):
    slack = max(1, round(0.2 * words))
    counts, tokens = found(logits, {"words": words}, beam_size=beam_size)
    assert max(1, words - slack) <= counts[0] <= words + slack
    if logits is not MIXED:  # of which the best are cut, in a long word
        assert tokens[0][np.count_nonzero(tokens[0] != PAD) - 1] == EOS


def test_a_ratio_is_of_the_words_of_each_source():
    sources = tf.constant([[WORD] * 20, [WORD, PIECE] * 5 + [PAD] * 10])
    counts, _ = found(EAGER, {"ratio": 0.4, "slack": 0.0}, sources)
    assert counts == [8, 2]


def test_of_several_ends_the_nearest_to_the_wish_is_preferred_as_far_as_the_weight_says():
    exact, _ = found(OPEN, {"words": 10, "slack": 0.3, "weight": 100.0}, length_penalty=0.0)
    careless, _ = found(OPEN, {"words": 10, "slack": 0.3, "weight": 0.0}, length_penalty=0.0)
    assert (exact, careless) == ([10], [7])


def test_diverse_beams_draws_and_compiled_searches_keep_to_it():
    for more in ({"diversity": {"groups": 2}}, {"sampling": {"temperature": 1.0}}):
        counts, _ = found(WORDY, {"words": 6, "slack": 0.0}, **more)
        assert counts == [6]


def test_the_first_token_is_a_word_and_so_are_words_of_the_source_that_no_vocabulary_has():
    assert count_words(tf.constant([PIECE, PIECE, WORD, EOS]), tf.constant(STARTS)).numpy() == 2
    assert count_words(tf.constant([WORD, VOCAB + 2, PIECE, EOS, PAD]), tf.constant(STARTS)).numpy() == 2


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("words", [2, 7])
def test_a_bundle_writes_so_many_words(words, compiled, tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    wished = {"wished_length": {"words": words, "slack": 0.0}, "beam_size": 2, "compile": compiled}
    lines = list(Translator(bundle, wished).translate(["a few words", "a text of words"]))
    assert [len(line.split()) for line in lines] == [words, words]


def test_without_words_a_wish_is_refused(tiny_bundle):
    from nmt.decoding.decoder import BatchDecoder

    config = DecodingConfig.model_validate({"wished_length": {"words": 3}})
    with pytest.raises(UsageError, match="no words of text"):
        BatchDecoder(load_bundle(tiny_bundle).model(), config).decode([[4, 5, EOS]])


@pytest.mark.parametrize("config", [{}, {"words": 3, "ratio": 0.2}, {"words": 0}, {"ratio": 0.1, "slack": 1.0}])
def test_a_wish_is_a_number_or_a_ratio(config):
    with pytest.raises(ValueError, match=r"wished_length|words|slack"):
        DecodingConfig.model_validate({"wished_length": config})
