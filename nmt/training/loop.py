"""The training loop.

The state of training is a list of arrays and a few numbers. The order of the data is a function of (seed, epoch), and
dropout of (seed, step, replica), so a checkpoint of that state continues exactly where it was taken.

Where several workers train, all run this loop and take the same decisions: their state begins as the chief's, each
step changes it alike, and what a validation has found is told by the chief, who alone validates and writes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import Batch, batches
from nmt.errors import NmtError
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import Arrays, assign_weights, weights_of
from nmt.tokenizer import TokenizerPair
from nmt.training.candidates import Candidate, Candidates
from nmt.training.checkpoint import Checkpoints
from nmt.training.data import TrainingData
from nmt.training.distribution import Distribution
from nmt.training.history import History, TrainingProgress
from nmt.training.interruption import Interruption, deferred_interruption
from nmt.training.loss_scale import LossScale
from nmt.training.risk import Risk
from nmt.training.schedule import scheduled
from nmt.training.start import untrained_model
from nmt.training.step import TrainStep
from nmt.training.validation import Validator

_MOST_SKIPPED = 5  # steps in a row without a finite gradient, before training stops
_HISTORY_EVERY = 50  # steps between rows of the history, where the recipe does not say it


@dataclass
class Progress:
    """The numbers of a training run that are not weights."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # batches of this epoch that are done
    learning_rate_scale: float = 1.0
    candidates: list[Candidate] = field(default_factory=list)  # best first
    validated: int = 0  # the step of the last validation
    whole: bool = False  # whether the candidates are of what the recipe trains at its end: see Trainer._begins_anew
    without_improvement: int = 0  # validations since the best
    since_reduction: int = 0  # validations since the best, or since the learning rate fell
    skipped: int = 0  # steps in a row without a finite gradient
    largest: int | None = None  # see TrainStep
    loss_scale: tuple[float, int] | None = None  # see LossScale
    seconds: float = 0.0

    @property
    def best_score(self) -> float | None:
        """The best score of a validation."""
        return self.candidates[0][1] if self.candidates else None

    @classmethod
    def from_json(cls, content: bytes) -> Progress:
        """Reads what ``to_json`` wrote."""
        progress = cls(**json.loads(content))
        progress.candidates = [(step, score) for step, score in progress.candidates]
        return progress

    def to_json(self) -> bytes:
        """Returns the numbers as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()


@dataclass(frozen=True)
class TrainingResult:
    """The weights, how they came about, and the seconds that it took, those before a crash included."""

    weights: Arrays
    facts: dict[str, Any]
    seconds: float


class Trainer:
    """Trains one model by one recipe.

    Args:
        recipe: what to do.
        tokenizers: the vocabularies.
        data: the training pairs, epoch by epoch.
        validator: scores the model now and then.
        scratch: folder for checkpoints, found again after a crash.
        prepare: changes the new model before training, for instance what its weights start from.
        distribution: what the training is divided among; one device where it is left out.

    Raises:
        UsageError: minimum risk training is of one device.
    """

    def __init__(
        self,
        recipe: Recipe,
        tokenizers: TokenizerPair,
        data: TrainingData,
        validator: Validator,
        scratch: Path,
        prepare: Callable[[Seq2Seq], None] | None = None,
        distribution: Distribution | None = None,
    ) -> None:
        self._recipe = recipe
        self._config = recipe.training
        self._data = data
        self._validator = validator
        self._scratch = scratch
        self._checkpoints = Checkpoints(scratch, lambda text: print(text, file=sys.stderr, flush=True))
        self._candidates = Candidates(scratch, self._config.average_checkpoints, self._config.average_which)
        self._saved: list[Candidate] = []  # the candidates that the last checkpoint names
        # Steps before coverage and its loss are switched on.
        late = self._config.coverage_loss_after if self._config.coverage_loss else 0
        self._whole_after = max(late, self._config.coverage_after or 0)
        if self._config.deterministic:
            tf.config.experimental.enable_op_determinism()
        self._distribution = distribution or Distribution()
        with self._distribution.scope():
            self._model = untrained_model(recipe, tokenizers)
        if prepare is not None:
            prepare(self._model)
        risk = None
        if recipe.training.risk:
            self._distribution.refuse_several("training.risk draws the outputs that it learns from on one device")
            risk = Risk(recipe, self._model, tokenizers.target)
        self._step = TrainStep(recipe, self._model, risk, self._distribution)
        self._measured = self._model
        if self._distribution.replicas > 1 or recipe.training.mixed_precision is not None:
            # What is validated is what the bundle will be: a model of float32 on one device.
            training = recipe.training.model_copy(update={"mixed_precision": None})
            self._measured = untrained_model(recipe.model_copy(update={"training": training}), tokenizers)
        self._averages = [tf.Variable(weight, trainable=False) for weight in self._step.weights]
        self._average_function = tf.function(self._update_averages, input_signature=[tf.TensorSpec([], tf.float32)])

    def run(self, output: Path) -> TrainingResult | None:
        """Trains until the last epoch or until validation stops improving, and returns the best weights.

        A worker that is not the chief has none to return.

        Writes ``history.jsonl`` and ``tensorboard/`` into the scratch folder as it goes, and copies them to
        ``output`` at the end. A signal is obeyed after the step that it came in, and after a checkpoint.

        Raises:
            KeyboardInterrupt: a signal came, to any worker, and a checkpoint is written.
            LostWorker: another worker has gone.
            NmtError: training cannot go on: no finite gradients or losses, or too little memory.
        """
        with self._distribution.explained(), deferred_interruption() as interruption:
            return self._run(output, interruption)

    def _run(self, output: Path, interruption: Interruption) -> TrainingResult | None:
        progress = self._same_as_chief(self._resume(), state=True)
        history = History(self._scratch / "history.jsonl", self._scratch / "tensorboard", progress.step)
        total = self._data.steps_per_epoch * self._config.max_epochs
        display = TrainingProgress(total, silent=not self._distribution.workers.is_chief)
        began = time.monotonic() - progress.seconds
        while progress.epoch < self._config.max_epochs and not self._stops(progress):
            corpus, plan = self._data.epoch(progress.epoch)
            stream = batches(corpus, plan, progress.position)
            while group := list(islice(stream, self._config.accumulate)):
                self._one_step(group, progress, history, display)
                stopping = self._distribution.any_worker(interruption.requested)
                progress.position += len(group)
                progress.seconds = time.monotonic() - began
                last = progress.position == len(plan)
                every = self._config.validate_every
                if (progress.step % every == 0) if every else last:
                    progress = self._validated(progress, history, display)
                if (progress.step % self._config.checkpoint_every == 0 and not last) or stopping:
                    self._save(progress)
                if stopping:
                    raise KeyboardInterrupt
                if self._stops(progress):
                    return self._result(progress, output, display)
            progress.epoch, progress.position = progress.epoch + 1, 0
            self._save(progress)
        if not progress.candidates:
            progress = self._validated(progress, history, display)
        return self._result(progress, output, display)

    def _stops(self, progress: Progress) -> bool:
        """Whether validation has stopped improving, or can improve no more."""
        if self._waits(progress):
            return False
        perfect = self._config.select_on != "loss" and (progress.best_score or 0.0) >= 100.0
        return perfect or progress.without_improvement >= self._config.stop_after

    def _one_step(
        self, group: Sequence[Batch], progress: Progress, history: History, display: TrainingProgress
    ) -> None:
        progress.step += 1
        config = self._config
        schedule = scheduled(config, progress.step, self._data.steps_per_epoch)
        learning_rate = config.learning_rate * progress.learning_rate_scale * schedule
        loss, tokens, norm = self._step.take(group, progress.step, learning_rate)
        if self._step.largest != progress.largest:
            progress.largest = self._step.largest
            display.say(f"step {progress.step} did not fit into memory; from now on larger batches are taken in pieces")
        if config.average and progress.step % _AVERAGE_EVERY == 0:
            updates = progress.step // _AVERAGE_EVERY
            decay = min(config.average**_AVERAGE_EVERY, (1 + updates) / (10 + updates))
            self._average_function(tf.constant(decay, tf.float32))
        finite = math.isfinite(norm)
        if (scale := self._step.loss_scale) is not None:
            overflowed = scale.update(finite)
            progress.loss_scale = scale.value, scale.steps
            if overflowed:
                display.say(f"step {progress.step} overflowed float16 and changed nothing; loss scale {scale.value:g}")
                return
        if not finite:
            self._skip(progress, loss, norm, display)
            return
        progress.skipped = 0
        display.update(progress.step, tokens, loss, learning_rate)
        if progress.step % (config.history_every or _HISTORY_EVERY) == 0:
            row = {"step": progress.step, "epoch": progress.epoch, "loss": loss, "gradient_norm": norm}
            history.add(row | {"learning_rate": learning_rate, "seconds": round(progress.seconds, 1)})

    def _skip(self, progress: Progress, loss: float, norm: float, display: TrainingProgress) -> None:
        """Counts a step that changed nothing, because its gradient was not finite, and backs off.

        Raises:
            NmtError: there were too many in a row.
        """
        progress.skipped += 1
        progress.learning_rate_scale *= 0.5
        display.say(f"step {progress.step} was skipped: loss {loss}, gradient norm {norm}; the learning rate is halved")
        if progress.skipped >= _MOST_SKIPPED:
            finite = all(bool(tf.reduce_all(tf.math.is_finite(weight))) for weight in self._step.weights)
            raise NmtError(
                f"training step {progress.step}: {progress.skipped} steps in a row had no finite gradient",
                received=f"loss {loss}, gradient norm {norm}; the weights are {'finite' if finite else 'not finite'}",
                expected="finite numbers",
                action="Lower training.learning_rate or training.gradient_clip, and run with --force train",
            )

    def _update_averages(self, decay: tf.Tensor) -> None:
        for average, weight in zip(self._averages, self._step.weights, strict=True):
            average.assign_add((1.0 - decay) * (weight - average))

    def _validated(self, progress: Progress, history: History, display: TrainingProgress) -> Progress:
        """Has the chief validate, and returns the numbers as they are then."""
        if self._distribution.workers.is_chief:
            self._validate(progress, history, display)
        return self._same_as_chief(progress, state=self._config.plateau_restart)

    def _validate(self, progress: Progress, history: History, display: TrainingProgress) -> None:
        """Scores the model (its average, where one is kept), keeps its weights if they are good, and adapts the
        learning rate.
        """
        candidate = weights_of(self._model)
        if self._config.average:
            paths = [weight.path for weight in self._model.trainable_weights]
            # Frozen weights have no average.
            candidate |= {path: average.numpy() for path, average in zip(paths, self._averages, strict=True)}
        began = time.monotonic()
        row, score = self._measure(candidate)
        self._begins_anew(progress)
        # What is no number is never a candidate.
        finite = math.isfinite(score) and math.isfinite(row["valid_loss"])
        better = finite and (progress.best_score is None or score > progress.best_score)
        if finite:
            progress.candidates = self._candidates.add(progress.candidates, progress.step, score, candidate)
        if better:
            progress.without_improvement = progress.since_reduction = 0
        else:
            progress.without_improvement += 1
            progress.since_reduction += 1
            if progress.since_reduction >= self._config.plateau_patience:
                self._reduce(progress)
        history.add({"step": progress.step, "epoch": progress.epoch, "seconds": round(progress.seconds, 1)} | row)
        scores = "  ".join(f"{name} {value:.3f}" for name, value in row.items())
        display.say(
            f"validation after epoch {progress.epoch + 1}, step {progress.step}: {scores}"
            f"  ({time.monotonic() - began:.0f} s){'  best so far' if better else ''}"
        )

    def _waits(self, progress: Progress) -> bool:
        """Whether the validations that are to count are still to come."""
        return self._whole_after > 0 and not progress.whole

    def _begins_anew(self, progress: Progress) -> None:
        """Forgets the candidates of before coverage and its loss were switched on, once they have been for a while.

        Otherwise the result could be a model that does not know its coverage, which the recipe asks for: greedy
        validation scores hardly see what coverage is for, repetition in longer outputs.
        """
        if self._waits(progress) and progress.validated >= self._whole_after:
            progress.whole, progress.candidates = True, []
            progress.without_improvement = progress.since_reduction = 0
        progress.validated = progress.step

    def _measure(self, weights: Arrays) -> tuple[dict[str, float], float]:
        """Returns the row of a validation with these weights, and the score that decides; the model stays as it is."""
        current = weights_of(self._measured)
        assign_weights(self._measured, weights)
        row = self._validator.measure(self._measured)
        assign_weights(self._measured, current)
        return row, -row["valid_loss"] if self._config.select_on == "loss" else row[self._config.select_on]

    def _reduce(self, progress: Progress) -> None:
        """Lowers the learning rate after a plateau, and goes back to the best weights if the recipe says so."""
        progress.learning_rate_scale *= self._config.plateau_factor
        progress.since_reduction = 0
        if self._config.plateau_restart and progress.candidates:
            assign_weights(self._model, self._candidates.best(progress.candidates))
            self._step.optimizer.reset()
            for average, weight in zip(self._averages, self._step.weights, strict=True):
                average.assign(weight)

    def _save(self, progress: Progress) -> None:
        """Writes everything that training continues from."""
        if not self._distribution.workers.is_chief:
            return
        arrays: dict[str, Any] = {f"weights/{name}": array for name, array in weights_of(self._model).items()}
        for kind, variables in self._variables().items():
            arrays |= {f"{kind}/{index}": variable.numpy() for index, variable in enumerate(variables)}
        arrays["progress"] = np.frombuffer(progress.to_json(), np.uint8)
        self._checkpoints.save(arrays)
        self._candidates.prune(progress.candidates, self._saved)
        self._saved = progress.candidates

    def _resume(self) -> Progress:
        """Restores the newest checkpoint that is whole, where there is one."""

        def use(arrays: Mapping[str, Any]) -> Progress:
            progress = Progress.from_json(arrays["progress"].tobytes())
            self._candidates.check(progress.candidates)
            assign_weights(self._model, _under(arrays, "weights"))
            for kind, variables in self._variables().items():
                for index, variable in enumerate(variables):
                    variable.assign(arrays[f"{kind}/{index}"])
            return progress

        progress = self._checkpoints.restore(use) or Progress()
        self._saved = progress.candidates
        return progress

    def _same_as_chief(self, progress: Progress, state: bool) -> Progress:
        """Returns the chief's numbers, after the whole ``state`` was made as the chief's, where that is asked for."""
        if self._distribution.workers.count > 1:
            progress = Progress.from_json(self._distribution.bytes_from_chief(progress.to_json()))
            variables = [variable for kind in self._variables().values() for variable in kind]
            for variable in [*self._model.weights, *variables] if state else []:
                variable.assign(self._distribution.from_chief(variable.numpy()))
        self._step.largest = progress.largest
        if progress.loss_scale is not None:
            self._step.loss_scale = LossScale(*progress.loss_scale)
        return progress

    def _variables(self) -> dict[str, Sequence[tf.Variable]]:
        optimizer = self._step.optimizer
        return {
            "first": optimizer.first,
            "second": optimizer.second,
            "steps": [optimizer.steps],
            "average": self._averages,
        }

    def _result(self, progress: Progress, output: Path, display: TrainingProgress) -> TrainingResult | None:
        if not self._distribution.workers.is_chief:
            return None
        if not progress.candidates:
            raise NmtError(
                "training: no validation gave a finite loss and score",
                expected="finite numbers",
                action="Lower training.learning_rate, and run with --force train",
            )
        best_step, best_score = progress.candidates[0]
        facts: dict[str, Any] = {
            "steps": progress.step,
            "epochs": progress.epoch,
            "steps_per_epoch": self._data.steps_per_epoch,
            "best_step": best_step,
            "best_score": best_score,
            "selected_on": self._config.select_on,
        }
        weights = self._candidates.best(progress.candidates)
        if self._config.average_checkpoints > 1:
            mean, steps = self._candidates.mean(progress.candidates)
            score = self._measure(mean)[1]
            facts |= {"averaged_steps": steps, "averaged_score": score, "averaged": score >= best_score}
            display.say(f"mean of the steps {steps}: {score:.3f}, the best alone: {best_score:.3f}")
            weights = mean if score >= best_score else weights
        facts["parameters"] = int(sum(array.size for array in weights.values()))
        # Copied, not moved: a crash between here and the end of the stage must find them again.
        shutil.copy(self._scratch / "history.jsonl", output / "history.jsonl")
        shutil.copytree(self._scratch / "tensorboard", output / "tensorboard")
        return TrainingResult(weights, facts, round(progress.seconds, 1))


_AVERAGE_EVERY = 8  # steps between updates of the moving average, which costs a pass over all weights


def _under(arrays: Mapping[str, Any], prefix: str) -> Arrays:
    return {name.removeprefix(f"{prefix}/"): array for name, array in arrays.items() if name.startswith(f"{prefix}/")}
