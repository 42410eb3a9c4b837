"""The encoder-decoder."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.config import ModelConfig
from nmt.models.attention import Memory
from nmt.models.decoder import Decoder, DecoderStep
from nmt.models.encoder import Encoder
from nmt.models.layers import Dropout, Embedding
from nmt.models.lstm import LstmState
from nmt.tokenizer import PAD


class Seq2Seq(keras.layers.Layer):
    """Embeddings, encoder, decoder and output layer (Sutskever et al. 2014; Bahdanau et al. 2015).

    Args:
        config: the ``model`` section of a recipe.
        source_vocab_size: V of the source.
        target_vocab_size: V of the target; equal to the source's when all embeddings are tied.
    """

    def __init__(self, config: ModelConfig, source_vocab_size: int, target_vocab_size: int) -> None:
        super().__init__(name="seq2seq")
        self.config = config
        size = config.embedding.size
        self.target_embedding = Embedding(target_vocab_size, size, "target_embedding")
        tie = config.embedding.tie
        self.source_embedding = self.output_embedding = self.target_embedding
        if tie != "all":
            self.source_embedding = Embedding(source_vocab_size, size, "source_embedding")
        if tie == "none":
            self.output_embedding = Embedding(target_vocab_size, size, "output_embedding")
        self.output_bias = self.add_weight(shape=(target_vocab_size,), initializer="zeros", name="output_bias")
        self.encoder = Encoder(config.encoder, size)
        self.decoder = Decoder(config.decoder, size, config.encoder.units, config.encoder.layers)
        self.built = True

    def encode(self, source: tf.Tensor, dropout: Dropout) -> tuple[Memory, list[LstmState]]:
        """Turns source ids [B, S] into the memory and the decoder's first states."""
        mask = tf.not_equal(source, PAD)
        values, states = self.encoder.encode(dropout(self.source_embedding.embed(source)), mask, dropout)
        return self.decoder.memory(values, mask), self.decoder.initial_states(states)

    def readout(self, source: tf.Tensor, target_in: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the readout [B, T, E] for every target step, given all tokens before it (teacher forcing).

        Args:
            source: ids [B, S], padded on the right.
            target_in: ids [B, T], the target shifted right behind BOS.
            seed: int32 [2] for dropout, None for inference.
        """
        dropout = Dropout(self.config.dropout, seed)
        memory, states = self.encode(source, dropout)
        embedded = dropout(self.target_embedding.embed(target_in))
        outputs, _ = self.decoder.teacher_forced(embedded, tf.not_equal(target_in, PAD), memory, states, dropout)
        return outputs

    def logits(self, readout: tf.Tensor) -> tf.Tensor:
        """Returns the unnormalised log-probabilities [N, V] of the next token for readouts [N, E]."""
        return self.output_embedding.logits(readout) + self.output_bias

    def step(self, tokens: tf.Tensor, memory: Memory, states: list[LstmState]) -> tuple[tf.Tensor, DecoderStep]:
        """Runs one decoding step for K hypotheses of every sentence.

        Args:
            tokens: int32 [B, K], the last token of each hypothesis.

        Returns:
            The logits [B, K, V], and the decoder's step with its states [B*K, H].
        """
        result = self.decoder.step(self.target_embedding.embed(tokens), memory, states)
        shape = tf.shape(result.readout)
        logits = self.logits(tf.reshape(result.readout, [-1, result.readout.shape[-1]]))
        return tf.reshape(logits, [shape[0], shape[1], logits.shape[-1]]), result
