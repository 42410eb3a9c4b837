"""The decoder: from a memory and the target so far to what predicts the next token.

Teacher forcing runs whole sequences wherever no step has to wait for what the step before has found: one call per
layer and one batched attention. Input feeding and coverage wait, so they loop over the same ``step`` that search uses.

The attention query comes from the bottom layer, whose context feeds every layer above and the readout (the arrangement
of GNMT, Wu et al. 2016, and RNMT+, Chen et al. 2018), or from the top layer, whose context feeds the readout alone
(Luong et al. 2015).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.model_config import ModelConfig
from nmt.models.attention import Attention, Memory
from nmt.models.bridge import Bridge
from nmt.models.layers import Dropout, Linear, product
from nmt.models.recurrent import Frame, State, cell_layer


class DecoderState(NamedTuple):
    """What a hypothesis carries from step to step; parts that a decoder does not need are empty tuples."""

    layers: list[State]  # parts [N, H]
    time: tf.Tensor  # int32 [N]: steps done
    feed: Any = ()  # [N, E]: the last readout, with input feeding
    coverage: Any = ()  # [N, S]: the sum of the attention weights so far


class DecoderOutput(NamedTuple):
    """What predicts the next tokens of a target (X = T) or of K hypotheses (X = K).

    ``readout`` [B, X, E] or None for pure pointers, attention ``weights`` [B, X, S] or None, and ``generate`` [B, X],
    the logit of generating instead of copying, or None.
    """

    readout: tf.Tensor | None
    weights: tf.Tensor | None
    generate: tf.Tensor | None


class Decoder(keras.layers.Layer):
    """A stack of recurrent layers with attention, readout and pointer, each where the recipe asks for it.

    Args:
        config: the ``model`` section; the encoder's part tells what there is to start from.
    """

    def __init__(self, config: ModelConfig, name: str = "decoder") -> None:
        super().__init__(name=name)
        self.config = decoder = config.decoder
        depth, memory_depth = config.embedding.size, config.encoder.units
        self.bridge = Bridge(config, "bridge")
        self.attention: Any = Attention(decoder, memory_depth, "attention") if decoder.attention != "none" else None
        self.asks_below = decoder.query == "bottom" and decoder.layers > 1
        context = memory_depth if self.attention else 0
        summary = memory_depth if decoder.feed_summary else 0
        self.inputs_depth = depth * (decoder.feed_token + decoder.input_feeding) + summary
        above = decoder.units + (context if self.asks_below else 0)
        depths = [self.inputs_depth] + [above] * (decoder.layers - 1)
        self.layers = [
            cell_layer(config.cell, inputs, decoder.units, f"decoder_layer_{index}")
            for index, inputs in enumerate(depths)
        ]
        self.frames = [
            Frame(inputs, decoder.layer_norm, decoder.residual and index > 0, f"decoder_frame_{index}")
            for index, inputs in enumerate(depths)
        ]
        self.readout: Any = None
        self.generate: Any = None
        if decoder.copy_source != "pointer" or decoder.input_feeding:
            self.readout = Linear(decoder.units + context + summary, depth, "decoder_readout")
        if decoder.copy_source == "pointer_generator":
            self.generate = Linear(decoder.units + context + self.inputs_depth, 1, "decoder_generate")
        self.built = True

    def memory(self, values: tf.Tensor, mask: tf.Tensor, tokens: tf.Tensor, summary: tf.Tensor) -> Memory:
        """Prepares the encoder's outputs [B, S, D] and summary [B, D] for all steps to come."""
        values, keys = self.attention.prepare(values) if self.attention else (values, values)
        return Memory(values, keys, mask, tokens, summary)

    def initial_state(self, encoder_states: list[State], values: tf.Tensor, mask: tf.Tensor) -> DecoderState:
        """Returns the state before the first step, from the encoder's final states and outputs [B, S, D]."""
        layers = self.bridge.initial_states(encoder_states, values, mask)
        batch = tf.shape(mask)[0]
        feed = tf.zeros([batch, self.readout.outputs]) if self.config.input_feeding else ()
        coverage = tf.zeros(tf.shape(mask)) if self.config.coverage else ()
        return DecoderState(layers, tf.zeros([batch], tf.int32), feed, coverage)

    def teacher_forced(
        self,
        tokens: tf.Tensor,
        mask: tf.Tensor,
        memory: Memory,
        state: DecoderState,
        dropout: Dropout,
        covers: bool = True,
    ) -> DecoderOutput:
        """Runs over whole embedded targets.

        Args:
            tokens: [B, T, E], the target shifted right; [B, T, 0] where the previous token is not fed.
            mask: [B, T], true for real steps.
            covers: whether attention looks at its coverage; false for as long as its row of coverage is zeros.
        """
        loops = self.config.input_feeding or (self.config.coverage and covers)
        run = self._loop if loops else self._whole
        return run(tokens, mask, memory, state, dropout)

    def _whole(
        self, tokens: tf.Tensor, mask: tf.Tensor, memory: Memory, state: DecoderState, dropout: Dropout
    ) -> DecoderOutput:
        batch, steps = tf.shape(mask)[0], tf.shape(mask)[1]
        time = tf.tile(tf.range(steps)[None], [batch, 1])  # [B, T]
        inputs = outputs = self._inputs(tokens, memory, None)
        context = weights = None
        for index, (layer, frame) in enumerate(zip(self.layers, self.frames, strict=True)):
            layer_inputs = dropout(_join(outputs, context)) if index else inputs
            own, _ = layer.sequence(frame.before(layer_inputs), mask, state.layers[index])
            outputs = frame.after(layer_inputs, own)  # [B, T, H]
            if self._asks_at(index):
                context, weights = self.attention.attend(outputs, memory, time, one_by_one=True)
        return self._output(outputs, context, weights, inputs, memory, dropout)

    def _loop(
        self, tokens: tf.Tensor, mask: tf.Tensor, memory: Memory, state: DecoderState, dropout: Dropout
    ) -> DecoderOutput:
        batch, steps = tf.shape(mask)[0], tf.shape(mask)[1]
        # Drawn for all steps beforehand: inside of the loop every step would draw the same.
        depths = [layer.kernel.shape[0] for layer in self.layers[1:]]
        depths += [self.readout.outputs] if self.readout is not None else []
        masks = [dropout(tf.ones(tf.stack([batch, steps, depth]))) for depth in depths if dropout.active]

        def step(t: tf.Tensor, state: DecoderState, arrays: tuple[tf.TensorArray, ...]) -> tuple[Any, ...]:
            output, state = self.step(tokens[:, t, None], memory, state, [mask[:, t, None] for mask in masks])
            values = [value[:, 0] for value in output if value is not None]
            return t + 1, state, tuple(array.write(t, value) for array, value in zip(arrays, values, strict=True))

        present = [self.readout is not None, True, self.generate is not None]
        arrays = tuple(tf.TensorArray(tf.float32, size=steps) for there in present if there)
        loop = tf.while_loop(lambda t, *_: t < steps, step, (0, state, arrays))
        stacked = iter(array.stack() for array in loop[-1])
        orders = [[1, 0, 2], [1, 0, 2], [1, 0]]  # [T, B, ...] -> [B, T, ...]
        output = [
            tf.transpose(next(stacked), order) if there else None for order, there in zip(orders, present, strict=True)
        ]
        return DecoderOutput(*output)

    def project_tokens(self, tokens: tf.Tensor) -> tf.Tensor | None:
        """Returns the share of embedded tokens [V, E] in what the bottom layer needs of its inputs: [V, G].

        A search that is to take many steps computes it once for the whole vocabulary. None where tokens are not fed, or
        are normalised together with what else is fed.
        """
        if not self.config.feed_token or self.config.layer_norm:
            return None
        layer, depth = self.layers[0], tokens.shape[-1]
        rest = tf.zeros([tf.shape(tokens)[0], self.inputs_depth - depth])
        return layer.project(tf.concat([tokens, rest], axis=-1))

    def step(
        self,
        tokens: tf.Tensor,
        memory: Memory,
        state: DecoderState,
        masks: list[tf.Tensor] | None = None,
        projected: tf.Tensor | None = None,
    ) -> tuple[DecoderOutput, DecoderState]:
        """Runs one step for K hypotheses of every sentence.

        Args:
            tokens: [B, K, E], embeddings of the last tokens; [B, K, 0] where they are not fed.
            state: N = B*K rows, those of a sentence side by side.
            masks: dropout of the layers above the bottom one and of the readout, each [B, 1, depth]; None for none.
            projected: [B*K, G], the tokens' rows of ``project_tokens``; None to compute them here.
        """
        shape = tf.shape(tokens)[:2]
        drop = iter(masks or [])

        def beams(values: tf.Tensor) -> tf.Tensor:  # [B*K, X] -> [B, K, X]
            split = tf.reshape(values, tf.concat([shape, tf.shape(values)[1:]], axis=0))
            return tf.ensure_shape(split, [None, tokens.shape[1], *values.shape[1:]])

        fed = beams(state.feed) if self.config.input_feeding else None
        inputs = outputs = self._inputs(tokens, memory, fed)
        coverage = beams(state.coverage) if self.config.coverage else None
        context = weights = None
        states = []
        for index, (layer, frame) in enumerate(zip(self.layers, self.frames, strict=True)):
            layer_inputs = _drop(_join(outputs, context), drop) if index else inputs
            read = frame.before(layer_inputs)
            read = tf.reshape(read, [-1, read.shape[-1]])  # [B*K, I]
            own = layer.project(read) if index or projected is None else self._add_rest(projected, read, tokens)
            states.append(layer.step(own, state.layers[index]))
            outputs = frame.after(layer_inputs, beams(states[-1].hidden))  # [B, K, H]
            if self._asks_at(index):
                context, weights = self.attention.attend(outputs, memory, beams(state.time), coverage)
        output = self._output(outputs, context, weights, inputs, memory, lambda values: _drop(values, drop))
        feed = tf.reshape(output.readout, [-1, self.readout.outputs]) if self.config.input_feeding else ()
        covered = state.coverage + tf.reshape(weights, tf.shape(state.coverage)) if self.config.coverage else ()
        return output, DecoderState(states, state.time + 1, feed, covered)

    def _add_rest(self, projected: tf.Tensor, inputs: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Adds to the tokens' share of the bottom layer's projection what the other ``inputs`` [B*K, I] have in it."""
        depth = tokens.shape[-1]
        if depth == self.inputs_depth:
            return projected
        return projected + product(inputs[:, depth:], self.layers[0].kernel[depth:])

    def _asks_at(self, index: int) -> bool:
        """Whether attention is asked by the layer ``index``."""
        return self.attention is not None and index == (0 if self.asks_below else len(self.layers) - 1)

    def _inputs(self, tokens: tf.Tensor, memory: Memory, fed: tf.Tensor | None) -> tf.Tensor:
        """Joins what the bottom layer reads: [B, X, I]."""
        parts = [tokens] if self.config.feed_token else []
        if self.config.feed_summary:
            parts.append(self._summary(memory, tokens))
        if fed is not None:
            parts.append(fed)
        return tf.concat(parts, axis=-1)

    def _summary(self, memory: Memory, like: tf.Tensor) -> tf.Tensor:
        """Repeats the summary for every step or hypothesis: [B, D] -> [B, X, D]."""
        return tf.tile(memory.summary[:, None], [1, tf.shape(like)[1], 1])

    def _output(
        self,
        outputs: tf.Tensor,
        context: tf.Tensor | None,
        weights: tf.Tensor | None,
        inputs: tf.Tensor,
        memory: Memory,
        dropout: Any,
    ) -> DecoderOutput:
        readout = generate = None
        joined = _join(outputs, context)
        if self.generate is not None:
            generate = self.generate.apply(tf.concat([joined, inputs], axis=-1))[..., 0]  # [B, X]
        if self.readout is not None:
            if self.config.feed_summary:
                joined = tf.concat([joined, self._summary(memory, outputs)], axis=-1)
            readout = dropout(tf.tanh(self.readout.apply(joined)))
        return DecoderOutput(readout, weights, generate)


def _join(outputs: tf.Tensor, context: tf.Tensor | None) -> tf.Tensor:
    return outputs if context is None else tf.concat([outputs, context], axis=-1)


def _drop(values: tf.Tensor, masks: Any) -> tf.Tensor:
    mask = next(masks, None)
    return values if mask is None else values * mask
