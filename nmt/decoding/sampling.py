"""Sampling: tokens drawn from what the model says comes next.

A draw depends on a seed, the source, the number of the output and the step alone. Which other sources are in the batch,
and in which order, changes nothing, so no generator of the whole batch will do: every hypothesis has numbers of its
own, MurmurHash3 (Appleby 2011, the 32-bit form) of these four.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nmt.decoding.restrictions import columns
from nmt.decoding_config import SamplingConfig

_WORDS = 5  # that are hashed: two of the seed, the source, the output, the step


def source_seeds(source: tf.Tensor) -> tf.Tensor:
    """Returns a number uint32 [B] for each source, ids [B, S] or vectors [B, S, 1 + F], whatever its padding."""
    bits = tf.bitcast(source, tf.uint32)
    bits = tf.reshape(bits, [tf.shape(bits)[0], -1])
    places = tf.cast(tf.range(tf.shape(bits)[1]), tf.uint32)
    mixed = _finish(bits + places * _word(0x9E3779B1))
    return tf.reduce_sum(tf.where(bits == 0, _word(0), mixed), axis=1)  # padding is zeros


def hypothesis_seeds(seed: tf.Tensor, sources: tf.Tensor, outputs: int) -> tf.Tensor:
    """Returns a number uint32 [B * K, 1] for each output.

    Args:
        seed: int32 [2].
        sources: uint32 [B], one number for each source.
        outputs: K of every source.
    """
    words = tf.bitcast(seed, tf.uint32)
    state = _mix(_mix(tf.zeros_like(sources), words[0]), words[1])
    state = _mix(state, sources)[:, None]  # [B, 1]
    state = _mix(state, tf.cast(tf.range(outputs), tf.uint32)[None])  # [B, K]
    return tf.reshape(state, [-1, 1])


def draw(logits: tf.Tensor, seeds: tf.Tensor, time: tf.Tensor, config: SamplingConfig) -> tf.Tensor:
    """Draws one token int32 [R, 1, 1] for each hypothesis.

    Args:
        logits: [R, 1, V].
        seeds: uint32 [R, 1], from ``hypothesis_seeds``.
        time: the step.
        config: temperature and the tokens among which to draw.
    """
    values, tokens = logits / config.temperature, None
    if config.top_k is not None or config.top_p is not None:
        size, most = columns(logits), config.top_k
        if most is not None:
            size = min(most, size) if isinstance(size, int) else tf.minimum(most, size)
        values, tokens = tf.math.top_k(values, size)
    shares = tf.nn.softmax(values)
    if config.top_p is not None:
        before = tf.cumsum(shares, axis=-1, exclusive=True)
        shares = tf.where(before < config.top_p, shares, 0.0)
    sums = tf.cumsum(shares, axis=-1)  # [R, 1, X]
    threshold = _uniform(seeds, time)[:, :, None] * sums[:, :, -1:]
    drawn = tf.reduce_sum(tf.cast(sums <= threshold, tf.int32), axis=-1, keepdims=True)  # [R, 1, 1]
    return drawn if tokens is None else tf.gather(tokens, drawn, batch_dims=2)


def _uniform(seeds: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Returns one number in [0, 1) for each of ``seeds``."""
    state = _mix(seeds, tf.cast(time, tf.uint32))
    bits = _finish(tf.bitwise.bitwise_xor(state, _word(4 * _WORDS)))
    return tf.cast(_shifted(bits, 8), tf.float32) * 2.0**-24  # all that a float32 holds


def _mix(state: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
    """Takes four more bytes into a state, as MurmurHash3 does."""
    word = _rotated(word * _word(0xCC9E2D51), 15) * _word(0x1B873593)
    return _rotated(tf.bitwise.bitwise_xor(state, word), 13) * _word(5) + _word(0xE6546B64)


def _finish(state: tf.Tensor) -> tf.Tensor:
    """Makes every bit depend on all others, as MurmurHash3 does at its end."""
    state = tf.bitwise.bitwise_xor(state, _shifted(state, 16)) * _word(0x85EBCA6B)
    state = tf.bitwise.bitwise_xor(state, _shifted(state, 13)) * _word(0xC2B2AE35)
    return tf.bitwise.bitwise_xor(state, _shifted(state, 16))


def _rotated(bits: tf.Tensor, by: int) -> tf.Tensor:
    return tf.bitwise.bitwise_or(tf.bitwise.left_shift(bits, _word(by)), _shifted(bits, 32 - by))


def _shifted(bits: tf.Tensor, by: int) -> tf.Tensor:
    return tf.bitwise.right_shift(bits, _word(by))


def _word(value: int) -> Any:
    return tf.constant(value, tf.uint32)
