"""Additive attention, whose gradient is written by hand, against the gradient of the same written plainly."""

import numpy as np
import pytest
import tensorflow as tf

from nmt.model_config import DecoderConfig
from nmt.models.attention import Attention, Memory

B, Q, S, H = 2, 3, 5, 4


def attention_of(coverage):
    attention = Attention(DecoderConfig(units=H, attention="additive", coverage=coverage), H, "attention")
    generator = np.random.default_rng(1)
    for weight in attention.weights:
        weight.assign(generator.normal(size=weight.shape))
    return attention


def plain(attention, queries, memory, time, coverage=None):
    inner = attention.query_map.apply(queries)[:, :, None] + memory.keys[:, None]
    if coverage is not None:
        inner += coverage[..., None] * attention.coverage_row
    scores = tf.reduce_sum(attention.score * tf.tanh(inner), axis=-1)
    weights = tf.nn.softmax(tf.where(memory.mask[:, None], scores, -1e9))
    return tf.matmul(weights, memory.values), weights


@pytest.mark.parametrize("way", ["at once", "one by one", "with coverage"])
def test_scores_and_gradients_are_those_of_the_formula(way):
    attention = attention_of(way == "with coverage")
    generator = np.random.default_rng(2)
    queries, values, coverage = (
        tf.constant(generator.normal(size=shape).astype(np.float32)) for shape in ((B, Q, H), (B, S, H), (B, Q, S))
    )
    mask = tf.constant([[True] * S, [True] * (S - 2) + [False] * 2])
    upstream = generator.normal(size=(B, Q, H)).astype(np.float32)
    covered = {"coverage": coverage} if way == "with coverage" else {}

    def measure(attend):
        watched = [queries, values, coverage, *(weight.value for weight in attention.weights)]
        with tf.GradientTape() as tape:
            tape.watch(watched[:3])
            keyed = attention.prepare(values)
            memory = Memory(*keyed, mask, tf.zeros([B, S], tf.int32), values[:, 0])
            contexts, weights = attend(queries, memory, tf.zeros([B, Q], tf.int32), **covered)
            loss = tf.reduce_sum(contexts * upstream) + tf.reduce_sum(weights**2)
        return contexts, weights, *tape.gradient(loss, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    one_by_one = {"one_by_one": True} if way == "one by one" else {}
    found = tf.function(lambda: measure(lambda *rest, **more: attention.attend(*rest, **more, **one_by_one)))()
    expected = measure(lambda *rest, **more: plain(attention, *rest, **more))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
