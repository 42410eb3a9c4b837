"""One LSTM layer, two kernels.

On a GPU the layer is cuDNN's. On a CPU the input projection is one matrix product over all steps, the loop over time
holds only the recurrent product and the element-wise gates, and a custom gradient gathers the weight gradients into one
product after the loop. Automatic differentiation would instead add up one small product per step.

Both follow Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000::

    i, f, o = sigmoid(x W_ifo + h U_ifo + b_ifo)        g = tanh(x W_g + h U_g + b_g)
    c' = f * c + i * g                                  h' = o * tanh(c')

The four gates stand side by side in the order i, f, o, g, so that one sigmoid covers the first three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class LstmState(NamedTuple):
    """The state of one layer: ``hidden`` [B, H] and ``cell`` [B, H]."""

    hidden: tf.Tensor
    cell: tf.Tensor


class Lstm(keras.layers.Layer):
    """A unidirectional LSTM layer over right-padded sequences.

    Steps beyond a sequence's length leave the state as it is, so that the final state is that of the last real step.

    The forget gate's bias starts at 1 (Jozefowicz et al. 2015).

    Args:
        depth: I, the depth of the inputs.
        units: H, the size of the state.
        name: the layer's name and its weights' prefix: ``kernel`` [I, 4H], ``recurrent_kernel`` [H, 4H], ``bias`` [4H].
    """

    def __init__(self, depth: int, units: int, name: str) -> None:
        super().__init__(name=name)
        self.units = units
        gates = 4 * units
        glorot = keras.initializers.GlorotUniform
        self.kernel = self.add_weight(shape=(depth, gates), initializer=glorot(), name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, gates), initializer=_orthogonal_gates(self.units), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(gates,), initializer=_forget_gate_one(self.units), name="bias")
        self.built = True

    def sequence(self, inputs: tf.Tensor, mask: tf.Tensor, state: LstmState) -> tuple[tf.Tensor, LstmState]:
        """Runs over whole sequences.

        Args:
            inputs: [B, T, I].
            mask: [B, T], true for real steps, which come first in every row.
            state: the state before the first step.

        Returns:
            The outputs [B, T, H] and the state after each sequence's last real step.
        """
        kernel, recurrent, bias = (tf.convert_to_tensor(w) for w in (self.kernel, self.recurrent_kernel, self.bias))
        if uses_cudnn():
            return _cudnn_sequence(inputs, mask, state, kernel, recurrent, bias)
        weights = tf.cast(tf.transpose(mask)[:, :, None], inputs.dtype)  # [T, B, 1]
        outputs, hidden, cell = _run(tf.transpose(inputs, [1, 0, 2]), weights, *state, kernel, recurrent, bias)
        return tf.transpose(outputs, [1, 0, 2]), LstmState(hidden, cell)

    def step(self, inputs: tf.Tensor, state: LstmState) -> LstmState:
        """Runs one step on ``inputs`` [B, I] and returns the new state, whose ``hidden`` is the output."""
        gates = tf.matmul(inputs, self.kernel) + tf.matmul(state.hidden, self.recurrent_kernel) + self.bias  # [B, 4H]
        return LstmState(*_cell(gates, state.cell)[:2])

    def zero_state(self, batch: tf.Tensor) -> LstmState:
        """Returns a state of zeros for ``batch`` sequences."""
        zeros = tf.zeros([batch, self.units], self.compute_dtype)
        return LstmState(zeros, zeros)


def uses_cudnn() -> bool:
    """Tells whether sequences run on cuDNN: there is a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def _cell(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The element-wise part of a step: returns the new hidden and cell state, the activated gates, and tanh(cell)."""
    units = cell.shape[-1]
    sigmoids = tf.sigmoid(gates[:, : 3 * units])
    candidate = tf.tanh(gates[:, 3 * units :])
    input_gate, forget_gate, output_gate = tf.split(sigmoids, 3, axis=1)
    new_cell = forget_gate * cell + input_gate * candidate
    squashed = tf.tanh(new_cell)
    return output_gate * squashed, new_cell, sigmoids, candidate, squashed


@tf.custom_gradient
def _run(
    inputs: tf.Tensor,
    mask: tf.Tensor,
    hidden: tf.Tensor,
    cell: tf.Tensor,
    kernel: tf.Tensor,
    recurrent: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tuple[tf.Tensor, ...], Callable[..., tuple[Any, ...]]]:
    """Forward over time-major sequences; what the backward pass needs is kept from the forward pass.

    Args:
        inputs: [T, B, I].
        mask: [T, B, 1], one for real steps, zero for padding.
        hidden, cell: [B, H].
        kernel, recurrent, bias: [I, 4H], [H, 4H], [4H].
    """
    steps, batch, depth = (tf.shape(inputs)[axis] for axis in range(3))
    units = recurrent.shape[0]
    projected = tf.matmul(tf.reshape(inputs, [-1, depth]), kernel) + bias
    projected = tf.reshape(projected, [steps, batch, 4 * units])

    def array() -> tf.TensorArray:
        return tf.TensorArray(inputs.dtype, size=steps, element_shape=None)

    def forward_step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, arrays: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
        gates = projected[t] + tf.matmul(h, recurrent)
        new_h, new_c, sigmoids, candidate, squashed = _cell(gates, c)
        new_h = h + mask[t] * (new_h - h)
        new_c = c + mask[t] * (new_c - c)
        written = (new_h, c, sigmoids, candidate, squashed)
        return t + 1, new_h, new_c, tuple(a.write(t, value) for a, value in zip(arrays, written, strict=True))

    _, last_hidden, last_cell, arrays = tf.while_loop(
        lambda t, *_: t < steps,
        forward_step,
        (0, hidden, cell, tuple(array() for _ in range(5))),
        parallel_iterations=1,
    )
    outputs, cells, sigmoids, candidates, squashed = (a.stack() for a in arrays)

    # Products with a transposed right side run at a third of the rate on a CPU: these are transposed once instead.
    kernel_transposed, recurrent_transposed = tf.transpose(kernel), tf.transpose(recurrent)

    def gradient(d_outputs: tf.Tensor, d_last_hidden: tf.Tensor, d_last_cell: tf.Tensor) -> tuple[Any, ...]:
        def backward_step(t: tf.Tensor, dh: tf.Tensor, dc: tf.Tensor, d_gates: tf.TensorArray) -> tuple[Any, ...]:
            dh = dh + d_outputs[t]
            step_dh, step_dc = mask[t] * dh, mask[t] * dc
            input_gate, forget_gate, output_gate = tf.split(sigmoids[t], 3, axis=1)
            step_dc = step_dc + step_dh * output_gate * (1.0 - tf.square(squashed[t]))
            d_sigmoids = tf.concat([step_dc * candidates[t], step_dc * cells[t], step_dh * squashed[t]], axis=1)
            d_gate = tf.concat(
                [
                    d_sigmoids * sigmoids[t] * (1.0 - sigmoids[t]),
                    step_dc * input_gate * (1.0 - tf.square(candidates[t])),
                ],
                axis=1,
            )
            dh = (1.0 - mask[t]) * dh + tf.matmul(d_gate, recurrent_transposed)
            dc = (1.0 - mask[t]) * dc + step_dc * forget_gate
            return t - 1, dh, dc, d_gates.write(t, d_gate)

        _, d_hidden, d_cell, d_gates = tf.while_loop(
            lambda t, *_: t >= 0,
            backward_step,
            (steps - 1, d_last_hidden, d_last_cell, array()),
            parallel_iterations=1,
        )
        flat = tf.reshape(d_gates.stack(), [-1, 4 * units])  # [T*B, 4H]
        before = tf.concat([hidden[None], outputs[:-1]], axis=0)  # the hidden state that each step read
        return (
            tf.reshape(tf.matmul(flat, kernel_transposed), tf.shape(inputs)),
            None,
            d_hidden,
            d_cell,
            tf.matmul(tf.reshape(inputs, [-1, depth]), flat, transpose_a=True),
            tf.matmul(tf.reshape(before, [-1, units]), flat, transpose_a=True),
            tf.reduce_sum(flat, axis=0),
        )

    return (outputs, last_hidden, last_cell), gradient


def _cudnn_sequence(
    inputs: tf.Tensor,
    mask: tf.Tensor,
    state: LstmState,
    kernel: tf.Tensor,
    recurrent: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tf.Tensor, LstmState]:
    """The same computation through cuDNN, whose gates stand in the order i, f, g, o with two biases."""

    def blocks(weights: tf.Tensor) -> list[tf.Tensor]:
        input_gate, forget_gate, output_gate, candidate = tf.split(weights, 4, axis=-1)
        return [input_gate, forget_gate, candidate, output_gate]

    matrices = [tf.reshape(tf.transpose(block), [-1]) for w in (kernel, recurrent) for block in blocks(w)]
    biases = [*blocks(tf.zeros_like(bias)), *blocks(bias)]
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    outputs, hidden, cell, _, _ = tf.raw_ops.CudnnRNNV3(
        input=inputs,
        input_h=state.hidden[:, None],
        input_c=state.cell[:, None],
        params=tf.concat(matrices + biases, axis=0),
        sequence_lengths=lengths,
        rnn_mode="lstm",
        time_major=False,
        is_training=True,
    )
    return outputs, LstmState(hidden[:, 0], cell[:, 0])


def _orthogonal_gates(units: int) -> Callable[..., tf.Tensor]:
    """An orthogonal matrix for each gate (Saxe et al. 2014)."""

    def initializer(shape: tuple[int, int], dtype: Any = None) -> tf.Tensor:
        gates = [keras.initializers.Orthogonal()((units, units), dtype=dtype) for _ in range(4)]
        return tf.concat(gates, axis=1)

    return initializer


def _forget_gate_one(units: int) -> Callable[..., tf.Tensor]:
    def initializer(shape: tuple[int], dtype: Any = None) -> tf.Tensor:
        gate = tf.range(4 * units) // units
        return tf.cast(gate == 1, dtype or tf.float32)

    return initializer
