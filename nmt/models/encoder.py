"""The encoder: from source ids to a memory and the states that start the decoder."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.config import EncoderConfig
from nmt.models.layers import Dropout
from nmt.models.lstm import Lstm, LstmState


class Encoder(keras.layers.Layer):
    """A stack of LSTM layers, each bidirectional (Schuster and Paliwal 1997) or forward only.

    With ``reverse_source`` every source is read backwards within its own length, before anything else, so that padding
    stays on the right; the memory is turned back to the order of the source at the end (Sutskever et al. 2014).
    """

    def __init__(self, config: EncoderConfig, depth: int, name: str = "encoder") -> None:
        super().__init__(name=name)
        self.config = config
        self.forward: list[Lstm] = []
        self.backward: list[Lstm] = []
        units = config.units // 2 if config.bidirectional else config.units
        for index in range(config.layers):
            directions = [("forward", self.forward)] + ([("backward", self.backward)] if config.bidirectional else [])
            for direction, layers in directions:
                layers.append(Lstm(depth, units, f"encoder_{direction}_{index}"))
            depth = config.units
        self.built = True

    def encode(self, inputs: tf.Tensor, mask: tf.Tensor, dropout: Dropout) -> tuple[tf.Tensor, list[LstmState]]:
        """Runs over embedded sources.

        Args:
            inputs: [B, S, E].
            mask: [B, S], true for real steps.
            dropout: applied between layers.

        Returns:
            The outputs of the top layer [B, S, H] in the order of the source, and each layer's final state.
        """
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        outputs = _reverse(inputs, lengths) if self.config.reverse_source else inputs
        states = []
        for index, forward in enumerate(self.forward):
            if index:
                outputs = dropout(outputs)
            zero = forward.zero_state(tf.shape(outputs)[0])
            there, state = forward.sequence(outputs, mask, zero)
            if self.backward:
                back, back_state = self.backward[index].sequence(_reverse(outputs, lengths), mask, zero)
                there = tf.concat([there, _reverse(back, lengths)], axis=-1)
                state = LstmState(*(tf.concat(parts, axis=-1) for parts in zip(state, back_state, strict=True)))
            outputs = there
            states.append(state)
        return (_reverse(outputs, lengths) if self.config.reverse_source else outputs), states


def _reverse(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Reverses the real steps of right-padded sequences and leaves the padding where it is."""
    return tf.reverse_sequence(values, lengths, seq_axis=1)
