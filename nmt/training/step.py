"""One step of training: the gradient of a few batches, and the optimizer.

A step whose batches do not fit into memory is taken again with smaller pieces; their gradients are added up, so that
every pair counts as it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import AlignedBatch, Batch
from nmt.errors import NmtError
from nmt.models.seq2seq import Seq2Seq
from nmt.training.loss import guided_alignment_loss, token_losses
from nmt.training.optimizer import Optimizer
from nmt.training.risk import Risk, RiskBatch
from nmt.training.scheduled_sampling import sampled_inputs

AnyBatch = Batch | AlignedBatch
"""What a step is taken on: with links where ``training.guided_alignment`` is on."""


class StepResult(NamedTuple):
    """The loss, the number of target tokens, and the gradient's norm before clipping.

    The loss is the mean in nats per target token, or the mean risk of a source.
    """

    loss: float
    tokens: int
    norm: float


class TrainStep:
    """Takes training steps.

    Args:
        recipe: the seed, and the ``training`` section.
        model: the network.
        risk: the loss, where it is not the likelihood.

    Attributes:
        weights: what is trained.
        optimizer: holds its moments.
        largest: most cells (rows x columns of source and target) of a piece; None while everything has fitted.
    """

    def __init__(self, recipe: Recipe, model: Seq2Seq, risk: Risk | None = None) -> None:
        self._config = recipe.training
        self._seed = recipe.seed
        self._model = model
        self.weights = [weight.value for weight in model.trainable_weights]
        self.optimizer = Optimizer(self.weights, self._config)
        self.largest: int | None = None
        self._sums: list[tf.Variable] = []
        ids, number, rate = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.int32), tf.TensorSpec([])
        self._risk = risk
        inputs = risk.signature if risk else [model.source_spec, ids, ids]
        if recipe.training.guided_alignment is not None:
            inputs = [*inputs, ids]
        piece = [*inputs, tf.TensorSpec([2], tf.int32), number]
        self._whole_step = _by_coverage(self._step, [*piece, rate])
        self._add = _by_coverage(self._add_gradients, piece)
        self._apply = tf.function(self._apply_sums, input_signature=[tf.TensorSpec([]), rate])

    def take(self, batches: Sequence[AnyBatch], number: int, learning_rate: float) -> StepResult:
        """Takes step ``number`` on one or more batches, as if they were one.

        Raises:
            NmtError: a single pair does not fit into memory.
        """
        while True:
            pieces = [piece for batch in batches for piece in self._pieces(batch)]
            updates = int(self.optimizer.steps)
            try:
                return self._take(pieces, number, learning_rate)
            except tf.errors.ResourceExhaustedError as error:
                if int(self.optimizer.steps) != updates:
                    raise  # some weights have changed already: only the last checkpoint is a state to go on from
                self._shrink(pieces, number, str(error))

    def _take(self, pieces: Sequence[AnyBatch], number: int, learning_rate: float) -> StepResult:
        rate = tf.constant(learning_rate, tf.float32)
        covers = number > (self._config.coverage_after or 0)
        tokens = sum(int(np.count_nonzero(piece.target_out)) for piece in pieces)  # PAD is 0
        if len(pieces) == 1:
            loss, norm = self._whole_step(covers, *self._inputs(pieces[0], number, 0), rate)
            return StepResult(float(loss), tokens, float(norm))
        if not self._sums:
            self._sums = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.weights]
        for total in self._sums:
            total.assign(tf.zeros_like(total))
        loss_sum, count_sum = 0.0, 0
        for index, piece in enumerate(pieces):
            loss, count = self._add(covers, *self._inputs(piece, number, index))
            loss_sum, count_sum = loss_sum + float(loss), count_sum + int(count)
        norm = self._apply(tf.constant(float(count_sum)), rate)
        return StepResult(loss_sum / count_sum, tokens, float(norm))

    def _inputs(self, piece: AnyBatch, number: int, index: int) -> list[Any]:
        """Returns what the loss of a piece is a function of, besides the weights."""
        noise = self._noise(number, index)
        return [*(self._risk.outputs(Batch(*piece[:3]), noise) if self._risk else piece), noise, tf.constant(number)]

    def _noise(self, number: int, index: int) -> tf.Tensor:
        """Returns the seed of all that is random in a piece."""
        if index == 0:
            return tf.constant([self._seed, number], tf.int32)
        state = np.random.SeedSequence([self._seed, number, index]).generate_state(2)
        return tf.constant(state.astype(np.int32))

    def _step(self, covers: bool, *arguments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        *inputs, rate = arguments
        with tf.GradientTape() as tape:
            total, count = self._loss(covers, *inputs)
            loss = total / tf.cast(count, tf.float32)
        return loss, self.optimizer.apply(self._gradients(tape, loss), rate)

    def _add_gradients(self, covers: bool, *inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            total, count = self._loss(covers, *inputs)
        for gradients, gradient in zip(self._sums, self._gradients(tape, total), strict=True):
            gradients.assign_add(tf.convert_to_tensor(gradient))
        return total, count

    def _gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> list[tf.Tensor]:
        """Returns the gradient of each weight; zeros for that of coverage while nothing is covered."""
        gradients: list[tf.Tensor] = tape.gradient(
            loss, self.weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return gradients

    def _apply_sums(self, count: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        return self.optimizer.apply([total / count for total in self._sums], rate)

    def _loss(self, covers: bool, *inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss of a piece as a sum, and over how many: of its real target tokens, or risks of sources."""
        *piece, seed, number = inputs
        if self._risk:
            return self._risk.loss(RiskBatch(*piece), seed)
        source, target_in, target_out, *links = piece
        config = self._config
        if config.scheduled_sampling:
            target_in = sampled_inputs(self._model, source, target_in, config, seed, number)
        output, memory = self._model.teacher_forced(source, target_in, seed, covers=covers)
        coverage = None
        if config.coverage_loss:
            coverage = config.coverage_loss * tf.cast(number > config.coverage_loss_after, tf.float32)
        total, _, tokens = token_losses(self._model, output, memory, target_out, config.label_smoothing, coverage)
        if config.guided_alignment is not None:
            total += config.guided_alignment.weight * guided_alignment_loss(output.weights, *links)
        return total, tokens

    def _pieces(self, batch: AnyBatch) -> list[AnyBatch]:
        """Cuts a batch into pieces that fit; the last ones may be a row smaller."""
        if self.largest is None or _cells(batch) <= self.largest or len(batch.source) == 1:
            return [batch]
        half = len(batch.source) // 2
        first, second = (
            type(batch)(*(side[part] for side in batch)) for part in (slice(None, half), slice(half, None))
        )
        return self._pieces(first) + self._pieces(second)

    def _shrink(self, pieces: Sequence[AnyBatch], number: int, problem: str) -> None:
        worst = max(pieces, key=_cells)
        if len(worst.source) == 1:
            tokens = f"{worst.source.shape[1]} source and {worst.target_in.shape[1]} target tokens"
            raise NmtError(
                f"training step {number}: the memory does not hold a single pair of this length",
                received=f"{tokens}; {problem[:200]}",
                expected="enough memory for the longest pair",
                action="Lower dataset.max_source_tokens and dataset.max_target_tokens, or the sizes of the model",
            )
        self.largest = _cells(worst) // 2 + 1


def _by_coverage(function: Callable[..., Any], signature: Sequence[tf.TensorSpec]) -> Callable[..., Any]:
    """Compiles a function of whether attention knows its coverage, and of tensors."""
    compiled = [tf.function(partial(function, covers), input_signature=signature) for covers in (False, True)]
    return lambda covers, *inputs: compiled[covers](*inputs)


def _cells(batch: AnyBatch) -> int:
    return int(batch.source.shape[0]) * int(batch.source.shape[1] + batch.target_in.shape[1])
