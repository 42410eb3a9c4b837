"""The search, with a fake step function and exact results."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from nmt.decoding.search import beam_search
from nmt.tokenizer import BOS, EOS

VOCAB = 6
CHAIN = np.random.default_rng(0).normal(scale=2.0, size=(VOCAB, VOCAB)).astype("float32")


def search(max_lengths, beam_size, length_penalty, chain=CHAIN):
    """Searches with a model whose next token depends on the last one alone."""
    run = tf.function(
        lambda: beam_search(
            lambda tokens, state: (tf.nn.log_softmax(tf.gather(tf.constant(chain), tokens)), state),
            [tf.zeros([len(max_lengths) * beam_size, 1])],
            tf.constant(max_lengths),
            beam_size,
            length_penalty,
        )
    )
    result = run()
    return result.tokens.numpy(), result.scores.numpy()


def every_output(max_length, length_penalty):
    """All outputs with their scores, best first: they end in EOS, or at the limit."""
    log_probabilities = tf.nn.log_softmax(CHAIN).numpy()
    outputs = []
    for length in range(1, max_length + 1):
        for tokens in itertools.product(range(VOCAB), repeat=length):
            if EOS in tokens[:-1] or (tokens[-1] != EOS and length < max_length):
                continue
            score = sum(log_probabilities[a, b] for a, b in zip((BOS, *tokens), tokens, strict=False))
            outputs.append((score / length**length_penalty, tokens))
    return sorted(outputs, reverse=True)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
def test_a_beam_of_full_width_equals_exhaustive_search(length_penalty):
    tokens, scores = search([4], VOCAB**3, length_penalty)
    for rank, (score, expected) in enumerate(every_output(4, length_penalty)[:3]):
        assert scores[0, rank] == pytest.approx(score, abs=1e-5)
        assert tuple(tokens[0, rank, : len(expected)]) == expected


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_one_takes_the_best_token_at_each_step(seed):
    chain = np.random.default_rng(seed).normal(size=(VOCAB, VOCAB)).astype("float32")
    # The end is always the second best token, until a state is reached in which it is the best.
    chain[:, EOS] = np.sort(chain[:, [token for token in range(VOCAB) if token != EOS]], axis=1)[:, -1] - 0.01
    chain[5, EOS] += 1
    expected, last = [], BOS
    while last != EOS and len(expected) < 8:
        last = int(chain[last].argmax())
        expected.append(last)
    tokens, scores = search([8], 1, 1.0, chain)
    assert tokens[0, 0, : len(expected)].tolist() == expected
    log_probabilities = tf.nn.log_softmax(chain).numpy()
    total = sum(log_probabilities[a, b] for a, b in zip((BOS, *expected), expected, strict=False))
    assert scores[0, 0] == pytest.approx(total / len(expected), abs=1e-5)


def test_a_sentence_does_not_depend_on_those_beside_it():
    together = search([3, 7, 5], 3, 1.0)
    for row, limit in enumerate([3, 7, 5]):
        tokens, scores = search([limit], 3, 1.0)
        np.testing.assert_array_equal(together[0][row, :, :limit], tokens[0])
        np.testing.assert_allclose(together[1][row], scores[0], atol=1e-6)


def test_hypotheses_differ_and_come_best_first():
    tokens, scores = search([6], 4, 1.0)
    assert len({tuple(row) for row in tokens[0].tolist()}) == 4
    assert (np.diff(scores[0]) <= 0).all()


def test_the_state_follows_its_hypothesis():
    """The state adds up the tokens of its own history; the step checks that no other history's state arrives."""
    length = 5

    # Scoring by the running sum: the token that continues it most is the better, so a mixed-up state shows.
    def by_sum(tokens, state):
        total = state + tf.reshape(tokens, [-1, 1])
        wanted = tf.reshape(total % VOCAB, tf.shape(tokens))
        logits = 5.0 * tf.one_hot(wanted, VOCAB) + tf.gather(tf.constant(CHAIN), tokens)
        return tf.nn.log_softmax(logits), total

    result = beam_search(by_sum, tf.zeros([3, 1], tf.int32), tf.constant([length]), 3, 0.0)
    tokens = result.tokens[0, 0].numpy()
    history, score = [BOS], 0.0
    for token in tokens:
        logits = CHAIN[history[-1]] + 5.0 * np.eye(VOCAB)[sum(history) % VOCAB]
        score += float(tf.nn.log_softmax(logits)[token])
        if token == EOS:
            break
        history.append(int(token))
    assert float(result.scores[0, 0]) == pytest.approx(score, abs=1e-4)
