"""Minimum risk training: fine-tuning on the score of a sentence instead of the likelihood of its reference.

For a source x, the model itself draws K outputs. They and the reference y* are the outputs S, each counted once. With a
cost of 0 for what is as good as the reference and 1 for what has nothing of it, the loss is the cost that is expected
among them (Shen et al. 2016, section 3)::

    R = sum over y in S of  Q(y) cost(y, y*),        Q(y) = P(y|x)^a / sum over z in S of  P(z|x)^a

The smaller the sharpness a, the more evenly Q spreads. The gradient flows through Q: what costs less than expected
becomes more probable. Which outputs are drawn is a function of the weights and of a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import Batch
from nmt.decoding.decoder import search_problem
from nmt.decoding.search import search
from nmt.decoding_config import DecodingConfig, SamplingConfig
from nmt.errors import UsageError
from nmt.evaluation.metrics import MetricOptions
from nmt.evaluation.scores import sentence_scores
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, PAD, Tokenizer
from nmt.training.loss import log_likelihoods


class RiskBatch(NamedTuple):
    """N outputs of B sources, those of a source in a row, its reference first."""

    source: Any  # as in the batch, [B, S] or [B, S, 1 + F]
    rows: Any  # int32 [N]: the source that an output belongs to
    target_in: Any  # int32 [N, T]: starts with BOS
    target_out: Any  # int32 [N, T]: ends in EOS, unless it was cut at the longest length
    costs: Any  # float32 [N]: 0 to 1


class Risk:
    """Draws outputs, asks what they cost, and computes the expected cost.

    Args:
        recipe: its ``training.risk``, the longest lengths of ``decoding``, and the score's options.
        model: the model that is trained.
        tokenizer: the target's vocabulary.

    Raises:
        UsageError: the recipe has no ``training.risk``.
    """

    def __init__(self, recipe: Recipe, model: Seq2Seq, tokenizer: Tokenizer) -> None:
        if recipe.training.risk is None:
            raise UsageError("training.risk: the recipe has none")
        self._config = recipe.training.risk
        limits = recipe.decoding.model_dump(include={"max_length_ratio", "max_length_extra", "max_output_tokens"})
        self._drawing = DecodingConfig(beam_size=self._config.samples, sampling=SamplingConfig(), **limits)
        self._options = MetricOptions.of(recipe.evaluation)
        self._model = model
        self._tokenizer = tokenizer
        self._draw = tf.function(self._samples, input_signature=[model.source_spec, tf.TensorSpec([2], tf.int32)])

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """The fields of a ``RiskBatch``."""
        ids = tf.TensorSpec([None, None], tf.int32)
        return [self._model.source_spec, tf.TensorSpec([None], tf.int32), ids, ids, tf.TensorSpec([None])]

    def outputs(self, batch: Batch, seed: tf.Tensor) -> RiskBatch:
        """Returns the references of a batch and what the model draws, without dropout, with what they cost.

        Args:
            batch: sources and references.
            seed: int32 [2].
        """
        drawn = self._draw(batch.source, seed).numpy()  # [B, K, L]
        rows: list[int] = []
        outputs: list[tuple[int, ...]] = []
        for row, (reference, samples) in enumerate(zip(np.asarray(batch.target_out), drawn, strict=True)):
            found = dict.fromkeys(map(_without_padding, (reference, *samples)))  # each once, in this order
            rows += [row] * len(found)
            outputs += found
        longest = max(map(len, outputs))
        target_in, target_out = (np.full((len(outputs), longest), PAD, np.int32) for _ in range(2))
        for n, output in enumerate(outputs):
            target_out[n, : len(output)] = output
            target_in[n, : len(output)] = (BOS, *output[:-1])
        return RiskBatch(batch.source, np.asarray(rows, np.int32), target_in, target_out, self._costs(outputs, rows))

    def loss(self, batch: RiskBatch, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the sum of the risks R of all sources, and B.

        With a ``likelihood_weight`` w, the reference's negative log-likelihood per token, times w, is added to each
        (Edunov et al. 2018 combine a loss of tokens with one of sequences likewise).

        Args:
            batch: the outputs.
            seed: int32 [2], for dropout.
        """
        source, rows, target_in, target_out, costs = batch
        count = tf.shape(source)[0]
        scores = log_likelihoods(self._model, *self._model.teacher_forced(source, target_in, seed, rows), target_out)
        total = tf.reduce_sum(expected_costs(scores, costs, rows, count, self._config.sharpness))
        if self._config.likelihood_weight:
            lengths = tf.reduce_sum(tf.cast(target_out != PAD, tf.float32), axis=1)  # [N]
            references = tf.searchsorted(rows, tf.range(count))  # [B]: the first output of every source
            total -= self._config.likelihood_weight * tf.reduce_sum(tf.gather(scores / lengths, references))
        return total, count

    def _samples(self, source: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return search(search_problem(self._model, source, self._drawing), self._drawing, seed=seed).tokens

    def _costs(self, outputs: Sequence[Sequence[int]], rows: Sequence[int]) -> npt.NDArray[np.float32]:
        """Returns 1 - the score of each output, as a line of text, against the first one of its source: [N]."""
        lines = self._tokenizer.decode(outputs)
        first: dict[int, str] = {}
        references = [first.setdefault(row, line) for row, line in zip(rows, lines, strict=True)]
        scores = sentence_scores(lines, references, self._config.metric, self._options)
        return 1.0 - np.asarray(scores, np.float32)


def expected_costs(
    log_probabilities: tf.Tensor, costs: tf.Tensor, rows: tf.Tensor, count: tf.Tensor, sharpness: float
) -> tf.Tensor:
    """Returns the risk R of every source, [B].

    Args:
        log_probabilities: log P of every output, [N].
        costs: [N].
        rows: int32 [N], the source of each output.
        count: B.
        sharpness: a.
    """
    scaled = sharpness * log_probabilities
    largest = tf.stop_gradient(tf.math.unsorted_segment_max(scaled, rows, count))  # [B]
    shares = tf.exp(scaled - tf.gather(largest, rows))  # [N]
    totals = tf.math.unsorted_segment_sum(shares, rows, count)  # [B]
    return tf.math.unsorted_segment_sum(shares * costs, rows, count) / totals


def _without_padding(ids: npt.NDArray[np.int32]) -> tuple[int, ...]:
    return tuple(ids[ids != PAD].tolist())
