"""What a probe is asked, and what it answers; without TensorFlow, for the process that asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt.config import Recipe


@dataclass(frozen=True)
class Probe:
    """What is to be measured.

    Attributes:
        recipe: model, training and decoding.
        train, valid: folders with the corpora of these names as ids.
        tokenizers: the folder of the vocabularies.
        vocab_size: V, where the vocabularies will be larger than those in the folder.
        batches: pairs of ``train`` that form a batch; the first batch is the one that needs most memory.
    """

    recipe: Recipe
    train: Path
    valid: Path
    tokenizers: Path
    vocab_size: int | None
    batches: list[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Measured:
    """What a probe found.

    Attributes:
        weights, trainable: numbers in all weights, and in those that are trained.
        start_seconds: loading TensorFlow, building the model, and the first call of each function, which traces it.
        batch_seconds: by batch of the probe, what a training step takes for each of its batches.
        loss_seconds, greedy_seconds, beam_seconds: for the whole validation corpus of the probe.
        beam_start_seconds: the first search with a beam.
        peak_bytes: most resident memory of the process; None where the system does not say.
    """

    weights: int
    trainable: int
    start_seconds: float
    batch_seconds: list[float]
    loss_seconds: float
    greedy_seconds: float
    beam_seconds: float
    beam_start_seconds: float
    peak_bytes: int | None
