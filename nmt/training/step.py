"""One step of training: the gradient of a few batches, and the optimizer.

A step whose batches do not fit into memory is taken again with smaller pieces; their gradients are added up, so that
every pair counts as it would have. Where there are several replicas, each takes its share of every piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import Batch
from nmt.errors import NmtError
from nmt.models.seq2seq import Seq2Seq
from nmt.training.distribution import AnyBatch, Distribution
from nmt.training.loss import guided_alignment_loss, token_losses
from nmt.training.loss_scale import LossScale
from nmt.training.optimizer import Optimizer
from nmt.training.risk import Risk, RiskBatch
from nmt.training.scheduled_sampling import sampled_inputs


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
        risk: the loss, where it is not the likelihood; of one replica.
        distribution: the replicas, in whose scope the model was made; one device where it is left out.

    Attributes:
        weights: what is trained.
        optimizer: holds its moments.
        largest: most cells (rows x columns of source and target) of a piece; None while everything has fitted.
        loss_scale: of training in float16; None for other types.
    """

    def __init__(
        self, recipe: Recipe, model: Seq2Seq, risk: Risk | None = None, distribution: Distribution | None = None
    ) -> None:
        self._config = recipe.training
        self._seed = recipe.seed
        self._model = model
        self._distribution = distribution or Distribution()
        self.weights = [weight.value for weight in model.trainable_weights]
        with self._distribution.scope():
            self.optimizer = Optimizer(self.weights, self._config)
        self.largest: int | None = None
        self.loss_scale = LossScale() if self._config.mixed_precision == "float16" else None
        self._sums: list[tf.Variable] = []
        ids, number, scalar = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.int32), tf.TensorSpec([])
        self._risk = risk
        inputs = risk.signature if risk else [model.source_spec, ids, ids]
        if recipe.training.guided_alignment is not None:
            inputs = [*inputs, ids]
        piece = [*inputs, tf.TensorSpec([2], tf.int32)]
        function = self._distribution.function
        # Shared: the step's number, over how many the loss is a mean, the learning rate, the scale of the loss.
        # By whether attention knows its coverage.
        self._whole_step = [
            function(partial(self._step, covers), piece, [number, scalar, scalar, scalar]) for covers in (False, True)
        ]
        self._add = [
            function(partial(self._add_gradients, covers), piece, [number, scalar]) for covers in (False, True)
        ]
        self._apply = function(self._apply_sums, [], [scalar, scalar, scalar])

    def take(self, batches: Sequence[AnyBatch], number: int, learning_rate: float) -> StepResult:
        """Takes step ``number`` on one or more batches, as if they were one.

        Raises:
            NmtError: a single pair does not fit into memory.
        """
        while True:
            pieces = [piece for batch in batches for piece in self._pieces(batch)]
            updates = int(self.optimizer.steps.numpy())
            try:
                return self._take(pieces, number, learning_rate)
            except tf.errors.ResourceExhaustedError as error:
                if self._distribution.workers.count > 1:  # the others cannot know that it has to be taken again
                    raise NmtError(
                        f"training step {number} does not fit into the memory of {self._distribution.workers.name}",
                        received=str(error)[:200],
                        action="Lower dataset.tokens_per_batch, or take more machines",
                    ) from error
                if int(self.optimizer.steps.numpy()) != updates:
                    raise  # some weights have changed already: only the last checkpoint is a state to go on from
                self._shrink(pieces, number, str(error))

    def _take(self, pieces: Sequence[AnyBatch], number: int, learning_rate: float) -> StepResult:
        step, covers = tf.constant(number), number > (self._config.coverage_after or 0)
        rate, scale = (tf.constant(value, tf.float32) for value in (learning_rate, self._scale))
        tokens = sum(map(_tokens, pieces))
        count = sum(len(piece.source) for piece in pieces) if self._risk else tokens
        whole = tf.constant(float(count))
        if len(pieces) == 1:
            loss, norm = self._whole_step[covers](*self._inputs(pieces[0], number, 0), step, whole, rate, scale)
            return StepResult(float(loss), tokens, float(norm))
        if not self._sums:
            with self._distribution.scope():
                self._sums = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.weights]
        for total in self._sums:
            total.assign(tf.zeros_like(total))
        scale = scale / whole  # for sums, which are as much larger than means
        loss_sum = 0.0
        for index, piece in enumerate(pieces):
            loss_sum += float(self._add[covers](*self._inputs(piece, number, index), step, scale))
        norm = self._apply(whole, rate, scale)
        return StepResult(loss_sum / count, tokens, float(norm))

    @property
    def _scale(self) -> float:
        return 1.0 if self.loss_scale is None else self.loss_scale.value

    def _inputs(self, piece: AnyBatch, number: int, index: int) -> list[Any]:
        """Returns what the loss of each replica's share of a piece is a function of, besides the weights."""
        inputs: list[Any] = []
        for replica, share in self._distribution.shares(piece):
            noise = self._noise(number, index, replica)
            inputs += [*(self._risk.outputs(Batch(*share[:3]), noise) if self._risk else share), noise]
        return inputs

    def _noise(self, number: int, index: int, replica: int = 0) -> tf.Tensor:
        """Returns the seed of all that is random in a replica's share of a piece."""
        if index == replica == 0:
            return tf.constant([self._seed, number], tf.int32)
        which = [index] if replica == 0 else [index, replica]
        state = np.random.SeedSequence([self._seed, number, *which]).generate_state(2)
        return tf.constant(state.astype(np.int32))

    def _step(self, covers: bool, *arguments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        *inputs, count, rate, scale = arguments
        with tf.GradientTape() as tape:
            loss = self._loss(covers, *inputs) / count
            target = self._scaled(loss, scale)
        gradients = [tf.convert_to_tensor(gradient) for gradient in self._gradients(tape, target)]
        loss, *gradients = self._distribution.total([loss, *gradients])
        return loss, self.optimizer.apply(self._unscaled(gradients, scale), rate)

    def _add_gradients(self, covers: bool, *arguments: tf.Tensor) -> tf.Tensor:
        *inputs, scale = arguments
        with tf.GradientTape() as tape:
            total = self._loss(covers, *inputs)
            target = self._scaled(total, scale)
        for gradients, gradient in zip(self._sums, self._gradients(tape, target), strict=True):
            tf.raw_ops.AssignAddVariableOp(resource=gradients.handle, value=tf.convert_to_tensor(gradient))
        return self._distribution.total([total])[0]

    def _gradients(self, tape: tf.GradientTape, target: tf.Tensor) -> list[tf.Tensor]:
        """Returns the gradient of each weight: zeros for that of coverage while attention does not know it."""
        gradients: list[tf.Tensor] = tape.gradient(
            target, self.weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return gradients

    def _apply_sums(self, count: tf.Tensor, rate: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        gradients = self._distribution.total([total / count for total in self._sums])
        return self.optimizer.apply(self._unscaled(gradients, scale), rate)

    def _scaled(self, loss: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        return loss if self.loss_scale is None else loss * scale

    def _unscaled(self, gradients: list[tf.Tensor], scale: tf.Tensor) -> list[tf.Tensor]:
        return gradients if self.loss_scale is None else [gradient / scale for gradient in gradients]

    def _loss(self, covers: bool, *inputs: tf.Tensor) -> tf.Tensor:
        """Returns the loss of a piece, summed over its real target tokens, or the risks of its sources."""
        *piece, seed, number = inputs
        if self._risk:
            return self._risk.loss(RiskBatch(*piece), seed)[0]
        source, target_in, target_out, *links = piece
        config = self._config
        if config.scheduled_sampling:
            target_in = sampled_inputs(self._model, source, target_in, config, seed, number)
        output, memory = self._model.teacher_forced(source, target_in, seed, covers=covers)
        coverage = None
        if config.coverage_loss:
            coverage = config.coverage_loss * tf.cast(number > config.coverage_loss_after, tf.float32)
        total, *_ = token_losses(self._model, output, memory, target_out, config.label_smoothing, coverage)
        if config.guided_alignment is not None:
            total += config.guided_alignment.weight * guided_alignment_loss(output.weights, *links)
        return total

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


def _tokens(batch: AnyBatch) -> int:
    return int(np.count_nonzero(batch.target_out))  # PAD is 0


def _cells(batch: AnyBatch) -> int:
    return int(batch.source.shape[0]) * int(batch.source.shape[1] + batch.target_in.shape[1])
