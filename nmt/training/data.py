"""What each epoch of training sees: which pairs, how segmented, in which batches.

All of it is a function of (seed, epoch), so a run that was stopped in the middle of an epoch goes on with the batches
that were left.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt.config import CurriculumConfig, MixConfig, Recipe
from nmt.dataset import EncodedCorpus, Rows, Sequences, plan_epoch
from nmt.errors import DataError
from nmt.tokenizer import TokenizerPair
from nmt.training.subword_sampling import SampledSide, sampled_sides

_MIXING = 1  # tells the random numbers of the mix from those of the plan


class TrainingData:
    """The training set, epoch by epoch, as the recipe's ``dataset`` section says.

    An epoch needs 8 bytes of memory per pair, and 50 while it is planned; the ids may stay on the disk. Only where
    segmentations are drawn, or links of words guide attention, the text itself is in memory.

    Args:
        recipe: the recipe.
        corpus: all pairs as ids, each text in its best segmentation.
        parts: the number of pairs of each part of the training set, in order; needed by ``dataset.mix``.
        sides: source and target whose segmentation is drawn, as ``sampled_sides`` gives them; none to keep the best.

    Raises:
        DataError: the mix leaves an epoch without pairs.
    """

    def __init__(
        self,
        recipe: Recipe,
        corpus: EncodedCorpus,
        parts: Sequence[int] = (),
        sides: Sequence[SampledSide] = (),
    ) -> None:
        self._recipe = recipe
        self._corpus = corpus
        self._sides = sides
        self._parts, self._mix = [len(corpus)], [MixConfig()]
        if recipe.dataset.mix is not None:
            self._parts, self._mix = list(parts), recipe.dataset.mix
            _check_mix(recipe, self._parts)

    @classmethod
    def load(
        cls, recipe: Recipe, tokenizers: TokenizerPair, corpus: EncodedCorpus, encoded: Path, clean: tuple[Path, Path]
    ) -> TrainingData:
        """Returns the epochs of a corpus, for the folder that it was encoded in and the lines that it was made of."""
        parts = json.loads((encoded / "train.json").read_bytes())["parts"]
        return cls(recipe, corpus, parts, sampled_sides(tokenizers, clean, corpus, recipe.dataset.subword_sampling))

    def epoch(self, number: int) -> tuple[EncodedCorpus, Sequences]:
        """Returns the corpus as an epoch, counted from 0, segments it, and the epoch's batches as rows of it."""
        corpus = self._segmented(number)
        rows = self._rows(number)
        plan = self._plan(corpus, rows, number)
        return corpus, Sequences(rows[plan.ids], plan.offsets)

    @cached_property
    def steps_per_epoch(self) -> int:
        """The number of steps that an epoch is expected to have, on average over all epochs."""
        return -(-self._batches_per_epoch() // self._recipe.training.accumulate)

    def _batches_per_epoch(self) -> int:
        corpus = self._segmented(0)
        whole = len(self._plan(corpus, np.arange(len(corpus)), 0))
        if self._recipe.dataset.mix is None and self._recipe.dataset.curriculum is None:
            return whole
        tokens = self._corpus.target.lengths
        drawn = [tokens[self._rows(number)].sum() for number in range(self._recipe.training.max_epochs)]
        return max(1, round(whole * float(np.mean(drawn)) / float(tokens.sum())))

    def _plan(self, corpus: EncodedCorpus, rows: Rows, number: int) -> Sequences:
        lengths = corpus.source.lengths[rows], corpus.target.lengths[rows] - 1
        risk = self._recipe.training.risk
        outputs = 1 if risk is None else risk.samples + 1  # of every source
        tokens_per_batch = max(1, self._recipe.dataset.tokens_per_batch // outputs)
        return plan_epoch(*lengths, tokens_per_batch, self._recipe.seed, number)

    def _rows(self, number: int) -> Rows:
        """Returns the pairs of an epoch; a pair that it has several times occurs as often."""
        generator = np.random.default_rng([self._recipe.seed, number, _MIXING])
        rows = mixed_rows(self._parts, self._mix, number, generator)
        return shortest(rows, self._corpus.source.lengths, competence(self._recipe.dataset.curriculum, number))

    def _segmented(self, number: int) -> EncodedCorpus:
        """Returns the corpus of an epoch. What is sampled may get longer than the limits: nothing is cut off."""
        if not self._sides:
            return self._corpus
        source, target = (
            side.sample(f"{self._recipe.seed} {number} {name}")
            for side, name in zip(self._sides, ("source", "target"), strict=True)
        )
        return EncodedCorpus(source, target, self._corpus.lines)


def mixed_rows(parts: Sequence[int], mix: Sequence[MixConfig], number: int, generator: np.random.Generator) -> Rows:
    """Draws the pairs of an epoch from the parts of a training set.

    Example, two parts of 3 and 4 pairs with the weights 2 and 0.5::

        rows    0 1 2  0 1 2  6 4        the second part: a random half, another one in each epoch

    Args:
        parts: the number of pairs of each part.
        mix: the weight of each part, and its epochs.
        number: the epoch, counted from 0.
        generator: what is drawn with.
    """
    rows, begin = [np.zeros(0, np.int64)], 0
    for pairs, entry in zip(parts, mix, strict=True):
        if pairs and entry.covers(number + 1):
            part = np.arange(begin, begin + pairs)
            share, times = math.modf(entry.weight)
            rows += [part] * int(times)
            if share:
                rows.append(generator.permutation(part)[: max(1, round(share * pairs))])
        begin += pairs
    return np.concatenate(rows)


def competence(curriculum: CurriculumConfig | None, number: int) -> float:
    """Returns the share of the pairs, 0 to 1, that a model is ready for at the beginning of an epoch, counted from 0.

    With the share c0 at the start and T epochs: min(1, sqrt(t (1 - c0^2) / T + c0^2)) at the beginning of epoch t
    (Platanios et al. 2019, section 3.2, c_sqrt). The paper asks anew at every step; here it stays for an epoch.
    """
    if curriculum is None or number >= curriculum.epochs:
        return 1.0
    start = curriculum.start**2
    return math.sqrt(number * (1.0 - start) / curriculum.epochs + start)


def shortest(rows: Rows, lengths: npt.NDArray[np.int64], share: float) -> Rows:
    """Returns a share of ``rows``, at least one: those with the shortest sources (``lengths`` of all pairs)."""
    if share >= 1.0:
        return rows
    return rows[np.argsort(lengths[rows], kind="stable")[: math.ceil(share * len(rows))]]


def _check_mix(recipe: Recipe, parts: list[int]) -> None:
    empty = recipe.dataset.epoch_without_pairs(parts, recipe.training.max_epochs)
    if empty is not None:
        raise DataError(
            f"dataset.mix leaves epoch {empty} without pairs",
            received=f"parts of {', '.join(map(str, parts))} pairs, after cleaning",
            expected="pairs in every epoch",
            action="Check the cleaning report, or give another corpus of that epoch a weight above 0",
        )
