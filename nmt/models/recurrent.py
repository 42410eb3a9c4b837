"""Recurrent layers of either cell behind one interface, with what may stand around them in a stack.

The state of a cell layer is a tuple of [B, H] whose first part, ``hidden``, is also its output.
"""

from __future__ import annotations

from typing import Any, Protocol

import keras
import tensorflow as tf

from nmt.models.gru import Gru, GruState
from nmt.models.layers import LayerNorm
from nmt.models.lstm import Lstm, LstmState

State = LstmState | GruState


class CellLayer(Protocol):
    """A recurrent layer of either cell."""

    kernel: Any
    weights: list[Any]
    trainable_variables: list[Any]

    def sequence(self, inputs: tf.Tensor, mask: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """Runs over whole sequences; returns the outputs [B, T, H] and the state after each one's last real step."""

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns what a step needs of its inputs [B, I]: their products with the kernel, and the bias, [B, G]."""

    def step(self, projected: tf.Tensor, state: Any) -> Any:
        """Runs one step on projected inputs and returns the new state."""

    def zero_state(self, batch: tf.Tensor) -> Any:
        """Returns a state of zeros."""


def cell_layer(cell: str, depth: int, units: int, name: str) -> CellLayer:
    """Returns a layer of LSTM or GRU cells from depth I to H ``units``."""
    return Lstm(depth, units, name) if cell == "lstm" else Gru(depth, units, name)


def join_states(states: list[Any]) -> Any:
    """Puts the states of two directions side by side: parts [B, H] -> [B, 2H]."""
    return type(states[0])(*(tf.concat(parts, axis=-1) for parts in zip(*states, strict=True)))


class Frame(keras.layers.Layer):
    """What stands around a recurrent layer: layer normalisation before it, a residual connection across it.

    Args:
        depth: I, depth of the layer's inputs.
        normalise: normalise the inputs (Ba et al. 2016); the gates inside stay as they are, as on cuDNN.
        residual: add the first H features of the inputs to the outputs (He et al. 2016; Wu et al. 2016, section 3.1).
    """

    def __init__(self, depth: int, normalise: bool, residual: bool, name: str) -> None:
        super().__init__(name=name)
        self.norm = LayerNorm(depth, f"{name}_norm") if normalise else None
        self.residual = residual
        self.built = True

    def before(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns what the layer reads, for ``inputs`` [..., I]."""
        return inputs if self.norm is None else self.norm.apply(inputs)

    def after(self, inputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the stack's output [..., H] for the layer's own ``outputs`` [..., H]."""
        return outputs + inputs[..., : outputs.shape[-1]] if self.residual else outputs
