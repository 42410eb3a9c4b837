"""The bridge: what the decoder starts from."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model_config import ModelConfig
from nmt.models.gru import GruState
from nmt.models.layers import Linear
from nmt.models.lstm import LstmState
from nmt.models.recurrent import State


def masked_mean(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the mean [B, D] of the real steps of ``values`` [B, S, D]."""
    real = tf.cast(mask, values.dtype)[:, :, None]  # [B, S, 1]
    return tf.reduce_sum(values * real, axis=1) / tf.maximum(tf.reduce_sum(real, axis=1), 1.0)


class Bridge(keras.layers.Layer):
    """Makes the decoder's first states.

    ==============  ===================================================================================
    ``final``       the encoder's final states (Sutskever et al. 2014); projected where sizes differ
    ``projection``  tanh of a learned projection of them (Cho et al. 2014, appendix A.1.2)
    ``mean``        tanh of a learned projection of the memory's mean (Sennrich et al. 2017, section 4.1)
    ``zero``        zeros
    ==============  ===================================================================================

    The cell of an LSTM is projected without tanh, and starts at zero with ``mean``. Each decoder layer takes the state
    of the encoder's layer at the same distance from the top; where the encoder has fewer layers, the lowest decoder
    layers share its first.
    """

    def __init__(self, config: ModelConfig, name: str) -> None:
        super().__init__(name=name)
        encoder, decoder = config.encoder, config.decoder
        self.kind, self.layers, self.units = decoder.initial_state, decoder.layers, decoder.units
        self.state = LstmState if config.cell == "lstm" else GruState
        if self.kind == "final" and encoder.units != decoder.units:
            self.kind = "projection"
        self.sources = [max(0, encoder.layers - decoder.layers + index) for index in range(decoder.layers)]
        parts = {"projection": self.state._fields, "mean": ("hidden",)}.get(self.kind, ())
        self.maps = [
            [Linear(encoder.units, decoder.units, f"bridge_{part}_{index}") for part in parts]
            for index in range(decoder.layers)
        ]
        self.built = True

    def initial_states(self, encoder_states: list[State], values: tf.Tensor, mask: tf.Tensor) -> list[State]:
        """Returns one state per decoder layer, parts [B, H].

        Args:
            encoder_states: the final states of the encoder's layers, parts [B, D]; none where it has no layers.
            values: the encoder's outputs [B, S, D].
            mask: [B, S], true for real steps.
        """
        if self.kind in ("final", "projection"):
            final = [encoder_states[source] for source in self.sources]
            return final if self.kind == "final" else [self._project(i, list(state)) for i, state in enumerate(final)]
        zeros = tf.zeros([tf.shape(mask)[0], self.units], values.dtype)
        if self.kind == "mean":
            mean = masked_mean(values, mask)
            return [self._project(index, [mean], zeros) for index in range(self.layers)]
        return [self.state(*[zeros] * len(self.state._fields)) for _ in range(self.layers)]

    def _project(self, index: int, parts: list[tf.Tensor], rest: tf.Tensor | None = None) -> State:
        projected = [linear.apply(part) for linear, part in zip(self.maps[index], parts, strict=True)]
        projected[0] = tf.tanh(projected[0])
        return self.state(*projected, *[rest] * (len(self.state._fields) - len(projected)))
