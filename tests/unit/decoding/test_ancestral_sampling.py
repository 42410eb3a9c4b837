"""Sampling, with a fake step function whose outputs can all be counted."""

import itertools

import numpy as np
import tensorflow as tf

from nmt.decoding.ancestral_sampling import draw_samples
from nmt.tokenizer import BOS, EOS, PAD

VOCAB = 6
CHAIN = np.random.default_rng(0).normal(scale=1.0, size=(VOCAB, VOCAB)).astype("float32")
CHAIN[:, [PAD, BOS]] = -1e9


def draw(max_lengths, samples, seed=(1, 2)):
    """Draws from a model whose next token depends on the last one, and on how many steps there were."""

    def step(tokens, time):
        return tf.gather(tf.constant(CHAIN), tokens) * (1.0 + 0.3 * time[:, :, None]), time + 1.0

    first = tf.zeros([len(max_lengths), samples])
    run = tf.function(lambda: draw_samples(step, first, tf.constant(max_lengths), samples, tf.constant(seed)))
    return run().numpy()


def probabilities(max_length):
    """The probability of every output: it ends in EOS, or at the limit."""
    found = {}
    for length in range(1, max_length + 1):
        for tokens in itertools.product((1, EOS, 4, 5), repeat=length):
            if EOS in tokens[:-1] or (tokens[-1] != EOS and length < max_length):
                continue
            pairs = enumerate(zip((BOS, *tokens), tokens, strict=False))
            log = sum(tf.nn.log_softmax(CHAIN[a] * (1.0 + 0.3 * time)).numpy()[b] for time, (a, b) in pairs)
            found[tokens + (PAD,) * (max_length - length)] = float(np.exp(log))
    return found


def test_outputs_come_as_often_as_the_model_says():
    count = 20_000
    expected = probabilities(3)
    assert abs(sum(expected.values()) - 1.0) < 1e-5
    outputs, found = np.unique(draw([3], count)[0], axis=0, return_counts=True)
    frequencies = {tuple(output): number for output, number in zip(outputs.tolist(), found, strict=True)}
    assert set(frequencies) <= set(expected)
    chi_square = sum((frequencies.get(o, 0) - count * p) ** 2 / (count * p) for o, p in expected.items())
    freedom = len(expected) - 1
    assert chi_square < freedom + 3 * (2 * freedom) ** 0.5
    assert len(frequencies) > 10


def test_the_seed_decides_and_the_samples_of_a_sentence_differ():
    first, second, other = draw([8, 8], 5), draw([8, 8], 5), draw([8, 8], 5, seed=(1, 3))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert len(np.unique(first.reshape(10, -1), axis=0)) > 5


def test_every_sentence_has_its_own_longest_length():
    outputs = draw([2, 6], 200)
    assert outputs.shape == (2, 200, 6)
    assert (outputs[0, :, 2:] == PAD).all()
    assert (outputs[1, :, 2:] != PAD).any()
    for output in outputs.reshape(-1, 6).tolist():
        end = output.index(EOS) if EOS in output else 5
        assert set(output[end + 1 :]) <= {PAD}
