"""One GRU layer (Cho et al. 2014), with the same trick as the LSTM: hoisted projections and a custom gradient.

The reset gate acts after the recurrent product, so that one product per step serves all three gates::

    z, r = sigmoid(x W_zr + h U_zr + b_zr)        n = tanh(x W_n + b_n + r * (h U_n + c_n))
    h' = z * h + (1 - z) * n

The gates stand side by side in the order z, r, n. This is the layer of Keras with ``reset_after``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.models.cudnn import cudnn_sequence, uses_cudnn
from nmt.models.layers import factor, matrix_gradient, product
from nmt.models.lstm import orthogonal_gates


class GruState(NamedTuple):
    """The state of one layer: ``hidden`` [B, H]."""

    hidden: tf.Tensor


class Gru(keras.layers.Layer):
    """A unidirectional GRU layer over right-padded sequences.

    Args:
        depth: I, the depth of the inputs.
        units: H, the size of the state.
        name: the layer's name and its weights' prefix: ``kernel`` [I, 3H], ``recurrent_kernel`` [H, 3H], ``bias`` [3H],
            ``candidate_bias`` [H].
    """

    def __init__(self, depth: int, units: int, name: str) -> None:
        super().__init__(name=name)
        self.units = units
        self.kernel = self.add_weight(shape=(depth, 3 * units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(units, 3 * units), initializer=orthogonal_gates(units, 3), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(3 * units,), initializer="zeros", dtype="float32", name="bias")
        self.candidate_bias = self.add_weight(
            shape=(units,), initializer="zeros", dtype="float32", name="candidate_bias"
        )
        self.built = True

    def sequence(self, inputs: tf.Tensor, mask: tf.Tensor, state: GruState) -> tuple[tf.Tensor, GruState]:
        """Runs over whole sequences.

        Args:
            inputs: [B, T, I].
            mask: [B, T], true for real steps, which come first in every row.
            state: the state before the first step.

        Returns:
            The outputs [B, T, H], which mean nothing where ``mask`` is false, and the state after each sequence's last
            real step.
        """
        matrices = factor(self, self.kernel), factor(self, self.recurrent_kernel)
        bias, candidate_bias = tf.convert_to_tensor(self.bias), tf.convert_to_tensor(self.candidate_bias)
        if uses_cudnn():
            recurrent_bias = tf.concat([tf.zeros([2 * self.units]), candidate_bias], axis=0)
            outputs, hidden = cudnn_sequence("gru", inputs, mask, state, matrices, (bias, recurrent_bias))
            return outputs, GruState(hidden)
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        outputs, hidden = _run(tf.transpose(inputs, [1, 0, 2]), lengths, state.hidden, *matrices, bias, candidate_bias)
        return tf.transpose(outputs, [1, 0, 2]), GruState(hidden)

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns what a step needs of its ``inputs`` [B, I], the bias included: [B, 3H]."""
        return product(inputs, factor(self, self.kernel)) + self.bias

    def step(self, projected: tf.Tensor, state: GruState) -> GruState:
        """Runs one step on projected inputs [B, 3H] and returns the new state, whose ``hidden`` is the output."""
        return GruState(
            _cell(
                projected,
                product(state.hidden, factor(self, self.recurrent_kernel)),
                state.hidden,
                self.candidate_bias,
            )[0]
        )

    def zero_state(self, batch: tf.Tensor) -> GruState:
        """Returns a state of zeros for ``batch`` sequences."""
        return GruState(tf.zeros([batch, self.units]))


def _cell(
    projected: tf.Tensor, product: tf.Tensor, hidden: tf.Tensor, candidate_bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """The element-wise part of a step: returns the new state, both sigmoids [B, 2H], the candidate, and h U_n + c_n."""
    units = hidden.shape[-1]
    sigmoids = tf.sigmoid(projected[:, : 2 * units] + product[:, : 2 * units])
    update, reset = tf.split(sigmoids, 2, axis=1)
    inner = product[:, 2 * units :] + candidate_bias
    candidate = tf.tanh(projected[:, 2 * units :] + reset * inner)
    return candidate + update * (hidden - candidate), sigmoids, candidate, inner


@tf.custom_gradient
def _run(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    recurrent: tf.Tensor,
    bias: tf.Tensor,
    candidate_bias: tf.Tensor,
) -> tuple[tuple[tf.Tensor, ...], Callable[..., tuple[Any, ...]]]:
    """Runs over time-major sequences; the loop runs on over the padding, and final states are picked at the ends.

    Args:
        inputs: [T, B, I].
        lengths: int32 [B].
        hidden: [B, H].
        kernel, recurrent, bias, candidate_bias: [I, 3H], [H, 3H], [3H], [H].

    Returns:
        The outputs [T, B, H], of which those of the padding mean nothing, and the final state [B, H].
    """
    steps, batch, depth = (tf.shape(inputs)[axis] for axis in range(3))
    projected = tf.nn.bias_add(product(tf.reshape(inputs, [-1, depth]), kernel), bias)
    projected = tf.reshape(projected, [steps, batch, bias.shape[0]])  # [T, B, 3H]

    def step(t: tf.Tensor, h: tf.Tensor, arrays: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
        values = _cell(projected[t], product(h, recurrent), h, candidate_bias)
        return t + 1, values[0], tuple(a.write(t, value) for a, value in zip(arrays, values, strict=True))

    arrays = tuple(tf.TensorArray(inputs.dtype, size=steps) for _ in range(4))
    loop = tf.while_loop(lambda t, *_: t < steps, step, (0, hidden, arrays), parallel_iterations=1)
    outputs, sigmoids, candidates, inner = (array.stack() for array in loop[-1])
    hiddens = tf.concat([hidden[None], outputs], axis=0)  # [T + 1, B, H]
    ends = tf.stack([lengths, tf.range(batch)], axis=1)  # [B, 2]

    def gradient(d_outputs: tf.Tensor, d_last: tf.Tensor) -> tuple[Any, ...]:
        time = tf.range(steps)[:, None]
        last = tf.cast(time == lengths - 1, inputs.dtype)[:, :, None]  # [T, B, 1]
        d_hiddens = tf.where((time < lengths)[:, :, None], d_outputs, 0.0) + last * d_last
        d_projected, d_product, d_hidden = _backward((hiddens[:-1], sigmoids, candidates, inner), d_hiddens, recurrent)
        flat, flat_product = (tf.reshape(d, [-1, bias.shape[0]]) for d in (d_projected, d_product))  # [T*B, 3H]
        empty = tf.cast(lengths == 0, inputs.dtype)[:, None]
        return (
            tf.reshape(product(flat, tf.transpose(kernel)), tf.shape(inputs)),
            None,
            d_hidden + empty * d_last,
            matrix_gradient(tf.reshape(inputs, [-1, depth]), flat, kernel),
            matrix_gradient(tf.reshape(hiddens[:-1], [-1, recurrent.shape[0]]), flat_product, recurrent),
            tf.reduce_sum(flat, axis=0),
            tf.reduce_sum(flat_product[:, 2 * recurrent.shape[0] :], axis=0),
        )

    return (outputs, tf.gather_nd(hiddens, ends)), gradient


def _backward(
    trace: tuple[tf.Tensor, ...], d_hiddens: tf.Tensor, recurrent: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The backward loop.

    Args:
        trace: the states before each step [T, B, H], the sigmoids [T, B, 2H], the candidates and h U_n + c_n.
        d_hiddens: [T, B, H], gradients of each step's state that come from outside of the loop.
        recurrent: [H, 3H].

    Returns:
        The gradients of the projected inputs and of the recurrent products [T, B, 3H], and of the initial state [B, H].
    """
    before, sigmoids, candidates, inner = trace
    update, reset = tf.split(sigmoids, 2, axis=2)
    # All derivatives are known before the loop, so they are computed at once for all steps.
    through_candidate = (1.0 - update) * (1.0 - tf.square(candidates))
    through_update = (before - candidates) * update * (1.0 - update)
    through_reset = through_candidate * inner * reset * (1.0 - reset)
    slopes = tf.concat([through_update, through_reset, through_candidate * reset], axis=2)  # [T, B, 3H]
    recurrent_transposed = tf.transpose(recurrent)

    def step(t: tf.Tensor, dh: tf.Tensor, d_states: tf.TensorArray, d_products: tf.TensorArray) -> tuple[Any, ...]:
        dh = dh + d_hiddens[t]
        d_product = tf.tile(dh, [1, 3]) * slopes[t]
        before = dh * update[t] + product(d_product, recurrent_transposed)
        return t - 1, before, d_states.write(t, dh), d_products.write(t, d_product)

    steps = tf.shape(d_hiddens)[0]
    zeros = tf.zeros_like(d_hiddens[0])
    first = (steps - 1, zeros, *(tf.TensorArray(zeros.dtype, size=steps) for _ in range(2)))
    _, d_hidden, d_states, d_products = tf.while_loop(lambda t, *_: t >= 0, step, first, parallel_iterations=1)
    d_product = d_products.stack()
    units = recurrent.shape[0]
    # The candidate's input is not behind the reset gate.
    d_projected = tf.concat([d_product[:, :, : 2 * units], d_states.stack() * through_candidate], axis=2)
    return d_projected, d_product, d_hidden
