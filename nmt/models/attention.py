"""Attention: a weighted mean of the memory, asked for by queries.

Queries may be the steps of a target (teacher forcing, Q = T) or the hypotheses of a beam (search, Q = K): the memory is
stored once per sentence either way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.model_config import DecoderConfig
from nmt.models.layers import Linear

_NEVER = -1e9


class Memory(NamedTuple):
    """What the encoder leaves for the decoder, once per sentence.

    ``values`` [B, S, D] are its outputs, ``keys`` [B, S, H] what attention compares queries with, ``mask`` [B, S] is
    true for real steps, ``tokens`` int32 [B, S] are the source's ids (PAD where it has none), and ``summary`` [B, D] is
    the final state of its top layer, or the mean of the outputs where it has no layers. Without
    attention ``keys`` equals ``values``.
    """

    values: tf.Tensor
    keys: tf.Tensor
    mask: tf.Tensor
    tokens: tf.Tensor
    summary: tf.Tensor


class Attention(keras.layers.Layer):
    """Attention with one of five scores between a query q and a key k.

    ========================  ======================  ==================================================
    ``dot``                   q . k                   Luong et al. 2015, equation 8
    ``scaled_dot``            q . k / sqrt(D)         Vaswani et al. 2017, equation 1
    ``general``               q . W k                 Luong et al. 2015, equation 8
    ``additive``, ``concat``  v . tanh(U q + W k)     Bahdanau et al. 2015, A.1.2; Luong et al. 2015, equation 8
    ========================  ======================  ==================================================

    More than one head compares learned projections, and each head reads its own part of projected values (Chen et al.
    2018; Vaswani et al. 2017, section 3.2.2). ``coverage`` adds c w, for the coverage c of a position, inside of tanh
    (See et al. 2017, equation 11). A window is described at ``_window``.

    Args:
        config: the score, the heads, the window, coverage; ``units`` is the depth H of the queries.
        memory_depth: D, depth of the memory.
    """

    def __init__(self, config: DecoderConfig, memory_depth: int, name: str) -> None:
        super().__init__(name=name)
        self.config = config
        depth = config.units
        self.additive = config.attention in ("additive", "concat")
        self.query_map: Any = None
        self.key_map: Any = None
        self.value_map: Any = None
        if config.heads > 1 or self.additive:
            self.query_map = Linear(depth, depth, "query")
        if config.heads > 1 or self.additive or config.attention == "general":
            self.key_map = Linear(memory_depth, depth, "key", bias=False)
        if config.heads > 1:
            self.value_map = Linear(memory_depth, memory_depth, "value", bias=False)
        if self.additive:
            self.score = self.add_weight(shape=(depth,), initializer="random_normal", dtype="float32", name="score")
        if config.coverage:
            # Zeros: a model that has not learnt coverage yet is the same model without it.
            self.coverage_row = self.add_weight(shape=(depth,), initializer="zeros", dtype="float32", name="coverage")
        if config.window == "local_p":
            self.position_map = Linear(depth, depth, "position", bias=False)
            self.position_score = self.add_weight(
                shape=(depth,), initializer="random_normal", dtype="float32", name="position_score"
            )
        self.built = True

    def prepare(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the values [B, S, D] and keys [B, S, H] of encoder outputs [B, S, D], computed once per sentence."""
        keys = values if self.key_map is None else self.key_map.apply(values)
        return (values if self.value_map is None else self.value_map.apply(values)), keys

    def attend(
        self,
        queries: tf.Tensor,
        memory: Memory,
        time: tf.Tensor,
        coverage: tf.Tensor | None = None,
        one_by_one: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the contexts [B, Q, D] and the weights [B, Q, S], the mean of the heads, for ``queries`` [B, Q, H].

        Args:
            time: int32 [B, Q], the target step of each query.
            coverage: [B, Q, S], the sum of the weights of all steps before.
            one_by_one: compute additive scores query by query, where there may be many.
        """
        heads = self.config.heads
        if self.additive:
            scores = self._additive_scores(queries, memory, coverage, one_by_one)[:, None]  # [B, 1, Q, S]
        else:
            mapped = queries if self.query_map is None else self.query_map.apply(queries)
            scores = tf.matmul(_split(mapped, heads), _split(memory.keys, heads), transpose_b=True)  # [B, N, Q, S]
            if self.config.attention == "scaled_dot":
                scores = scores * (self.config.units // heads) ** -0.5
        inside, bell = self._window(queries, memory, time)
        scores = tf.where(inside[:, None], scores, tf.constant(_NEVER, scores.dtype))
        weights = tf.nn.softmax(scores)
        if bell is not None:
            weights = weights * bell[:, None]
        contexts = tf.matmul(weights, _split(memory.values, heads))  # [B, N, Q, D / N]
        return _merge(contexts), tf.reduce_mean(weights, axis=1)

    def _additive_scores(
        self, queries: tf.Tensor, memory: Memory, coverage: tf.Tensor | None, one_by_one: bool
    ) -> tf.Tensor:
        mapped, score = self.query_map.apply(queries), tf.convert_to_tensor(self.score)
        if coverage is not None:
            return _coverage_scores(mapped, memory.keys, score, coverage, tf.convert_to_tensor(self.coverage_row))
        return (_scores_one_by_one if one_by_one else _tanh_scores)(mapped, memory.keys, score)

    def _window(self, queries: tf.Tensor, memory: Memory, time: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns which positions a query may see [B, Q, S], and factors of the weights [B, Q, S] or None.

        ``local_m`` looks at the source positions around the target step; ``local_p`` predicts the position
        p = S sigmoid(v . tanh(W q)) and favours what is near it by exp(-(s - p)^2 / (2 sigma^2)), sigma = radius / 2
        (Luong et al. 2015, section 3.2, equations 9 and 10).
        """
        real = memory.mask[:, None]  # [B, 1, S]
        if self.config.window == "global":
            return real, None
        radius = float(self.config.window_radius)
        positions = tf.range(tf.shape(memory.mask)[1], dtype=queries.dtype)
        last = tf.reduce_sum(tf.cast(memory.mask, queries.dtype), axis=1)[:, None] - 1.0  # [B, 1]
        if self.config.window == "local_m":
            center = tf.minimum(tf.cast(time, queries.dtype), last)
        else:
            hidden = tf.tanh(self.position_map.apply(queries))  # [B, Q, H]
            center = last * tf.sigmoid(tf.reduce_sum(hidden * self.position_score, axis=-1))  # [B, Q]
        distance = positions - center[..., None]  # [B, Q, S]
        inside = real & (tf.abs(distance) <= radius)
        if self.config.window == "local_m":
            return inside, None
        return inside, tf.exp(-2.0 * tf.square(distance / radius))


@tf.custom_gradient
def _tanh_scores(
    queries: tf.Tensor, keys: tf.Tensor, score: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
    """Returns score . tanh(queries + keys) [B, Q, S].

    The gradient computes tanh again instead of keeping it: [B, Q, S, H] of every step of a training batch would be most
    of the memory that training takes.

    Args:
        queries, keys: [B, Q, H], [B, S, H].
        score: [H].
    """

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return _gradients(queries[:, :, None] + keys[:, None], score, upstream)[:3]

    return _dot(tf.tanh(queries[:, :, None] + keys[:, None]), score), gradient


@tf.custom_gradient
def _scores_one_by_one(
    queries: tf.Tensor, keys: tf.Tensor, score: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
    """Returns what :func:`_tanh_scores` does, of many queries faster: less memory is gone through, less often.

    The gradient of queries + keys is score (upstream - upstream tanh^2). Only its second part is added up query by
    query, and what is the same for all is applied to the sums.
    """
    number, by_query = tf.shape(queries)[1], tf.transpose(queries, [1, 0, 2])  # [Q, B, H]

    def active(index: tf.Tensor) -> tf.Tensor:
        return tf.tanh(by_query[index][:, None] + keys)  # [B, S, H]

    def forward(index: tf.Tensor, scores: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        return index + 1, scores.write(index, _dot(active(index), score))

    start = (0, tf.TensorArray(tf.float32, size=number, element_shape=[None, None]))
    _, scores = tf.while_loop(lambda index, _: index < number, forward, start)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        weights = tf.transpose(upstream, [1, 0, 2])  # [Q, B, S]

        def backward(
            index: tf.Tensor, of_score: tf.Tensor, of_keys: tf.Tensor, of_queries: tf.TensorArray
        ) -> tuple[Any, ...]:
            own, values = weights[index], active(index)
            squares = own[..., None] * tf.square(values)  # [B, S, H]
            of_queries = of_queries.write(index, tf.reduce_sum(squares, axis=1))
            return index + 1, of_score + _weighted_sum(values, own), of_keys + squares, of_queries

        sums = tf.TensorArray(tf.float32, size=number, element_shape=[None, score.shape[0]])
        first = (0, tf.zeros_like(score), tf.zeros_like(keys), sums)
        _, of_score, of_keys, of_queries = tf.while_loop(lambda index, *_: index < number, backward, first)
        by_key, by_own = tf.reduce_sum(upstream, axis=1), tf.reduce_sum(upstream, axis=2)  # [B, S], [B, Q]
        of_queries = tf.transpose(of_queries.stack(), [1, 0, 2])  # [B, Q, H]
        return score * (by_own[..., None] - of_queries), score * (by_key[..., None] - of_keys), of_score

    return tf.transpose(scores.stack(), [1, 0, 2]), gradient


@tf.custom_gradient
def _coverage_scores(
    queries: tf.Tensor, keys: tf.Tensor, score: tf.Tensor, coverage: tf.Tensor, row: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
    """Returns score . tanh(queries + keys + coverage row) [B, Q, S] as :func:`_tanh_scores` does.

    Args:
        coverage: [B, Q, S].
        row: [H].
    """

    def inner() -> tf.Tensor:
        return queries[:, :, None] + keys[:, None] + coverage[..., None] * row  # [B, Q, S, H]

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        *others, of_inner = _gradients(inner(), score, upstream)
        of_row = _weighted_sum(of_inner, coverage)
        return *others, _dot(of_inner, row), of_row

    return _dot(tf.tanh(inner()), score), gradient


def _gradients(inner: tf.Tensor, score: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of queries, keys, score and ``inner`` [B, Q, S, H], for that of the scores [B, Q, S]."""
    active = tf.tanh(inner)
    of_score = _weighted_sum(active, upstream)
    of_inner = upstream[..., None] * (score - score * active * active)
    return tf.reduce_sum(of_inner, axis=2), tf.reduce_sum(of_inner, axis=1), of_score, of_inner


def _dot(values: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """Returns the products [...] of ``values`` [..., H] with a vector [H]."""
    rows = tf.reshape(values, [-1, values.shape[-1]])
    return tf.reshape(tf.matmul(rows, vector[:, None]), tf.shape(values)[:-1])


def _weighted_sum(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Returns the sum [H] of ``values`` [..., H] times ``weights`` [...]."""
    rows = tf.reshape(values, [-1, values.shape[-1]])
    return tf.matmul(tf.reshape(weights, [1, -1]), rows)[0]


def _split(values: tf.Tensor, heads: int) -> tf.Tensor:
    """[B, X, D] -> [B, N, X, D / N]."""
    shape = tf.shape(values)
    return tf.transpose(tf.reshape(values, [shape[0], shape[1], heads, values.shape[-1] // heads]), [0, 2, 1, 3])


def _merge(values: tf.Tensor) -> tf.Tensor:
    """[B, N, X, D / N] -> [B, X, D]."""
    shape, depth = tf.shape(values), values.shape[1] * values.shape[3]
    merged = tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [shape[0], shape[2], depth])
    return tf.ensure_shape(merged, [None, None, depth])
