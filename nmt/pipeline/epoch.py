"""The epochs of a training that has not begun, as batches: how many, of which shapes, with how many tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt.config import Recipe
from nmt.dataset import EncodedCorpus, Sequences
from nmt.training.data import TrainingData

Numbers = npt.NDArray[np.int64]

_PLANNED_PAIRS = 400_000  # most pairs that the epochs of a sampled corpus are planned with
_PLANNED_EPOCHS = 5  # most epochs that are planned where they differ


@dataclass(frozen=True)
class Epoch:
    """One pass over the training pairs, as the batches of its plan; the mean of several where they differ.

    Attributes:
        pairs: pairs that are short enough.
        source_tokens, target_tokens: what the model reads and predicts, EOS counted, padding not.
        source_padding, target_padding: share of the positions of the batches that are padding.
        batches: in all.
        steps: of one batch each, or of as many as ``training.accumulate`` says.
    """

    pairs: int
    source_tokens: int
    target_tokens: int
    source_padding: float
    target_padding: float
    batches: int
    steps: int


@dataclass(frozen=True)
class PlannedBatches:
    """The batches of one or several epochs of a corpus, or of a sample of it that is repeated.

    Attributes:
        rows: of each batch, its pairs as rows of the corpus.
        shapes: of each batch, the number of pairs, the longest source and the longest target, [N, 3].
        tokens: of each batch, source and target tokens, [N, 2].
        epochs: how many epochs these are.
        scale: what their figures are multiplied by, for pairs that are not planned.
        steps: of an epoch, as training counts them.
    """

    rows: list[Numbers]
    shapes: Numbers
    tokens: Numbers
    epochs: int
    scale: float
    steps: int

    def epoch(self) -> Epoch:
        """Sums up an epoch."""
        rows, longest_source, longest_target = self.shapes.T
        source, target = (int(count) for count in self.tokens.sum(axis=0))
        share = self.scale / self.epochs
        return Epoch(
            pairs=round(int(rows.sum()) * share),
            source_tokens=round(source * share),
            target_tokens=round(target * share),
            source_padding=1.0 - source / float(rows @ longest_source),
            target_padding=1.0 - target / float(rows @ longest_target),
            batches=round(len(rows) * share),
            steps=self.steps,
        )


def plan_batches(recipe: Recipe, corpus: EncodedCorpus, encoded: Sequence[int], parts: Sequence[int]) -> PlannedBatches:
    """Plans the epochs of a training as :class:`nmt.training.data.TrainingData` does.

    Args:
        recipe: the recipe.
        corpus: the pairs at hand, segmented as they will be.
        encoded: how many of these are of each part of the training set.
        parts: how many pairs each part has in all; a part is repeated until it has as many.
    """
    pairs = sum(parts)
    planned = list(parts)
    if pairs > max(_PLANNED_PAIRS, len(corpus)):
        planned = [max(1, round(part * _PLANNED_PAIRS / pairs)) if part else 0 for part in parts]
    numbers = repeated(encoded, planned)
    source, target = (_of_lengths(side.lengths[numbers]) for side in (corpus.source, corpus.target))
    # Segmentations are those of the corpus: to plan needs no other text.
    plain = recipe.model_copy(update={"dataset": recipe.dataset.model_copy(update={"subword_sampling": 0.0})})
    data = TrainingData(plain, EncodedCorpus(source, target, np.arange(len(numbers))), planned)
    last, differ = recipe.training.max_epochs - 1, bool(recipe.dataset.mix or recipe.dataset.curriculum)
    chosen = np.unique(np.linspace(0, last, _PLANNED_EPOCHS).astype(int)) if differ else np.zeros(1, int)
    batches = [batch for epoch in chosen for batch in data.epoch(int(epoch))[1]]
    shapes, tokens = batch_shapes(source.lengths, target.lengths - 1, batches)
    scale = pairs / sum(planned)
    return PlannedBatches(
        [numbers[batch] for batch in batches],
        shapes,
        tokens,
        len(chosen),
        scale,
        round(data.steps_per_epoch * scale),
    )


def repeated(encoded: Sequence[int], planned: Sequence[int]) -> Numbers:
    """Returns the rows of a corpus, those of each part repeated until there are as many as planned.

    Example, parts of 2 and 1 rows, 3 and 2 of them planned::

        0 1 0  2 2
    """
    numbers, begin = [np.zeros(0, np.int64)], 0
    for count, wanted in zip(encoded, planned, strict=True):
        if count:
            numbers.append(np.resize(np.arange(begin, begin + count, dtype=np.int64), wanted))
        begin += count
    return np.concatenate(numbers)


def batch_shapes(
    source_lengths: Numbers, target_lengths: Numbers, batches: Sequence[Numbers]
) -> tuple[Numbers, Numbers]:
    """Returns, of each batch, rows, longest source and longest target [N, 3]; and source and target tokens [N, 2]."""
    shapes, tokens = [], []
    for batch in batches:
        source, target = source_lengths[batch], target_lengths[batch]
        shapes.append((len(batch), source.max(), target.max()))
        tokens.append((source.sum(), target.sum()))
    return np.array(shapes, np.int64), np.array(tokens, np.int64)


def largest(shapes: Numbers) -> int:
    """Returns which batch has most positions on both sides, and so needs most memory."""
    rows, source, target = shapes.T
    return int(np.argmax(rows * (source + target)))


def spread(shapes: Numbers, count: int) -> list[int]:
    """Returns ``count`` batches, or all if there are fewer, spread evenly over those sorted by the steps they take.

    A recurrent network takes as many steps as a batch is long, so the mean time of these batches is about that of all::

        6 batches, count 3:   [0 1] [2 3] [4 5]   -> the batches 1, 3, 5 in this order
    """
    order = np.lexsort((shapes[:, 0], shapes[:, 1] + shapes[:, 2]))
    count = min(count, len(order))
    return [int(order[(2 * part + 1) * len(order) // (2 * count)]) for part in range(count)]


def _of_lengths(lengths: Numbers) -> Sequences:
    """Returns sequences of these lengths without content, to plan with."""
    return Sequences(np.zeros(0, np.int32), np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
