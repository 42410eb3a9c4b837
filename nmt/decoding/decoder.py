"""From sources to target ids: a model and a search as one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.decoding.batches import length_batches
from nmt.decoding.constraints import Condition, Conditions, batch_conditions
from nmt.decoding.ensemble import Ensemble, weighted_mean
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.problem import Hypotheses, Problem
from nmt.decoding.restrictions import NEVER
from nmt.decoding.sampling import source_seeds
from nmt.decoding.search import search
from nmt.decoding.wished_length import Wish, WordStarts
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.lexical_table import LexicalTable
from nmt.models.cudnn import plain_kernels
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, PAD, UNK

_NOTHING = Condition()
_NONE = Conditions()


def search_problem(
    model: Seq2Seq | Ensemble,
    source: tf.Tensor,
    config: DecodingConfig,
    projections: Any = None,
    conditions: Conditions = _NONE,
    shortlist: tf.Tensor | None = None,
    word_starts: WordStarts | None = None,
) -> Problem:
    """Returns what a search starts from.

    Args:
        model: the network, or the networks that vote.
        source: ids [B, S], or marked vectors [B, S, 1 + F].
        config: the beam, the limits of the length, and whether unknown pieces may be written.
        projections: what the model's ``projections`` gave for its weights, where it has been asked.
        conditions: what is asked of the outputs; a prefix and an end behind it have room, whatever the limits.
        shortlist: int32 [V'], the tokens that outputs are made of, the special ones first; None for all.
        word_starts: what a wished length is counted by.

    Raises:
        UsageError: there is a coverage penalty, and the model has no attention; or a wished length, and no words.
    """
    network: Any = model
    memory, first = network.encode(source, Dropout(0.0, None))
    first = tf.nest.map_structure(lambda part: tf.repeat(part, config.beam_size, axis=0), first)
    # PAD and BOS are not text, and an unknown piece is what a reader wants only where it is replaced afterwards.
    never = (PAD, BOS) if config.replace_unknown else (PAD, UNK, BOS)
    shares = model.weights if isinstance(model, Ensemble) else [1.0]

    some = None if shortlist is None else network.shortlist(shortlist)

    def step(tokens: tf.Tensor, memory: Any, state: Any) -> tuple[tf.Tensor, Any, Any]:
        logits, new_state, output = network.step(tokens, memory, state, projections, some)
        outputs = output if isinstance(model, Ensemble) else [output]
        weights = weighted_mean([each.weights for each in outputs], shares)
        if config.coverage_penalty is not None and weights is None:
            raise UsageError(
                "decoding.coverage_penalty: the model has no attention", action="Leave the coverage penalty out"
            )
        return tf.cast(logits, tf.float32), new_state, weights

    lengths = tf.reduce_sum(tf.cast(memory.mask, tf.float32), axis=1)
    max_lengths = tf.cast(lengths * config.max_length_ratio, tf.int32) + config.max_length_extra
    max_lengths = tf.minimum(max_lengths, config.max_output_tokens)
    wish = None
    if config.wished_length is not None:
        if word_starts is None:
            raise UsageError("decoding.wished_length: there are no words of text to count", action="Leave it out")
        wish = Wish.of(config.wished_length, source, word_starts)
        max_lengths = wish.longest(config.wished_length)
    if not isinstance(conditions.prefix, tuple):
        needed = tf.reduce_sum(tf.cast(conditions.prefix != PAD, tf.int32), axis=1) + 1
        max_lengths = tf.maximum(max_lengths, needed)
    min_lengths = None
    if wish is None and (config.min_length_ratio is not None or config.min_output_tokens is not None):
        relative = tf.cast(lengths * (config.min_length_ratio or 0.0), tf.int32)
        min_lengths = tf.minimum(tf.maximum(relative, config.min_output_tokens or 0), max_lengths)
    seeds = source_seeds(source) if config.sampling else None
    return Problem(
        step, first, max_lengths, memory, never, min_lengths, memory.mask, seeds, conditions, shortlist, wish
    )


def projection_variables(model: Seq2Seq | Ensemble) -> Any:
    """Returns variables of what ``projections`` gives for a model's weights; None where there is nothing.

    The graph of a search reads them, so that they are not a part of it.
    """
    return tf.nest.map_structure(
        lambda part: None if part is None else tf.Variable(part, trainable=False), model.projections()
    )


class BatchDecoder:
    """Decodes batches of sources, ids or marked vectors, with one model or an ensemble.

    Args:
        model: the network, or the networks that vote.
        config: the ``decoding`` section.
        final_weights: whether the weights stay as they are while this decoder is in use.
        table: what shortlists are taken from.
        word_starts: what a wished length is counted by.

    Raises:
        UsageError: a shortlist is asked for, and there is nothing to take it from.
    """

    def __init__(
        self,
        model: Seq2Seq | Ensemble,
        config: DecodingConfig,
        final_weights: bool = True,
        table: LexicalTable | None = None,
        word_starts: WordStarts | None = None,
    ) -> None:
        if config.shortlist is not None and (table is None or model.shortlist(tf.constant([PAD])) is None):
            raise UsageError(
                "decoding.shortlist: there is no lexical table, or the model copies what no table foresees",
                expected="a bundle trained on text by this version, of a model that does not copy",
                action="Leave the shortlist out",
            )
        self._table = table
        self._word_starts = word_starts
        self._model = model
        self._config = config
        self._final_weights = final_weights
        self._projections: Any = None
        self._graphs: dict[Any, Any] = {}

    def decode(
        self, sources: Sequence[Any], hypotheses: int = 1, conditions: Sequence[Condition] | None = None
    ) -> list[list[Hypothesis]]:
        """Returns the best outputs, best first, for each source [S] or [S, 1 + F], in the order given.

        Sources are sorted by length into batches of at most ``decoding.tokens_per_batch`` tokens, padding included.
        What meets its condition comes first; where nothing does, the best that lacks least.

        Args:
            sources: what to decode.
            hypotheses: most outputs per source, at most ``decoding.beam_size``; fewer where the search found fewer.
                Of sampling, so many are drawn, and come in the order in which they are drawn.
            conditions: what is asked of the outputs of each source.

        Raises:
            UsageError: phrases are required of outputs that are drawn, or of a diverse beam.
        """
        self._project_tokens()
        if conditions is not None:
            self._check(conditions)
        results: list[list[Hypothesis]] = [[] for _ in sources]
        rows = self._config.for_outputs(hypotheses).beam_size
        for chosen, batch in length_batches(sources, self._config.tokens_per_batch // rows):
            asked = [_NOTHING if conditions is None else conditions[index] for index in chosen]
            found = [part[:, :hypotheses] for part in self._search(batch, hypotheses, batch_conditions(asked))]
            for index, condition, *row in zip(chosen, asked, *found, strict=True):
                for tokens, score, log_probability in zip(*row, strict=True):
                    if score > NEVER / 2:
                        ids = _without_padding(tokens)
                        unmet = condition.unmet(ids)
                        results[index].append(Hypothesis(ids, float(score), float(log_probability), unmet))
        return results

    def _search(self, source: npt.NDArray[Any], wanted: int, conditions: Conditions) -> list[npt.NDArray[Any]]:
        """Searches with the graph for so many outputs and conditions of such a size: arrays of ``Hypotheses``."""
        config, compiled = self._config.for_outputs(wanted), self._config.compile
        sizes = tf.nest.map_structure(lambda part: part.shape[1:], conditions)
        shortlist = self._shortlist(source, conditions)
        if (key := (wanted, sizes, shortlist is not None)) not in self._graphs:

            def best(source: tf.Tensor, conditions: Conditions, some: tf.Tensor) -> Hypotheses:
                asked = conditions, None if shortlist is None else some
                problem = search_problem(
                    self._model, source, config, self._projections, *asked, word_starts=self._word_starts
                )
                if not compiled:
                    return search(problem, config, wanted)
                longest = config.longest_output(source.shape[1])
                if not isinstance(conditions.prefix, tuple):
                    longest = max(longest, conditions.prefix.shape[1] + 1)
                return search(problem, config, wanted, longest=longest, shrinks=False)

            if compiled:

                def plainly(*arguments: Any) -> Hypotheses:
                    with plain_kernels():
                        return best(*arguments)

                self._graphs[key] = tf.function(plainly, jit_compile=True, autograph=False)
            else:
                specs = tf.nest.map_structure(lambda part: tf.TensorSpec([None, *part.shape[1:]], tf.int32), conditions)
                signature = [self._model.source_spec, specs, tf.TensorSpec([None], tf.int32)]
                self._graphs[key] = tf.function(best, input_signature=signature, autograph=False)
        rows = len(source)
        if compiled:
            source = _rounded_up(source)
            more = len(source) - rows
            conditions = tf.nest.map_structure(
                lambda part: np.pad(part, [(0, more), *[(0, 0)] * (part.ndim - 1)]), conditions
            )
        some = tf.constant([] if shortlist is None else shortlist, tf.int32)
        found = self._graphs[key](tf.constant(source), tf.nest.map_structure(tf.constant, conditions), some)
        # Arrays are cut at a tenth of what it costs to cut tensors, which shows where sentences come one by one.
        return [part.numpy()[:rows] for part in found]

    def _shortlist(self, source: npt.NDArray[Any], conditions: Conditions) -> npt.NDArray[np.int32] | None:
        """Returns the tokens that the outputs of a batch are made of; None for all: conditions may ask for any."""
        if self._config.shortlist is None or self._table is None or tf.nest.flatten(conditions):
            return None
        ids = self._table.shortlist(source, self._config.shortlist)
        return ids if len(ids) >= 4 * self._config.beam_size else None

    def _check(self, conditions: Sequence[Condition]) -> None:
        config = self._config
        if (config.sampling or config.diversity) and any(condition.required for condition in conditions):
            raise UsageError(
                "required phrases share one beam among them",
                received="decoding.sampling" if config.sampling else "decoding.diversity",
                action="Leave that out, or require no phrases",
            )

    def decode_ids(self, sources: Sequence[Any]) -> list[list[int]]:
        """Returns the ids of the best output of each source."""
        return [best[0].ids if best else [] for best in self.decode(sources)]

    def _project_tokens(self) -> None:
        """Computes what searches read once for all of them; again where weights may have changed."""
        if not self._config.project_tokens or (self._projections is not None and self._final_weights):
            return
        if self._projections is None:
            self._projections = projection_variables(self._model)
        else:
            tf.nest.map_structure(
                lambda kept, part: None if part is None else kept.assign(part),
                self._projections,
                self._model.projections(),
            )


def _rounded_up(source: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pads a batch to a size that many batches share: rows to a power of two, and steps to a multiple of eight."""
    rows, steps = source.shape[:2]
    more = [(0, 2 ** (rows - 1).bit_length() - rows), (0, -steps % 8)]
    return np.pad(source, more + [(0, 0)] * (source.ndim - 2))


def _without_padding(tokens: npt.NDArray[np.int32]) -> list[int]:
    """Returns the tokens [L] of an output up to its EOS, or all where it was cut at the longest length."""
    ends = np.flatnonzero(tokens == PAD)
    return tokens[: ends[0] if len(ends) else None].tolist()
