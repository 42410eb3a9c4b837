"""What an output may not say: ends too early, repetitions, forbidden phrases, and whatever is not its prefix.

Each function takes logits and returns logits in which the forbidden tokens are far below all others. What is left is
not scaled up: a hypothesis keeps the probability that the model gives it.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nmt.tokenizer import EOS, PAD

NEVER = -1e9


def forbid_end(logits: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Forbids the end to the hypotheses of ``logits`` [R, W, V] that ``where``, [R, W] or [R, 1], names."""
    end = tf.one_hot(EOS, tf.shape(logits)[-1], on_value=NEVER, off_value=0.0)
    return logits + tf.where(where[:, :, None], end, 0.0)


def forbid_repeated_ngrams(logits: tf.Tensor, outputs: tf.Tensor, time: tf.Tensor, size: int) -> tf.Tensor:
    """Forbids each token that would complete n tokens in a row that the output has already.

    Args:
        logits: [R, W, V].
        outputs: the tokens so far, [R, W, L].
        time: their number.
        size: n.
    """
    longest = tf.shape(outputs)[2]
    matches = tf.range(longest) < time  # [L]: whether position i ends such n tokens
    for back in range(1, size):
        last = tf.gather(outputs, tf.maximum(time - back, 0), axis=2)[:, :, None]  # [R, W, 1]
        before = tf.pad(outputs, [[0, 0], [0, 0], [back, 0]], constant_values=-1)[:, :, :longest]
        matches = matches & (before == last)
    matches = matches & (time >= size - 1)
    return forbid(logits, outputs, tf.broadcast_to(matches, tf.shape(outputs)))


def penalize_repetition(
    logits: tf.Tensor, normalizer: tf.Tensor, outputs: tf.Tensor, time: tf.Tensor, penalty: float
) -> tf.Tensor:
    """Multiplies the log-probability of every token that the output has already (Keskar et al. 2019, section 4.1).

    Of logits, which the paper divides, neither sign nor size means anything where models vote or copy.

    Args:
        logits: [R, W, V].
        normalizer: the logarithm of the sum of their exponentials, [R, W, 1].
        outputs: the tokens so far, [R, W, L].
        time: their number.
        penalty: the factor, above 1.
    """
    places = _places(logits, outputs)
    flat = tf.reshape(logits, [-1])
    there = tf.gather(flat, places)  # [R, W, L]
    penalized = normalizer + (there - normalizer) * penalty
    # A token that comes twice is written twice, with the same value.
    written = tf.where(tf.range(tf.shape(outputs)[2]) < time, penalized, there)
    return tf.reshape(tf.tensor_scatter_nd_min(flat, places[..., None], written), tf.shape(logits))


def force_prefix(logits: tf.Tensor, masked: tf.Tensor, prefix: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Leaves the sentences that are still in their prefix one token.

    Args:
        logits: [R, W, V].
        masked: the same, after other restrictions, which hold behind the prefix.
        prefix: int32 [R, P].
        time: number of tokens so far.
    """
    longest = prefix.shape[1]
    token = tf.where(time < longest, tf.gather(prefix, tf.minimum(time, longest - 1), axis=1), PAD)  # [R]
    only = tf.where(tf.one_hot(token, columns(logits), True, False)[:, None], logits, NEVER)
    return tf.where((token == PAD)[:, None, None], masked, only)


def forbid_phrases(logits: tf.Tensor, outputs: tf.Tensor, time: tf.Tensor, phrases: tf.Tensor) -> tf.Tensor:
    """Forbids the last token of each phrase to the outputs that end in the tokens before it.

    Args:
        logits: [R, W, V].
        outputs: the tokens so far, [R, W, L].
        time: their number.
        phrases: int32 [R, F, P].
    """
    longest = phrases.shape[2]
    lengths = tf.reduce_sum(tf.cast(phrases != PAD, tf.int32), axis=2)  # [R, F]
    last = tf.gather(phrases, tf.maximum(lengths - 1, 0)[:, :, None], batch_dims=2)[:, :, 0]
    shape = tf.concat([tf.shape(logits)[:2], [phrases.shape[1]]], axis=0)  # [R, W, F]
    follows = tf.fill(shape, True)
    for place in range(longest - 1):
        # This token of a phrase, against the one that is as far from the end of the output.
        back = time - (lengths - 1) + place  # [R, F]
        inside = tf.broadcast_to(tf.maximum(back, 0)[:, None], shape)
        there = tf.gather(outputs, tf.minimum(inside, tf.shape(outputs)[2] - 1), batch_dims=2)
        matches = (there == phrases[:, None, :, place]) & (back >= 0)[:, None]
        follows = follows & (matches | (place >= lengths - 1)[:, None])
    return forbid(logits, tf.broadcast_to(last[:, None], shape), follows)


def forbid(logits: tf.Tensor, tokens: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Forbids those of ``tokens`` [R, W, X] to their hypothesis, of ``logits`` [R, W, V], that ``where`` names."""
    flat = tf.reshape(logits, [-1])
    banned = tf.tensor_scatter_nd_add(flat, _places(logits, tokens)[..., None], tf.where(where, NEVER, 0.0))
    return tf.reshape(banned, tf.shape(logits))


def columns(logits: tf.Tensor) -> Any:
    """Returns how many tokens ``logits`` [..., V] are of, as a number where the graph knows it.

    It does not where unknown words of the source can be copied: of these a batch has as many as its sources are long.
    """
    return logits.shape[-1] or tf.shape(logits)[-1]


def _places(logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Returns where in flat ``logits`` [R * W * V] the ``tokens`` [R, W, X] of each hypothesis are."""
    rows, width = tf.shape(logits)[0], tf.shape(logits)[1]
    first = tf.reshape(tf.range(rows * width) * columns(logits), [rows, width, 1])
    return first + tokens
