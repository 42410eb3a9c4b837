"""Attention: a weighted mean of the memory, asked for by queries.

Queries may be the steps of a target (teacher forcing, Q = T) or the hypotheses of a beam (search, Q = K): the memory is
stored once per sentence either way.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from nmt.models.layers import Linear


class Memory(NamedTuple):
    """What the encoder leaves for the decoder.

    ``values`` [B, S, D] are its outputs, ``keys`` [B, S, D] what attention compares queries with, ``mask`` [B, S] is
    true for real steps. Without attention ``keys`` equals ``values``.
    """

    values: tf.Tensor
    keys: tf.Tensor
    mask: tf.Tensor


class Attention(keras.layers.Layer):
    """Attention with one of four scores between a query q and a key k.

    ====================  ==========================  =======================================
    ``dot``               q . k                       Luong et al. 2015, equation 8
    ``scaled_dot``        q . k / sqrt(D)             Vaswani et al. 2017, equation 1
    ``general``           q . W k                     Luong et al. 2015, equation 8
    ``additive``          v . tanh(U q + W k)         Bahdanau et al. 2015, appendix A.1.2
    ====================  ==========================  =======================================

    Args:
        kind: the score.
        query_depth: H, depth of the queries.
        memory_depth: D, depth of the memory.
    """

    def __init__(self, kind: str, query_depth: int, memory_depth: int, name: str) -> None:
        super().__init__(name=name)
        self.kind = kind
        self.depth = query_depth
        self.key_map = Linear(memory_depth, query_depth, "key", bias=False) if kind in ("general", "additive") else None
        if kind == "additive":
            self.query_map = Linear(query_depth, query_depth, "query")
            self.score = self.add_weight(shape=(query_depth,), initializer="random_normal", name="score")
        self.built = True

    def keys(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the keys [B, S, H] of a memory's values [B, S, D], computed once per sentence."""
        return values if self.key_map is None else self.key_map.apply(values)

    def attend(self, queries: tf.Tensor, memory: Memory) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the contexts [B, Q, D] and the weights [B, Q, S] for ``queries`` [B, Q, H]."""
        if self.kind == "additive":
            mapped = self.query_map.apply(queries)[:, :, None]  # [B, Q, 1, H]
            scores = tf.reduce_sum(self.score * tf.tanh(mapped + memory.keys[:, None]), axis=-1)  # [B, Q, S]
        else:
            scores = tf.matmul(queries, memory.keys, transpose_b=True)  # [B, Q, S]
            if self.kind == "scaled_dot":
                scores = scores * self.depth**-0.5
        scores = tf.where(memory.mask[:, None], scores, tf.constant(-1e9, scores.dtype))
        weights = tf.nn.softmax(scores)
        return tf.matmul(weights, memory.values), weights
