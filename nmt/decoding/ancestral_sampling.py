"""Ancestral sampling: outputs drawn token by token from what the model says comes next.

Like the search, it knows no model, and asks a ``step`` function.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nmt.decoding.search import Step
from nmt.tokenizer import BOS, EOS, PAD


def draw_samples(step: Step, model_state: Any, max_lengths: tf.Tensor, samples: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws K independent outputs for every sentence, each with the probability that the model gives it.

    Args:
        step: takes the last tokens int32 [B, K] and the state, returns logits float32 [B, K, V] and the new state.
        model_state: state before the first step, a nest of tensors [B*K, ...].
        max_lengths: int32 [B], the most tokens of an output, EOS counted; a longer one is cut there.
        samples: K.
        seed: int32 [2]; the outputs are a function of it.

    Returns:
        int32 [B, K, L], which end in EOS where there was room, PAD behind it.
    """
    batch = tf.shape(max_lengths)[0]
    longest = tf.reduce_max(max_lengths)
    shape = tf.stack([batch, samples])
    limits = max_lengths[:, None]

    def unfinished(time: tf.Tensor, last: tf.Tensor, done: tf.Tensor, *_: Any) -> tf.Tensor:
        return tf.logical_and(time < longest, tf.logical_not(tf.reduce_all(done)))

    def advance(time: tf.Tensor, last: tf.Tensor, done: tf.Tensor, tokens: tf.Tensor, state: Any) -> tuple[Any, ...]:
        logits, state = step(last, state)
        flat = tf.reshape(logits, [-1, tf.shape(logits)[2]])  # [B, K, V] -> [B*K, V]
        own_seed = tf.random.experimental.stateless_fold_in(seed, time)
        drawn = tf.random.stateless_categorical(flat, 1, own_seed, dtype=tf.int32)  # [B*K, 1]
        drawn = tf.where(done, PAD, tf.reshape(drawn, shape))  # [B, K]
        here = tf.range(longest) == time
        tokens = tf.where(here, drawn[:, :, None], tokens)
        return time + 1, drawn, done | (drawn == EOS) | (time + 1 >= limits), tokens, state

    tokens = tf.fill(tf.concat([shape, [longest]], axis=0), PAD)
    first = (tf.constant(0), tf.fill(shape, BOS), tf.zeros(shape, tf.bool), tokens, model_state)
    row = tf.TensorShape([None, samples])
    state_shapes = tf.nest.map_structure(lambda value: value.shape, model_state)
    shapes = (tf.TensorShape([]), row, row, tf.TensorShape([None, samples, None]), state_shapes)
    *_, tokens, _ = tf.while_loop(unfinished, advance, first, shape_invariants=shapes, parallel_iterations=1)
    return tokens
