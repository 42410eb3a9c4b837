"""From sources to target ids: a model and a search as one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.config import DecodingConfig
from nmt.decoding.batches import length_batches
from nmt.decoding.ensemble import Ensemble
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.search import NEVER, Hypotheses, Step, beam_search
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, PAD, UNK


def search_problem(
    model: Seq2Seq | Ensemble, source: tf.Tensor, config: DecodingConfig, hypotheses: int, projections: Any = None
) -> tuple[Step, Any, tf.Tensor]:
    """Returns what a search starts from: the step function, the first state, and the longest lengths, int32 [B].

    Args:
        model: the network, or the networks that vote.
        source: ids [B, S], or marked vectors [B, S, 1 + F].
        config: the limits of the length, and whether unknown pieces may be written.
        hypotheses: K of every sentence.
        projections: what the model's ``token_projections`` gave for its weights, where it has been asked.
    """
    network: Any = model
    memory, first = network.encode(source, Dropout(0.0, None))
    first = tf.nest.map_structure(lambda part: tf.repeat(part, hypotheses, axis=0), first)
    # PAD and BOS are not text, and an unknown piece is what a reader wants only where it is replaced afterwards.
    never = [PAD, BOS] if config.replace_unknown else [PAD, UNK, BOS]
    forbidden = tf.reduce_sum(tf.one_hot(never, network.target_vocab_size), axis=0) * NEVER

    def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        logits, new_state, _ = network.step(tokens, memory, state, projections)
        # Masked behind the softmax: a hypothesis has the probability that forced decoding gives it.
        return tf.nn.log_softmax(tf.cast(logits, tf.float32)) + forbidden, new_state

    lengths = tf.reduce_sum(tf.cast(memory.mask, tf.float32), axis=1)
    max_lengths = tf.cast(lengths * config.max_length_ratio, tf.int32) + config.max_length_extra
    return step, first, tf.minimum(max_lengths, config.max_output_tokens)


class BatchDecoder:
    """Decodes batches of sources, ids or marked vectors, with one model or an ensemble.

    Args:
        model: the network, or the networks that vote.
        config: the ``decoding`` section.
        final_weights: whether the weights stay as they are while this decoder is in use.
    """

    def __init__(self, model: Seq2Seq | Ensemble, config: DecodingConfig, final_weights: bool = True) -> None:
        self._model = model
        self._config = config
        self._final_weights = final_weights
        self._projections: Any = None
        self._search = tf.function(self._decode, input_signature=[model.source_spec])

    def _decode(self, source: tf.Tensor) -> Hypotheses:
        beam = self._config.beam_size
        problem = search_problem(self._model, source, self._config, beam, self._projections)
        return beam_search(*problem, beam, self._config.length_penalty)

    def decode(self, sources: Sequence[Any], hypotheses: int = 1) -> list[list[Hypothesis]]:
        """Returns the best outputs, best first, for each source [S] or [S, 1 + F], in the order given.

        Sources are sorted by length into batches of at most ``decoding.tokens_per_batch`` tokens, padding included.

        Args:
            sources: what to decode.
            hypotheses: most outputs per source, at most ``decoding.beam_size``; fewer where the search found fewer.
        """
        self._project_tokens()
        results: list[list[Hypothesis]] = [[] for _ in sources]
        for chosen, batch in length_batches(sources, self._config.tokens_per_batch // self._config.beam_size):
            found = [part[:, :hypotheses].numpy() for part in self._search(tf.constant(batch))]
            for index, *row in zip(chosen, *found, strict=True):
                places = zip(*row, strict=True)
                results[index] = [
                    Hypothesis(_without_padding(tokens), float(score), float(log_probability))
                    for tokens, score, log_probability in places
                    if score > NEVER / 2
                ]
        return results

    def decode_ids(self, sources: Sequence[Any]) -> list[list[int]]:
        """Returns the ids of the best output of each source."""
        return [best[0].ids for best in self.decode(sources)]

    def _project_tokens(self) -> None:
        """Computes the products of embeddings and kernel once for all searches; again where weights may have changed.

        The graph of the search reads them from variables, so that they are not a part of it.
        """
        if not self._config.project_tokens or (self._projections is not None and self._final_weights):
            return
        products = self._model.token_projections()
        if self._projections is None:
            self._projections = tf.nest.map_structure(
                lambda part: None if part is None else tf.Variable(part, trainable=False), products
            )
        else:
            tf.nest.map_structure(
                lambda kept, part: None if part is None else kept.assign(part), self._projections, products
            )


def _without_padding(tokens: npt.NDArray[np.int32]) -> list[int]:
    """Returns the tokens [L] of an output up to its EOS, or all where it was cut at the longest length."""
    ends = np.flatnonzero(tokens == PAD)
    return tokens[: ends[0] if len(ends) else None].tolist()
