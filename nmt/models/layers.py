"""The small parts: products, embedding matrices, linear maps, and dropout whose masks are a function of a seed.

Matrices have the data type of Keras' policy when a layer is made (``matrices_of``), and products its type of computing;
everything else is float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


@contextmanager
def matrices_of(data_type: str) -> Iterator[None]:
    """Gives the matrices of all layers that are made inside of it a data type: float32 or bfloat16.

    With mixed_bfloat16 or mixed_float16 the matrices are float32, and only their products are not: mixed precision, as
    training needs it (Micikevicius et al. 2018).
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(data_type)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def factor(layer: keras.layers.Layer, matrix: Any) -> tf.Tensor:
    """Returns a matrix of a layer as ``product`` takes it, in the type that the layer computes products in."""
    return tf.cast(tf.convert_to_tensor(matrix), layer.compute_dtype)


def product(inputs: tf.Tensor, matrix: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """Returns the products [N, D] of ``inputs`` [N, I] with a matrix [I, D], as float32.

    Where the matrix is of bfloat16 or float16, the inputs are rounded to it too: half the bytes, and more products per
    second on processors that know them.
    """
    if matrix.dtype == tf.float32:
        return tf.matmul(inputs, matrix, transpose_b=transpose_b)
    rounded = tf.cast(inputs, matrix.dtype)
    return tf.cast(tf.matmul(rounded, matrix, transpose_b=transpose_b), tf.float32)


def matrix_gradient(inputs: tf.Tensor, d_outputs: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Returns the gradient of a matrix [I, D], for the inputs [N, I] of its product and the gradient [N, D] of that."""
    return tf.matmul(tf.cast(inputs, matrix.dtype), tf.cast(d_outputs, matrix.dtype), transpose_a=True)


class Embedding(keras.layers.Layer):
    """A matrix of one row per vocabulary entry, read by row on the way in and as a product on the way out.

    Rows come out times sqrt(E), with a variance near 1 (Vaswani et al. 2017, section 3.4): inputs as small as a tied
    output matrix must be would leave the LSTM almost silent for the first thousand steps.

    Args:
        vocab_size: V.
        size: E.
    """

    def __init__(self, vocab_size: int, size: int, name: str) -> None:
        super().__init__(name=name)
        scale = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.table = self.add_weight(shape=(vocab_size, size), initializer=scale, name="table")
        self.size = size
        self.built = True

    def rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the rows [..., E] of ``ids`` [...], unscaled."""
        return tf.cast(tf.gather(tf.convert_to_tensor(self.table), ids), tf.float32)

    def embed(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the input vectors [..., E] of ``ids`` [...]."""
        return self.rows(ids) * self.size**0.5

    def logits(self, vectors: tf.Tensor) -> tf.Tensor:
        """Returns the products [N, V] of ``vectors`` [N, E] with every row."""
        return product(vectors, factor(self, self.table), transpose_b=True)


class Linear(keras.layers.Layer):
    """A linear map ``x W + b`` from depth ``inputs`` to depth ``outputs``; ``bias`` can be left out."""

    def __init__(self, inputs: int, outputs: int, name: str, bias: bool = True) -> None:
        super().__init__(name=name)
        self.outputs = outputs
        self.kernel = self.add_weight(shape=(inputs, outputs), initializer="glorot_uniform", name="kernel")
        self.bias: Any = None
        if bias:
            self.bias = self.add_weight(shape=(outputs,), initializer="zeros", dtype="float32", name="bias")
        self.built = True

    def apply(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps the last axis: [..., inputs] -> [..., outputs]."""
        shape = tf.shape(inputs)
        flat = product(tf.reshape(inputs, [-1, inputs.shape[-1]]), factor(self, self.kernel))
        if self.bias is not None:
            flat = flat + self.bias
        result = tf.reshape(flat, tf.concat([shape[:-1], [self.outputs]], axis=0))
        result.set_shape([*inputs.shape[:-1], self.outputs])
        return result


class LayerNorm(keras.layers.Layer):
    """Layer normalisation (Ba et al. 2016): mean 0 and variance 1 over the features, then a learned scale and shift."""

    def __init__(self, depth: int, name: str) -> None:
        super().__init__(name=name)
        self.scale = self.add_weight(shape=(depth,), initializer="ones", dtype="float32", name="scale")
        self.shift = self.add_weight(shape=(depth,), initializer="zeros", dtype="float32", name="shift")
        self.built = True

    def apply(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalises the last axis of ``inputs`` [..., depth]."""
        mean, variance = tf.nn.moments(inputs, axes=-1, keepdims=True)
        return tf.nn.batch_normalization(inputs, mean, variance, self.shift, self.scale, 1e-6)


class Dropout:
    """Dropout (Srivastava et al. 2014) whose masks depend only on a seed and on where in the network they are used.

    A training step that is repeated from a checkpoint therefore drops the same units.

    Args:
        rate: share of the values that are dropped.
        seed: int32 [2], or None for no dropout (inference).
        variational: drop the same features at every step of a sequence (Gal and Ghahramani 2016).
        words: share of the tokens whose embedding is dropped as a whole.
    """

    def __init__(self, rate: float, seed: tf.Tensor | None, variational: bool = False, words: float = 0.0) -> None:
        self._rate = rate if seed is not None else 0.0
        self._words = words if seed is not None else 0.0
        self._seed = seed
        self._variational = variational
        self._uses = 0

    @property
    def active(self) -> bool:
        """Whether anything is dropped between layers."""
        return self._rate > 0.0

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Returns ``values`` [B, T, D] with some of them zero and the others scaled up."""
        if not self.active:
            return values
        noise = tf.concat([tf.shape(values)[:1], [1], tf.shape(values)[2:]], axis=0) if self._variational else None
        return tf.nn.experimental.stateless_dropout(
            values, self._rate, seed=self._next_seed(), rng_alg="philox", noise_shape=noise
        )

    def of_embeddings(self, values: tf.Tensor) -> tf.Tensor:
        """Returns embedded tokens [B, T, E] with some features, and some tokens as a whole, zero.

        The tokens that are left are not scaled up: that a word is missing is something to be seen.
        """
        if self._words:
            kept = tf.random.stateless_uniform(tf.shape(values)[:2], self._next_seed(), alg="philox") >= self._words
            values = values * tf.cast(kept, values.dtype)[:, :, None]
        return self(values)

    def _next_seed(self) -> tf.Tensor:
        self._uses += 1
        return self._seed + tf.constant([0, self._uses * 7919], tf.int32)
