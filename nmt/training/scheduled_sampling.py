"""Scheduled sampling: in training the decoder is fed some tokens of its own."""

from __future__ import annotations

import tensorflow as tf

from nmt.config import TrainingConfig
from nmt.decoding.restrictions import NEVER
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS, PAD, UNK


def sampled_inputs(
    model: Seq2Seq,
    source: tf.Tensor,
    target_in: tf.Tensor,
    config: TrainingConfig,
    seed: tf.Tensor,
    number: tf.Tensor,
) -> tf.Tensor:
    """Returns ``target_in`` [B, T] with some tokens replaced by samples of what the model expects in their place.

    Their share rises linearly to ``training.scheduled_sampling`` over ``scheduled_sampling_steps`` (Bengio et al. 2015,
    section 2.4, linear decay). The samples come from one pass over the reference (Mihaylova and Martins 2019; one pass
    of Duckworth et al. 2019), so that the decoder need not run token by token; no gradient flows through them. BOS and
    padding stay.

    Args:
        seed: int32 [2].
        number: the step, [].
    """
    share = config.scheduled_sampling * tf.minimum(1.0, tf.cast(number, tf.float32) / config.scheduled_sampling_steps)
    output, memory = model.teacher_forced(source, target_in)
    logits = model.logits(output, memory)  # [B, T, V]
    size = logits.shape[-1] or tf.shape(logits)[-1]
    logits += tf.reduce_sum(tf.one_hot([PAD, UNK, BOS, EOS], size), axis=0) * NEVER
    shape = tf.shape(target_in)
    flat = tf.reshape(logits, [-1, size])
    draw = tf.random.stateless_categorical(flat, 1, seed + tf.constant([1, 0]), tf.int32)
    draw = tf.reshape(draw, shape)  # [B, T]; the sample at t stands for the token that is fed at t + 1
    own = tf.stop_gradient(tf.concat([target_in[:, :1], draw[:, :-1]], axis=1))
    chosen = tf.random.stateless_uniform(shape, seed + tf.constant([2, 0])) < share
    return tf.where(chosen & (target_in != BOS) & (target_in != PAD), own, target_in)
