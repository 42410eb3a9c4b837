"""One LSTM layer, two kernels.

On a GPU the layer is cuDNN's (:mod:`nmt.models.cudnn`). On a CPU the input projection is one matrix product over all
steps, the loop over time holds only the recurrent product and the element-wise gates, and a custom gradient gathers the
weight gradients into one product after the loop. Automatic differentiation would instead add up one small product per
step.

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

from nmt.models.cudnn import cudnn_sequence, uses_cudnn
from nmt.models.layers import factor, matrix_gradient, product


class LstmState(NamedTuple):
    """The state of one layer: ``hidden`` [B, H] and ``cell`` [B, H]."""

    hidden: tf.Tensor
    cell: tf.Tensor


class Lstm(keras.layers.Layer):
    """A unidirectional LSTM layer over right-padded sequences.

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
            shape=(self.units, gates), initializer=orthogonal_gates(self.units, 4), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(gates,), initializer=_forget_gate_one(units), dtype="float32", name="bias")
        self.built = True

    def sequence(self, inputs: tf.Tensor, mask: tf.Tensor, state: LstmState) -> tuple[tf.Tensor, LstmState]:
        """Runs over whole sequences.

        Args:
            inputs: [B, T, I].
            mask: [B, T], true for real steps, which come first in every row.
            state: the state before the first step.

        Returns:
            The outputs [B, T, H], which mean nothing where ``mask`` is false, and the state after each sequence's last
            real step.
        """
        kernel, recurrent = factor(self, self.kernel), factor(self, self.recurrent_kernel)
        bias = tf.convert_to_tensor(self.bias)
        if uses_cudnn():
            biases = tf.zeros_like(bias), bias
            outputs, *after = cudnn_sequence("lstm", inputs, mask, state, (kernel, recurrent), biases)
            return outputs, LstmState(*after)
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        outputs, hidden, cell = _run(tf.transpose(inputs, [1, 0, 2]), lengths, *state, kernel, recurrent, bias)
        return tf.transpose(outputs, [1, 0, 2]), LstmState(hidden, cell)

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns what a step needs of its ``inputs`` [B, I], the bias included: [B, 4H]."""
        return product(inputs, factor(self, self.kernel)) + self.bias

    def step(self, projected: tf.Tensor, state: LstmState) -> LstmState:
        """Runs one step on projected inputs [B, 4H] and returns the new state, whose ``hidden`` is the output."""
        gates = projected + product(state.hidden, factor(self, self.recurrent_kernel))  # [B, 4H]
        return LstmState(*_cell(gates, state.cell)[:2])

    def zero_state(self, batch: tf.Tensor) -> LstmState:
        """Returns a state of zeros for ``batch`` sequences."""
        zeros = tf.zeros([batch, self.units])
        return LstmState(zeros, zeros)


def _cell(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The element-wise part of a step: returns the new hidden and cell state, the activated gates, and tanh(cell)."""
    units = cell.shape[-1]
    sigmoids = tf.sigmoid(gates[:, : 3 * units])
    candidate = tf.tanh(gates[:, 3 * units :])
    input_gate, forget_gate, output_gate = tf.split(sigmoids, 3, axis=1)
    new_cell = forget_gate * cell + input_gate * candidate
    squashed = tf.tanh(new_cell)
    return output_gate * squashed, new_cell, sigmoids, candidate, squashed


class _Trace(NamedTuple):
    """What the backward pass needs of the forward pass; [T, B, H] and for ``sigmoids`` [T, B, 3H]."""

    outputs: tf.Tensor
    cells: tf.Tensor  # after each step
    sigmoids: tf.Tensor
    candidates: tf.Tensor
    squashed: tf.Tensor


@tf.custom_gradient
def _run(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    hidden: tf.Tensor,
    cell: tf.Tensor,
    kernel: tf.Tensor,
    recurrent: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tuple[tf.Tensor, ...], Callable[..., tuple[Any, ...]]]:
    """Runs over time-major sequences with the gradient of the module's docstring.

    The loop knows no padding: it runs on over it, and the final states are picked at each sequence's own end.

    Args:
        inputs: [T, B, I].
        lengths: int32 [B].
        hidden, cell: [B, H].
        kernel, recurrent, bias: [I, 4H], [H, 4H], [4H].

    Returns:
        The outputs [T, B, H], of which those of the padding mean nothing, and the final hidden and cell state [B, H].
    """
    trace = _forward(inputs, hidden, cell, kernel, recurrent, bias)
    hiddens, cells = (
        tf.concat([first[None], rest], axis=0) for first, rest in ((hidden, trace.outputs), (cell, trace.cells))
    )  # [T + 1, B, H]
    ends = tf.stack([lengths, tf.range(tf.shape(lengths)[0])], axis=1)  # [B, 2]

    def gradient(d_outputs: tf.Tensor, d_last_hidden: tf.Tensor, d_last_cell: tf.Tensor) -> tuple[Any, ...]:
        time = tf.range(tf.shape(inputs)[0])[:, None]
        d_outputs = tf.where((time < lengths)[:, :, None], d_outputs, 0.0)
        # The final states are those after step length - 1; for an empty sequence they are the initial ones.
        last = tf.cast(time == lengths - 1, inputs.dtype)[:, :, None]  # [T, B, 1]
        empty = tf.cast(lengths == 0, inputs.dtype)[:, None]
        d_gates, d_hidden, d_cell = _backward(
            trace, cells[:-1], d_outputs + last * d_last_hidden, last * d_last_cell, recurrent
        )
        flat = tf.reshape(d_gates, [-1, bias.shape[0]])  # [T*B, 4H]
        # Products with a transposed right side run at a third of the rate on some CPUs, so here and in the loop the
        # weights are transposed beforehand.
        return (
            tf.reshape(product(flat, tf.transpose(kernel)), tf.shape(inputs)),
            None,
            d_hidden + empty * d_last_hidden,
            d_cell + empty * d_last_cell,
            matrix_gradient(tf.reshape(inputs, [-1, kernel.shape[0]]), flat, kernel),
            matrix_gradient(tf.reshape(hiddens[:-1], [-1, recurrent.shape[0]]), flat, recurrent),
            tf.reduce_sum(flat, axis=0),
        )

    return (trace.outputs, tf.gather_nd(hiddens, ends), tf.gather_nd(cells, ends)), gradient


def _forward(
    inputs: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> _Trace:
    """The forward loop. Only the recurrent product and the element-wise gates are in it."""
    steps, batch, depth = (tf.shape(inputs)[axis] for axis in range(3))
    projected = tf.nn.bias_add(product(tf.reshape(inputs, [-1, depth]), kernel), bias)
    projected = tf.reshape(projected, [steps, batch, bias.shape[0]])  # [T, B, 4H]

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, arrays: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
        values = _cell(projected[t] + product(h, recurrent), c)
        return t + 1, values[0], values[1], tuple(a.write(t, value) for a, value in zip(arrays, values, strict=True))

    arrays = tuple(tf.TensorArray(inputs.dtype, size=steps) for _ in _Trace._fields)
    loop = tf.while_loop(lambda t, *_: t < steps, step, (0, hidden, cell, arrays), parallel_iterations=1)
    return _Trace(*(array.stack() for array in loop[-1]))


def _backward(
    trace: _Trace, cells_before: tf.Tensor, d_hiddens: tf.Tensor, d_cells: tf.Tensor, recurrent: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The backward loop.

    Args:
        trace: of the forward loop.
        cells_before: [T, B, H], the cell state that each step read.
        d_hiddens, d_cells: [T, B, H], gradients of each step's states that come from outside of the loop.
        recurrent: [H, 4H].

    Returns:
        The gradients of the gates before their activation [T, B, 4H], and of the initial states [B, H].
    """
    steps = tf.shape(d_hiddens)[0]
    # All derivatives of the gates are known before the loop, so they are computed at once for all steps.
    input_gates, forget_gates, output_gates = tf.split(trace.sigmoids, 3, axis=2)
    through_cell = output_gates * (1.0 - tf.square(trace.squashed))  # [T, B, H]
    factors = tf.concat([trace.candidates, cells_before, trace.squashed], axis=2) * trace.sigmoids
    slopes = tf.concat(
        [factors * (1.0 - trace.sigmoids), input_gates * (1.0 - tf.square(trace.candidates))], axis=2
    )  # [T, B, 4H]
    recurrent_transposed = tf.transpose(recurrent)

    def step(t: tf.Tensor, dh: tf.Tensor, dc: tf.Tensor, d_gates: tf.TensorArray) -> tuple[Any, ...]:
        dh = dh + d_hiddens[t]
        dc = dc + d_cells[t] + dh * through_cell[t]
        d_gate = tf.concat([dc, dc, dh, dc], axis=1) * slopes[t]
        return t - 1, product(d_gate, recurrent_transposed), dc * forget_gates[t], d_gates.write(t, d_gate)

    zeros = tf.zeros_like(d_hiddens[0])
    first = (steps - 1, zeros, zeros, tf.TensorArray(zeros.dtype, size=steps))
    _, d_hidden, d_cell, d_gates = tf.while_loop(lambda t, *_: t >= 0, step, first, parallel_iterations=1)
    return d_gates.stack(), d_hidden, d_cell


def orthogonal_gates(units: int, gates: int) -> Callable[..., tf.Tensor]:
    """Returns the initializer [H, gates * H] with an orthogonal matrix for each gate (Saxe et al. 2014)."""

    def initializer(shape: tuple[int, int], dtype: Any = None) -> tf.Tensor:
        blocks = [keras.initializers.Orthogonal()((units, units), dtype="float32") for _ in range(gates)]
        return tf.cast(tf.concat(blocks, axis=1), dtype or tf.float32)

    return initializer


def _forget_gate_one(units: int) -> Callable[..., tf.Tensor]:
    def initializer(shape: tuple[int], dtype: Any = None) -> tf.Tensor:
        gate = tf.range(4 * units) // units
        return tf.cast(gate == 1, dtype or tf.float32)

    return initializer
