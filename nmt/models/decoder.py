"""The decoder: from a memory and the target so far to a vector that predicts the next token.

The bottom layer gives the attention queries; its context is fed to every layer above and to the readout (the
arrangement of GNMT, Wu et al. 2016, and RNMT+, Chen et al. 2018). No layer waits for the context of the step before, so
teacher forcing runs whole sequences: one LSTM call per layer and one batched attention.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from nmt.config import DecoderConfig
from nmt.models.attention import Attention, Memory
from nmt.models.layers import Dropout, Linear
from nmt.models.lstm import Lstm, LstmState


class DecoderStep(NamedTuple):
    """The result of one step: ``readout`` [B, K, E], the new states, attention ``weights`` [B, K, S] or None."""

    readout: tf.Tensor
    states: list[LstmState]
    weights: tf.Tensor | None


class Decoder(keras.layers.Layer):
    """A stack of LSTM layers with optional attention.

    Args:
        config: layers, units and attention.
        depth: E, depth of the embedded target tokens and of the readout.
        memory_depth: D, depth of the memory and of the encoder's states.
        encoder_layers: layers of the encoder, whose final states start the decoder's layers.
    """

    def __init__(
        self, config: DecoderConfig, depth: int, memory_depth: int, encoder_layers: int, name: str = "decoder"
    ) -> None:
        super().__init__(name=name)
        self.config = config
        self.sources = [max(0, encoder_layers - config.layers + index) for index in range(config.layers)]
        self.bridges = None
        if memory_depth != config.units:
            self.bridges = [
                [Linear(memory_depth, config.units, f"bridge_{part}_{index}") for part in ("hidden", "cell")]
                for index in range(config.layers)
            ]
        context = 0 if config.attention == "none" else memory_depth
        self.attention = Attention(config.attention, config.units, memory_depth, "attention") if context else None
        self.layers = [
            Lstm(config.units + context if index else depth, config.units, f"decoder_layer_{index}")
            for index in range(config.layers)
        ]
        self.readout = Linear(config.units + context, depth, "decoder_readout")
        self.built = True

    def memory(self, values: tf.Tensor, mask: tf.Tensor) -> Memory:
        """Prepares the encoder's outputs [B, S, D] for attention."""
        return Memory(values, self.attention.keys(values) if self.attention else values, mask)

    def initial_states(self, encoder_states: list[LstmState]) -> list[LstmState]:
        """Starts each layer from the final state of the encoder's layer at the same distance from the top.

        Where the encoder has fewer layers, the lowest decoder layers share its first; unequal sizes are projected.
        """
        states = [encoder_states[source] for source in self.sources]
        if self.bridges is None:
            return states
        return [
            LstmState(tf.tanh(hidden.apply(state.hidden)), cell.apply(state.cell))
            for (hidden, cell), state in zip(self.bridges, states, strict=True)
        ]

    def teacher_forced(
        self, inputs: tf.Tensor, mask: tf.Tensor, memory: Memory, states: list[LstmState], dropout: Dropout
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Runs over whole embedded targets.

        Args:
            inputs: [B, T, E], the target shifted right.
            mask: [B, T], true for real steps.

        Returns:
            The readout [B, T, E] and the attention weights [B, T, S] or None.
        """
        outputs, _ = self.layers[0].sequence(inputs, mask, states[0])
        context, weights = self._context(outputs, memory)
        for layer, state in zip(self.layers[1:], states[1:], strict=True):
            outputs, _ = layer.sequence(dropout(_join(outputs, context)), mask, state)
        return dropout(tf.tanh(self.readout.apply(_join(outputs, context)))), weights

    def step(self, inputs: tf.Tensor, memory: Memory, states: list[LstmState]) -> DecoderStep:
        """Runs one step for K hypotheses of every sentence.

        Args:
            inputs: [B, K, E], embeddings of the last tokens.
            states: per layer, [B*K, H].
        """
        batch, beam = tf.shape(inputs)[0], tf.shape(inputs)[1]

        def flat(values: tf.Tensor) -> tf.Tensor:
            return tf.reshape(values, [-1, values.shape[-1]])  # [B, K, X] -> [B*K, X]

        new_states = [self.layers[0].step(flat(inputs), states[0])]
        outputs = tf.reshape(new_states[0].hidden, [batch, beam, self.config.units])
        context, weights = self._context(outputs, memory)
        for layer, state in zip(self.layers[1:], states[1:], strict=True):
            new_states.append(layer.step(flat(_join(outputs, context)), state))
            outputs = tf.reshape(new_states[-1].hidden, [batch, beam, self.config.units])
        return DecoderStep(tf.tanh(self.readout.apply(_join(outputs, context))), new_states, weights)

    def _context(self, queries: tf.Tensor, memory: Memory) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        return self.attention.attend(queries, memory) if self.attention else (None, None)


def _join(outputs: tf.Tensor, context: tf.Tensor | None) -> tf.Tensor:
    return outputs if context is None else tf.concat([outputs, context], axis=-1)
