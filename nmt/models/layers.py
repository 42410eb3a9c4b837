"""The small parts: embedding matrices, linear maps, and dropout whose masks are a function of a seed."""

from __future__ import annotations

import keras
import tensorflow as tf


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
        return tf.gather(tf.convert_to_tensor(self.table), ids)

    def embed(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the input vectors [..., E] of ``ids`` [...]."""
        return self.rows(ids) * self.size**0.5

    def logits(self, vectors: tf.Tensor) -> tf.Tensor:
        """Returns the products [N, V] of ``vectors`` [N, E] with every row."""
        return tf.matmul(vectors, self.table, transpose_b=True)


class Linear(keras.layers.Layer):
    """A linear map ``x W + b`` from depth ``inputs`` to depth ``outputs``; ``bias`` can be left out."""

    def __init__(self, inputs: int, outputs: int, name: str, bias: bool = True) -> None:
        super().__init__(name=name)
        self.outputs = outputs
        self.kernel = self.add_weight(shape=(inputs, outputs), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(outputs,), initializer="zeros", name="bias") if bias else None
        self.built = True

    def apply(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps the last axis: [..., inputs] -> [..., outputs]."""
        shape = tf.shape(inputs)
        flat = tf.matmul(tf.reshape(inputs, [-1, inputs.shape[-1]]), self.kernel)
        if self.bias is not None:
            flat = flat + self.bias
        result = tf.reshape(flat, tf.concat([shape[:-1], [self.outputs]], axis=0))
        result.set_shape([*inputs.shape[:-1], self.outputs])
        return result


class Dropout:
    """Dropout (Srivastava et al. 2014) whose masks depend only on a seed and on where in the network they are used.

    A training step that is repeated from a checkpoint therefore drops the same units.

    Args:
        rate: share of the values that are dropped.
        seed: int32 [2], or None for no dropout (inference).
    """

    def __init__(self, rate: float, seed: tf.Tensor | None) -> None:
        self._rate = rate if seed is not None else 0.0
        self._seed = seed
        self._uses = 0

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Returns ``values`` with some of them zero and the others scaled up."""
        if self._rate == 0.0 or self._seed is None:
            return values
        self._uses += 1
        seed = self._seed + tf.constant([0, self._uses * 7919], tf.int32)
        return tf.nn.experimental.stateless_dropout(values, self._rate, seed=seed, rng_alg="philox")
