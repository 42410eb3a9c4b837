"""The encoder-decoder."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nmt.model_config import ModelConfig
from nmt.models.attention import Memory
from nmt.models.bridge import masked_mean
from nmt.models.decoder import Decoder, DecoderOutput, DecoderState
from nmt.models.encoder import Encoder
from nmt.models.layers import Dropout, Embedding, Linear, factor, product
from nmt.tokenizer import PAD, UNK

TINY = 1e-10
"""Keeps the logarithm of a probability, and its gradient, finite."""

_TIES = {
    "all": ["source target output"],
    "target": ["target output", "source"],
    "source_target": ["source target", "output"],
    "source_output": ["source output", "target"],
    "none": ["source", "target", "output"],
}


class Shortlist(NamedTuple):
    """The output layer of some tokens: ``table`` [V', E], a row for each, and ``bias`` [V']."""

    table: tf.Tensor
    bias: tf.Tensor


class Projections(NamedTuple):
    """Products and forms of the weights that a search computes once; parts that a model has no use for are None.

    ``tokens`` [V, G] is what the decoder's bottom layer needs of each token: embedding times kernel, which depends on
    the weights alone (Devlin 2017, section 3.1). ``output`` [E, V] is the output matrix with a column for each token:
    a few rows times rows take up to three times as long in a compiled search.
    """

    tokens: tf.Tensor | None = None
    output: tf.Tensor | None = None


class Seq2Seq(keras.layers.Layer):
    """Embeddings, encoder, decoder and output layer (Sutskever et al. 2014; Bahdanau et al. 2015).

    Args:
        config: the ``model`` section of a recipe.
        source_vocab_size: V of the source.
        target_vocab_size: V of the target; equal to the source's where their matrices are tied.
        copies_unknown: whether ids from V on are unknown words of a source, which are read as UNK and can be copied
            (See et al. 2017, section 2.2); see :mod:`nmt.copied_words`.
    """

    def __init__(
        self, config: ModelConfig, source_vocab_size: int, target_vocab_size: int, copies_unknown: bool = False
    ) -> None:
        super().__init__(name="seq2seq")
        self.config = config
        self.copies_unknown = copies_unknown
        self.target_vocab_size = target_vocab_size
        self.generates = config.decoder.copy_source != "pointer"
        self.features = config.encoder.features  # None for a source of tokens
        needed = {"source": self.features is None, "target": config.decoder.feed_token, "output": self.generates}
        tables: dict[str, Embedding] = {}
        for group in _TIES[config.embedding.tie]:
            roles = [role for role in group.split() if needed[role]]
            if roles:
                first = "target" if "target" in roles else roles[0]
                vocab_size = source_vocab_size if "source" in roles else target_vocab_size
                tables |= dict.fromkeys(roles, Embedding(vocab_size, config.embedding.size, f"{first}_embedding"))
        self.source_embedding: Any = tables.get("source")
        self.source_map: Any = None
        if self.features is not None:
            depth = config.embedding.size if config.encoder.layers else config.encoder.units
            self.source_map = Linear(self.features, depth, "source_map")
        self.target_embedding: Any = tables.get("target")
        self.output_embedding: Any = tables.get("output")
        if self.generates:
            self.output_bias = self.add_weight(
                shape=(target_vocab_size,), initializer="zeros", dtype="float32", name="output_bias"
            )
        self.encoder = Encoder(config.encoder, config.cell, config.embedding.size)
        self.decoder = Decoder(config)
        self.built = True

    def encode(self, source: tf.Tensor, dropout: Dropout) -> tuple[Memory, DecoderState]:
        """Turns source ids [B, S], or marked vectors [B, S, 1 + F], into the memory and the decoder's first state."""
        if self.features is None:
            mask, tokens = tf.not_equal(source, PAD), source
            embedded = self.source_embedding.embed(self.known(source))  # [B, S, E]
        else:
            mask = source[:, :, 0] > 0.0  # the mark: a real vector may be all zeros
            tokens = tf.cast(mask, tf.int32)
            embedded = self.source_map.apply(source[:, :, 1:])
        values, states = self.encoder.encode(dropout.of_embeddings(embedded), mask, dropout)
        summary = states[-1].hidden if states else masked_mean(values, mask)
        memory = self.decoder.memory(values, mask, tokens, summary)
        return memory, self.decoder.initial_state(states, values, mask)

    def known(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns ``ids`` with UNK instead of the unknown words of sources."""
        return tf.where(ids < self.target_vocab_size, ids, UNK) if self.copies_unknown else ids

    @property
    def source_spec(self) -> tf.TensorSpec:
        """What ``encode`` takes."""
        if self.features is None:
            return tf.TensorSpec([None, None], tf.int32)
        return tf.TensorSpec([None, None, 1 + self.features], tf.float32)

    def teacher_forced(
        self,
        source: tf.Tensor,
        target_in: tf.Tensor,
        seed: tf.Tensor | None = None,
        rows: tf.Tensor | None = None,
        covers: bool = True,
    ) -> tuple[DecoderOutput, Memory]:
        """Returns what predicts every target token, given all tokens before it, and the memory.

        Args:
            source: ids [B, S], padded on the right; or marked vectors [B, S, 1 + F], padded with zeros.
            target_in: ids [B, T], the target shifted right behind BOS.
            seed: int32 [2] for dropout, None for inference.
            rows: int32 [N], the row of the source that each target [N, T] belongs to; None for one target per source.
            covers: as in the decoder's ``teacher_forced``.
        """
        config = self.config
        dropout = Dropout(config.dropout, seed, config.variational_dropout, config.word_dropout)
        memory, state = self.encode(source, dropout)
        if rows is not None:
            memory, state = tf.nest.map_structure(lambda part: tf.gather(part, rows), (memory, state))
        tokens = self._embed_target(target_in)
        if config.decoder.feed_token:
            tokens = dropout.of_embeddings(tokens)
        real = tf.not_equal(target_in, PAD)
        return self.decoder.teacher_forced(tokens, real, memory, state, dropout, covers), memory

    def vocabulary_logits(
        self, readout: tf.Tensor, shortlist: Shortlist | None = None, columns: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the unnormalised log-probabilities [N, V] of generating each token, for readouts [N, E].

        Args:
            shortlist: the tokens that there are; None for all.
            columns: [E, V], the output matrix of all tokens, where it is at hand in this form.
        """
        if shortlist is not None:
            return product(readout, shortlist.table, transpose_b=True) + shortlist.bias
        if columns is not None:
            return product(readout, columns) + self.output_bias
        return self.output_embedding.logits(readout) + self.output_bias

    def shortlist(self, ids: tf.Tensor) -> Shortlist | None:
        """Returns what generating the tokens ``ids`` [V'] alone needs; None for a model that copies as well."""
        if self.config.decoder.copy_source != "none":
            return None
        table = tf.gather(tf.convert_to_tensor(self.output_embedding.table), ids)  # [V', E]
        return Shortlist(table, tf.gather(tf.convert_to_tensor(self.output_bias), ids))

    def logits(
        self,
        output: DecoderOutput,
        memory: Memory,
        shortlist: Shortlist | None = None,
        columns: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the unnormalised log-probabilities [B, X, V] of the next token, copying included.

        With a shortlist, V is the number of its tokens. Where unknown words are copied there are S columns more, as
        many as a source of S tokens has room for: [B, X, V + S].

        P(w) = p_gen P_vocab(w) + (1 - p_gen) * the attention on the positions of w (See et al. 2017, equation 9).
        ``columns`` is that of ``vocabulary_logits``.
        """
        vocabulary: Any = None
        if self.generates and output.readout is not None:
            shape = tf.shape(output.readout)
            rows = tf.reshape(output.readout, [-1, output.readout.shape[-1]])
            flat = self.vocabulary_logits(rows, shortlist, columns)
            vocab_size = self.target_vocab_size if shortlist is None else tf.shape(flat)[1]
            vocabulary = tf.reshape(flat, [shape[0], shape[1], vocab_size])  # [B, X, V]
        if self.config.decoder.copy_source == "none":
            return vocabulary
        copied = self._copied(output.weights, memory.tokens)
        if vocabulary is not None:
            generate = tf.sigmoid(output.generate)[..., None]  # [B, X, 1]
            generated = generate * tf.nn.softmax(vocabulary)
            if self.copies_unknown:
                generated = tf.pad(generated, [[0, 0], [0, 0], [0, _steps(memory.tokens)]])  # [B, X, V + S]
            copied = generated + (1.0 - generate) * copied
        return tf.math.log(copied + TINY)

    def projections(self) -> Projections:
        """Returns what ``step`` would compute again at every step; it is as old as the weights."""
        tokens = output = None
        if self.target_embedding is not None:
            tokens = self.decoder.project_tokens(self.target_embedding.embed(tf.range(self.target_vocab_size)))
        if self.generates:
            output = tf.transpose(factor(self.output_embedding, self.output_embedding.table))
        return Projections(tokens, output)

    def step(
        self,
        tokens: tf.Tensor,
        memory: Memory,
        state: DecoderState,
        projections: Projections | None = None,
        shortlist: Shortlist | None = None,
    ) -> tuple[tf.Tensor, DecoderState, DecoderOutput]:
        """Runs one decoding step for K hypotheses of every sentence.

        Args:
            tokens: int32 [B, K], the last token of each hypothesis.
            state: N = B*K rows, those of a sentence side by side.
            projections: what ``projections`` gave for these weights; None to compute what is needed of it.
            shortlist: the tokens that may come next; None for all.

        Returns:
            The logits [B, K, V], the new state, and what they were computed from.
        """
        projections = projections or Projections()
        known = tf.reshape(self.known(tokens), [-1])
        projected = None if projections.tokens is None else tf.gather(projections.tokens, known)  # [B*K, G]
        output, new_state = self.decoder.step(self._embed_target(tokens), memory, state, projected=projected)
        return self.logits(output, memory, shortlist, projections.output), new_state, output

    def _embed_target(self, tokens: tf.Tensor) -> tf.Tensor:
        if self.target_embedding is None:
            return tf.zeros(tf.concat([tf.shape(tokens), [0]], axis=0))
        return self.target_embedding.embed(self.known(tokens))

    def _copied(self, weights: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Adds up the weights [B, X, S] of equal source ``tokens`` [B, S]: -> [B, X, V] or [B, X, V + S]."""
        shape = tf.shape(weights)
        size = self.target_vocab_size + (_steps(tokens) if self.copies_unknown else 0)
        rows = tf.range(shape[0] * shape[1]) * size
        places = tf.reshape(rows, [shape[0], shape[1], 1]) + tokens[:, None]  # [B, X, S]
        total = shape[0] * shape[1] * size
        flat = tf.math.unsorted_segment_sum(tf.reshape(weights, [-1]), tf.reshape(places, [-1]), total)
        return tf.reshape(flat, [shape[0], shape[1], size])


def _steps(tokens: tf.Tensor) -> Any:
    """Returns the S of tokens [B, S], as a number where it is known."""
    return tokens.shape[1] or tf.shape(tokens)[1]
