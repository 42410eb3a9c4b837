"""How fast a recipe trains here, how near that is to what the devices can do, and whether they wait for data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import batches
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import TokenizerPair
from nmt.training.data import TrainingData
from nmt.training.distribution import Distribution
from nmt.training.loop import Trainer
from nmt.training.operations import matrix_product, step_operations
from nmt.training.probe import still_step

_WARM = 3  # steps that are not timed: the first one traces
_SIZES = {"CPU": 1024, "GPU": 8192}  # of the yardstick: large enough for the rate of a device
_YARDSTICK_SECONDS = 0.5  # that it is repeated for, before the steps and again after them


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        devices: how many take their share of a step.
        kind: CPU or GPU.
        data_type: of the matrix products.
        steps: how many were timed.
        seconds: of all of them.
        waiting_seconds: what of that training waited for the next batch.
        source_tokens, target_tokens: in all of them, without padding.
        source_cells, target_cells: the same with padding.
        operations: of their matrix products, those of the padding included; None where outputs are drawn as well.
        matrix_size: rows of the yardstick, a plain product of square matrices.
        matrix_rate: operations per second of the yardstick, on all devices.
    """

    devices: int
    kind: str
    data_type: str
    steps: int
    seconds: float
    waiting_seconds: float
    source_tokens: int
    target_tokens: int
    source_cells: int
    target_cells: int
    operations: float | None
    matrix_size: int
    matrix_rate: float

    @property
    def target_tokens_per_second(self) -> float:
        """Of all devices together."""
        return self.target_tokens / self.seconds

    @property
    def source_tokens_per_second(self) -> float:
        """Of all devices together."""
        return self.source_tokens / self.seconds

    @property
    def share_of_matrix_rate(self) -> float | None:
        """How near training is to the rate of the yardstick."""
        return None if self.operations is None else self.operations / self.seconds / self.matrix_rate

    @property
    def share_of_waiting(self) -> float:
        """How much of the time training waited for data."""
        return self.waiting_seconds / self.seconds

    @property
    def share_of_padding(self) -> float:
        """How much of the batches, both sides, is padding."""
        return 1.0 - (self.source_tokens + self.target_tokens) / (self.source_cells + self.target_cells)

    def to_json(self) -> dict[str, Any]:
        """Returns all of it as JSON values."""
        derived = (
            "target_tokens_per_second",
            "source_tokens_per_second",
            "share_of_matrix_rate",
            "share_of_waiting",
            "share_of_padding",
        )
        return asdict(self) | {name: getattr(self, name) for name in derived}


def measure_speed(
    recipe: Recipe, tokenizers: TokenizerPair, data: TrainingData, distribution: Distribution, steps: int
) -> Speed:
    """Takes training steps on the batches of the first epoch; the learning rate is 0, and nothing is kept.

    Args:
        recipe: model, batches and training.
        tokenizers: the vocabularies.
        data: the training pairs.
        distribution: the devices, all of this process.
        steps: how many are timed.
    """
    # Alignments are learned from the whole training set; what they add to a step is not felt.
    training = recipe.training.model_copy(update={"guided_alignment": None})
    recipe = recipe.model_copy(update={"training": training})
    data_type, kind = training.mixed_precision or "float32", _kind()
    yardstick = matrix_product(_SIZES[kind], data_type)
    yardstick()
    products = _repeated(yardstick)
    with TemporaryDirectory() as scratch:
        models: list[Seq2Seq] = []
        unused: Any = None  # validation
        trainer = Trainer(recipe, tokenizers, data, unused, Path(scratch), models.append, distribution)
        figures = _time_steps(trainer, models[0], data, recipe, steps)
    products += _repeated(yardstick)
    # The mean, as that of the steps: the machine may have other work.
    rate = 2.0 * _SIZES[kind] ** 3 / mean(products)
    # A CPU that is divided is still one; GPUs are that many.
    rate *= distribution.replicas if kind == "GPU" else 1
    return Speed(
        devices=distribution.replicas,
        kind=kind,
        data_type=data_type,
        steps=steps,
        matrix_size=_SIZES[kind],
        matrix_rate=rate,
        **figures,
    )


def _time_steps(trainer: Trainer, model: Seq2Seq, data: TrainingData, recipe: Recipe, steps: int) -> dict[str, Any]:
    """Returns the sums over the steps that are timed, by the names of ``Speed``."""
    corpus, plan = data.epoch(0)
    accumulate = recipe.training.accumulate
    rows = list(islice(cycle(plan), (_WARM + steps) * accumulate))
    stream = batches(corpus, rows)
    totals: dict[str, Any] = dict.fromkeys(
        ("seconds", "waiting_seconds", "source_tokens", "target_tokens", "source_cells", "target_cells"), 0
    )
    operations = 0.0
    for number in range(_WARM + steps):
        began = time.perf_counter()
        group = list(islice(stream, accumulate))
        waited = time.perf_counter() - began
        result = still_step(trainer, group)
        seconds = time.perf_counter() - began
        if number < _WARM:
            continue
        totals["seconds"] += seconds
        totals["waiting_seconds"] += waited
        totals["target_tokens"] += result.tokens
        for chosen, batch in zip(rows[number * accumulate :], group, strict=False):
            (size, source), target = batch.source.shape[:2], batch.target_in.shape[1]
            totals["source_tokens"] += int(corpus.source.lengths[chosen].sum())
            totals["source_cells"] += size * source
            totals["target_cells"] += size * target
            operations += step_operations(model, size, source, target)
    return totals | {"operations": None if recipe.training.risk else operations}


def _kind() -> str:
    return "GPU" if tf.config.list_logical_devices("GPU") else "CPU"


def _repeated(call: Callable[[], object]) -> list[float]:
    """Returns the seconds of each call, for about half a second."""
    seconds: list[float] = []
    while sum(seconds) < _YARDSTICK_SECONDS:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds
