"""The training loop.

The state of training is a list of arrays and a few numbers. The order of the data is a function of (seed, epoch), and
dropout of (seed, step), so a checkpoint of that state continues exactly where it was taken.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import Batch, EncodedCorpus, batches, plan_epoch
from nmt.errors import NmtError
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import Arrays, assign_weights, weights_of
from nmt.tokenizer import TokenizerPair
from nmt.training.checkpoint import Checkpoints
from nmt.training.history import History, TrainingProgress
from nmt.training.interruption import Interruption, deferred_interruption
from nmt.training.loss import token_losses
from nmt.training.optimizer import Optimizer
from nmt.training.schedule import scheduled
from nmt.training.start import untrained_model
from nmt.training.validation import Validator

_MOST_SKIPPED = 5  # steps in a row without a finite gradient, before training stops
_HISTORY_EVERY = 50  # steps between rows of the history


@dataclass
class Progress:
    """The numbers of a training run that are not weights."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # batches of this epoch that are done
    learning_rate_scale: float = 1.0
    best_score: float | None = None
    best_step: int = 0
    without_improvement: int = 0  # validations since the best
    since_reduction: int = 0  # validations since the best, or since the learning rate fell
    skipped: int = 0  # steps in a row without a finite gradient
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingResult:
    """The best weights, how they came about, and the seconds that it took, those before a crash included."""

    weights: Arrays
    facts: dict[str, Any]
    seconds: float


class Trainer:
    """Trains one model by one recipe.

    Args:
        recipe: what to do.
        tokenizers: the vocabularies.
        train: the training pairs as ids.
        validator: scores the model now and then.
        scratch: folder for checkpoints, found again after a crash.
        prepare: changes the new model before training, for instance what its weights start from.
    """

    def __init__(
        self,
        recipe: Recipe,
        tokenizers: TokenizerPair,
        train: EncodedCorpus,
        validator: Validator,
        scratch: Path,
        prepare: Callable[[Seq2Seq], None] | None = None,
    ) -> None:
        self._recipe = recipe
        self._config = recipe.training
        self._corpus = train
        self._validator = validator
        self._scratch = scratch
        self._checkpoints = Checkpoints(scratch, lambda text: print(text, file=sys.stderr, flush=True))
        self._model = untrained_model(recipe, tokenizers)
        if prepare is not None:
            prepare(self._model)
        self._weights = [weight.value for weight in self._model.trainable_weights]
        self._optimizer = Optimizer(self._weights, self._config)
        self._averages = [tf.Variable(weight, trainable=False) for weight in self._weights]
        ids = tf.TensorSpec([None, None], tf.int32)
        signature = [self._model.source_spec, ids, ids, tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)]
        self._step_function = tf.function(self._train_step, input_signature=signature)
        self._average_function = tf.function(self._update_averages, input_signature=[tf.TensorSpec([], tf.float32)])

    def run(self, output: Path) -> TrainingResult:
        """Trains until the last epoch or until validation stops improving, and returns the best weights.

        Writes ``history.jsonl`` and ``tensorboard/`` into the scratch folder as it goes, and copies them to
        ``output`` at the end. A signal is obeyed after the step that it came in, and after a checkpoint.

        Raises:
            KeyboardInterrupt: a signal came, and a checkpoint is written.
        """
        with deferred_interruption() as interruption:
            return self._run(output, interruption)

    def _run(self, output: Path, interruption: Interruption) -> TrainingResult:
        progress, best = self._resume()
        history = History(self._scratch / "history.jsonl", self._scratch / "tensorboard", progress.step)
        lengths = self._corpus.source.lengths, self._corpus.target.lengths - 1
        tokens_per_batch = self._recipe.dataset.tokens_per_batch
        plan = plan_epoch(*lengths, tokens_per_batch, self._recipe.seed, 0)
        self._steps_per_epoch = len(plan)
        display = TrainingProgress(len(plan) * self._config.max_epochs)
        began = time.monotonic() - progress.seconds
        while progress.epoch < self._config.max_epochs and not self._stops(progress):
            plan = plan_epoch(*lengths, tokens_per_batch, self._recipe.seed, progress.epoch)
            for batch in batches(self._corpus, plan, progress.position):
                self._one_step(batch, progress, history, display)
                progress.position += 1
                progress.seconds = time.monotonic() - began
                last = progress.position == len(plan)
                every = self._config.validate_every
                if (progress.step % every == 0) if every else last:
                    best = self._validate(progress, best, history, display)
                if (progress.step % self._config.checkpoint_every == 0 and not last) or interruption.requested:
                    self._save(progress, best)
                if interruption.requested:
                    raise KeyboardInterrupt
                if self._stops(progress):
                    return self._result(progress, best, output)
            progress.epoch, progress.position = progress.epoch + 1, 0
            self._save(progress, best)
        if not best:
            best = self._validate(progress, best, history, display)
        return self._result(progress, best, output)

    def _stops(self, progress: Progress) -> bool:
        """Whether validation has stopped improving, or can improve no more."""
        perfect = self._config.select_on != "loss" and (progress.best_score or 0.0) >= 100.0
        return perfect or progress.without_improvement >= self._config.stop_after

    def _one_step(self, batch: Batch, progress: Progress, history: History, display: TrainingProgress) -> None:
        progress.step += 1
        config = self._config
        schedule = scheduled(config, progress.step, self._steps_per_epoch)
        learning_rate = config.learning_rate * progress.learning_rate_scale * schedule
        loss, tokens, norm = self._step_function(*batch, tf.constant(progress.step), tf.constant(learning_rate))
        if config.average and progress.step % _AVERAGE_EVERY == 0:
            updates = progress.step // _AVERAGE_EVERY
            decay = min(config.average**_AVERAGE_EVERY, (1 + updates) / (10 + updates))
            self._average_function(tf.constant(decay, tf.float32))
        loss_value = float(loss)
        if not np.isfinite(float(norm)):
            self._skip(progress, loss_value, float(norm), display)
            return
        progress.skipped = 0
        display.update(progress.step, int(tokens), loss_value, learning_rate)
        if progress.step % _HISTORY_EVERY == 0:
            row = {"step": progress.step, "epoch": progress.epoch, "loss": loss_value, "gradient_norm": float(norm)}
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
            finite = all(bool(tf.reduce_all(tf.math.is_finite(weight))) for weight in self._weights)
            raise NmtError(
                f"training step {progress.step}: {progress.skipped} steps in a row had no finite gradient",
                received=f"loss {loss}, gradient norm {norm}; the weights are {'finite' if finite else 'not finite'}",
                expected="finite numbers",
                action="Lower training.learning_rate or training.gradient_clip, and run with --force train",
            )

    def _train_step(
        self, source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor, step: tf.Tensor, rate: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        config = self._config
        seed = tf.stack([tf.constant(self._recipe.seed), step])
        with tf.GradientTape() as tape:
            output, memory = self._model.teacher_forced(source, target_in, seed)
            coverage = None
            if config.coverage_loss:
                coverage = config.coverage_loss * tf.cast(step > config.coverage_loss_after, tf.float32)
            total, _, tokens = token_losses(self._model, output, memory, target_out, config.label_smoothing, coverage)
            loss = total / tf.cast(tokens, tf.float32)
        norm = self._optimizer.apply(tape.gradient(loss, self._weights), rate)
        return loss, tokens, norm

    def _update_averages(self, decay: tf.Tensor) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign_add((1.0 - decay) * (weight - average))

    def _validate(self, progress: Progress, best: Arrays, history: History, display: TrainingProgress) -> Arrays:
        """Scores the model (its average, where one is kept) and adapts the learning rate; returns the best weights."""
        current = weights_of(self._model)
        if self._config.average:
            paths = [weight.path for weight in self._model.trainable_weights]
            averages = {path: a.numpy() for path, a in zip(paths, self._averages, strict=True)}
            assign_weights(self._model, current | averages)  # frozen weights have no average
        began = time.monotonic()
        row = self._validator.measure(self._model)
        candidate = weights_of(self._model)
        assign_weights(self._model, current)
        score = -row["valid_loss"] if self._config.select_on == "loss" else row[self._config.select_on]
        better = progress.best_score is None or score > progress.best_score
        if better:
            progress.best_score, progress.best_step = score, progress.step
            progress.without_improvement = progress.since_reduction = 0
            best = candidate
        else:
            progress.without_improvement += 1
            progress.since_reduction += 1
            if progress.since_reduction >= self._config.plateau_patience:
                progress.learning_rate_scale *= self._config.plateau_factor
                progress.since_reduction = 0
        history.add({"step": progress.step, "epoch": progress.epoch, "seconds": round(progress.seconds, 1)} | row)
        scores = "  ".join(f"{name} {value:.3f}" for name, value in row.items())
        display.say(
            f"validation after epoch {progress.epoch + 1}, step {progress.step}: {scores}"
            f"  ({time.monotonic() - began:.0f} s){'  best so far' if better else ''}"
        )
        return best

    def _save(self, progress: Progress, best: Arrays) -> None:
        """Writes everything that training continues from."""
        arrays: dict[str, Any] = {f"weights/{name}": array for name, array in weights_of(self._model).items()}
        arrays |= {f"best/{name}": array for name, array in best.items()}
        for kind, variables in self._variables().items():
            arrays |= {f"{kind}/{index}": variable.numpy() for index, variable in enumerate(variables)}
        state = json.dumps(dataclasses.asdict(progress)).encode()
        arrays["progress"] = np.frombuffer(state, np.uint8)
        self._checkpoints.save(arrays)

    def _resume(self) -> tuple[Progress, Arrays]:
        """Restores the newest checkpoint that is whole, where there is one."""

        def use(arrays: Mapping[str, Any]) -> tuple[Progress, Arrays]:
            progress = Progress(**json.loads(arrays["progress"].tobytes()))
            assign_weights(self._model, _under(arrays, "weights"))
            for kind, variables in self._variables().items():
                for index, variable in enumerate(variables):
                    variable.assign(arrays[f"{kind}/{index}"])
            return progress, _under(arrays, "best")

        return self._checkpoints.restore(use) or (Progress(), {})

    def _variables(self) -> dict[str, Sequence[tf.Variable]]:
        optimizer = self._optimizer
        return {
            "first": optimizer.first,
            "second": optimizer.second,
            "steps": [optimizer.steps],
            "average": self._averages,
        }

    def _result(self, progress: Progress, best: Arrays, output: Path) -> TrainingResult:
        # Copied, not moved: a crash between here and the end of the stage must find them again.
        shutil.copy(self._scratch / "history.jsonl", output / "history.jsonl")
        shutil.copytree(self._scratch / "tensorboard", output / "tensorboard")
        facts = {
            "steps": progress.step,
            "epochs": progress.epoch,
            "best_step": progress.best_step,
            "best_score": progress.best_score,
            "selected_on": self._config.select_on,
            "parameters": int(sum(array.size for array in best.values())),
        }
        return TrainingResult(best, facts, round(progress.seconds, 1))


_AVERAGE_EVERY = 8  # steps between updates of the moving average, which costs a pass over all weights


def _under(arrays: Mapping[str, Any], prefix: str) -> Arrays:
    return {name.removeprefix(f"{prefix}/"): array for name, array in arrays.items() if name.startswith(f"{prefix}/")}
