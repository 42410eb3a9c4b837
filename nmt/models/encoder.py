"""The encoder: from embedded source tokens to a memory and the states that start the decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from nmt.model_config import EncoderConfig
from nmt.models.layers import Dropout
from nmt.models.recurrent import CellLayer, Frame, State, cell_layer, join_states


class Encoder(keras.layers.Layer):
    """A stack of recurrent layers, each bidirectional (Schuster and Paliwal 1997) or forward only.

    With ``reverse_source`` every source is read backwards within its own length, before anything else, so that padding
    stays on the right; the memory is turned back to the order of the source at the end (Sutskever et al. 2014).

    Args:
        config: the ``encoder`` section.
        cell: lstm or gru.
        depth: E, depth of the inputs.
    """

    def __init__(self, config: EncoderConfig, cell: str, depth: int, name: str = "encoder") -> None:
        super().__init__(name=name)
        self.config = config
        self.forward: list[CellLayer] = []
        self.backward: list[CellLayer] = []  # of the lowest layers, as many as are bidirectional
        self.frames: list[Frame] = []
        for index in range(config.layers):
            both = config.bidirectional is True or (config.bidirectional == "bottom" and index == 0)
            units = config.units // 2 if both else config.units
            self.forward.append(cell_layer(cell, depth, units, f"encoder_forward_{index}"))
            if both:
                self.backward.append(cell_layer(cell, depth, units, f"encoder_backward_{index}"))
            residual = config.residual and index > 0
            self.frames.append(Frame(depth, config.layer_norm, residual, f"encoder_frame_{index}"))
            depth = config.units
        self.built = True

    def encode(self, inputs: tf.Tensor, mask: tf.Tensor, dropout: Dropout) -> tuple[tf.Tensor, list[State]]:
        """Runs over embedded sources.

        Args:
            inputs: [B, S, E].
            mask: [B, S], true for real steps.
            dropout: applied between layers.

        Returns:
            The outputs of the top layer [B, S, H] in the order of the source, and each layer's final state. Without
            layers the inputs are the outputs.
        """
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        outputs = _reverse(inputs, lengths) if self.config.reverse_source else inputs
        states = []
        for index, frame in enumerate(self.frames):
            layer_inputs = dropout(outputs) if index else outputs
            read = frame.before(layer_inputs)
            there, state = self._run(self.forward[index], read, mask)
            if index < len(self.backward):
                back, back_state = self._run(self.backward[index], _reverse(read, lengths), mask)
                there = tf.concat([there, _reverse(back, lengths)], axis=-1)  # [B, S, H]
                state = join_states([state, back_state])
            outputs = frame.after(layer_inputs, there)
            states.append(state)
        return (_reverse(outputs, lengths) if self.config.reverse_source else outputs), states

    def _run(self, layer: CellLayer, inputs: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, State]:
        return layer.sequence(inputs, mask, layer.zero_state(tf.shape(inputs)[0]))


@tf.custom_gradient
def _reverse(values: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[Any, ...]]]:
    """Reverses the real steps of right-padded sequences [B, T, D] and leaves the padding where it is.

    Whole steps are copied: ``tf.reverse_sequence`` and its gradient go number by number, and take three times as long.
    """
    steps, ends = tf.range(tf.shape(values)[1]), lengths[:, None]
    order = tf.where(steps < ends, ends - 1 - steps, steps)  # [B, T], its own inverse

    def gradient(upstream: tf.Tensor) -> tuple[Any, ...]:
        return tf.gather(upstream, order, batch_dims=1), None

    return tf.gather(values, order, batch_dims=1), gradient
