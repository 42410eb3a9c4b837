"""Sampling, with a fake step function whose outputs can all be counted."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from nmt.decoding.problem import Problem
from nmt.decoding.sampling import _finish, _mix, hypothesis_seeds, source_seeds
from nmt.decoding.search import search
from nmt.decoding_config import DecodingConfig
from nmt.tokenizer import BOS, EOS, PAD

VOCAB = 6
CHAIN = np.random.default_rng(0).normal(scale=1.0, size=(VOCAB, VOCAB)).astype("float32")
CHAIN[:, [PAD, BOS]] = -1e9


def draw(max_lengths, samples, seed=(1, 2), sources=None, **sampling):
    """Draws from a model whose next token depends on the last one, and on how many steps there were."""
    config = DecodingConfig.model_validate({"beam_size": samples, "sampling": sampling})
    numbers = tf.constant(range(len(max_lengths)) if sources is None else sources, tf.uint32)

    def step(tokens, memory, time):
        steps = tf.reshape(time, [-1, samples, 1])
        return tf.gather(tf.constant(CHAIN), tokens) * (1.0 + 0.3 * steps), time + 1.0, None

    first = tf.zeros([len(max_lengths) * samples])
    problem = Problem(step, first, tf.constant(max_lengths), seeds=numbers)
    return tf.function(lambda: search(problem, config, seed=tf.constant(seed)))().tokens.numpy()


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


def test_the_draws_of_a_source_depend_on_it_alone():
    together = draw([4, 6, 6], 3, sources=[7, 8, 9])
    for row, (limit, source) in enumerate([(4, 7), (6, 8), (6, 9)]):
        np.testing.assert_array_equal(draw([limit], 3, sources=[source])[0], together[row, :, :limit])


def shares(**sampling):
    """Returns how often each token is the first of an output, for one of each that is left."""
    tokens, found = np.unique(draw([1], 20_000, **sampling)[0, :, 0], return_counts=True)
    return dict(zip(tokens.tolist(), found / 20_000, strict=True))


@pytest.mark.parametrize("temperature", [0.25, 0.5, 2.0])
def test_the_temperature_sharpens_or_flattens(temperature):
    expected = tf.nn.softmax(CHAIN[BOS] / temperature).numpy()
    for token, share in shares(temperature=temperature).items():
        assert share == pytest.approx(expected[token], abs=0.015)


CHANCES = tf.nn.softmax(CHAIN[BOS]).numpy()
RANKED = sorted(range(VOCAB), key=lambda token: -CHANCES[token])


@pytest.mark.parametrize("top_k", [1, 2, 3, 100])
def test_only_the_most_probable_are_drawn(top_k):
    left = [token for token in RANKED[:top_k] if CHANCES[token] > 0]
    found = shares(top_k=top_k)
    assert set(found) == set(left)
    for token, share in found.items():
        assert share == pytest.approx(CHANCES[token] / CHANCES[left].sum(), abs=0.015)


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_fewest_tokens_of_a_probability_are_drawn(count, more):
    # A little less than the probability of so many, and a little more: then one more is needed.
    top_p = float(CHANCES[RANKED[:count]].sum()) + (1e-3 if more else -1e-3)
    left = RANKED[: count + more]
    found = shares(top_p=top_p)
    assert set(found) == set(left)
    for token, share in found.items():
        assert share == pytest.approx(CHANCES[token] / CHANCES[left].sum(), abs=0.015)


def test_a_source_has_one_number_whatever_its_padding():
    short, long = (source_seeds(tf.constant([ids])).numpy()[0] for ids in ([5, 6, 3], [5, 6, 3, 0, 0]))
    assert short == long
    others = source_seeds(tf.constant([[6, 5, 3], [5, 6, 4], [0, 5, 6], [5, 6, 3]])).numpy()
    assert len(set(others.tolist())) == 4
    vectors = np.random.default_rng(0).normal(size=(1, 3, 2)).astype("float32")
    padded = np.concatenate([vectors, np.zeros((1, 2, 2), np.float32)], axis=1)
    assert source_seeds(tf.constant(vectors)).numpy() == source_seeds(tf.constant(padded)).numpy()


def test_the_hash_is_murmur_3():
    """Against the reference implementation's values for four bytes and seed 0."""
    for word, expected in [(0x00000000, 0x2362F9DE), (0xFFFFFFFF, 0x76293B50), (0x87654321, 0xF55B516B)]:
        state = _mix(tf.constant(0, tf.uint32), tf.constant(word, tf.uint32))
        assert int(_finish(tf.bitwise.bitwise_xor(state, tf.constant(4, tf.uint32)))) == expected


def test_every_output_has_its_own_number():
    seeds = hypothesis_seeds(tf.constant([1, 2]), tf.constant(range(300), tf.uint32), 300).numpy()
    assert seeds.shape == (90_000, 1)
    assert len(np.unique(seeds)) > 89_900  # of 2^32 numbers, about one pair of these is the same
