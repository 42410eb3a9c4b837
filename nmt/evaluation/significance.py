"""Intervals and tests of significance, from the statistics of segments alone.

Bootstrap intervals and the paired bootstrap: Koehn 2004; approximate randomisation: Riezler and Maxwell 2005. The same
seed draws what sacreBLEU draws. The paired bootstrap gives sacreBLEU's p values, which are too low: at the level 0.05
it calls one in eight pairs of equally good systems different. The randomisation keeps its level; other than
sacreBLEU's, it counts the trials whose difference is just the observed one, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nmt.evaluation.metrics import LOWER_IS_BETTER, Aggregate, Floats

Test = Literal["bootstrap", "randomisation"]

BOOTSTRAP_SAMPLES = 1_000
RANDOMISATION_TRIALS = 10_000
SEED = 12345  # sacreBLEU's

_CELLS = 1 << 22  # of a block of resamples: what is drawn at once stays small


@dataclass(frozen=True)
class Comparison:
    """A system against a baseline in one metric.

    Attributes:
        metric: its name in a recipe.
        baseline, system: the scores.
        p_value: how probable a difference as large is by chance, if the systems are equally good; 0 to 1.
        test: how it was found: the paired bootstrap, or approximate randomisation.
        samples: resamples or trials.
        seed: of them.
    """

    metric: str
    baseline: float
    system: float
    p_value: float
    test: Test
    samples: int
    seed: int

    @property
    def difference(self) -> float:
        """Score of the system less that of the baseline."""
        return self.system - self.baseline

    def is_significant(self, level: float = 0.05) -> bool:
        """Whether the scores differ, and chance would hardly do it."""
        return self.difference != 0 and self.p_value < level

    @property
    def is_gain(self) -> bool:
        """Whether the system is better than the baseline, significantly or not."""
        return self.difference < 0 if self.metric in LOWER_IS_BETTER else self.difference > 0


def bootstrap_scores(metric: Aggregate, systems: Sequence[Floats], samples: int, seed: int = SEED) -> list[Floats]:
    """Returns each system's scores [samples] of test sets that are drawn with replacement, the same ones for all.

    Args:
        metric: whose statistics they are.
        systems: statistics of each system's segments, each [N, F].
        samples: how many test sets, of N segments each.
        seed: of the draws.
    """
    return [metric.scores(sums) for sums in _resampled_sums(systems, samples, seed, metric.resample_type)]


def interval(value: float, sampled: Floats, highest: float = 100.0) -> tuple[float, float]:
    """Returns the 95% interval that sacreBLEU prints as mean and half width, within 0 and ``highest``.

    The mean of few or skewed samples can lie so far off that the real score falls outside; it is let in.

    Args:
        value: the score of the test set itself.
        sampled: of :func:`bootstrap_scores`.
        highest: the best or worst score that there is.
    """
    ordered = np.sort(sampled.astype(np.float64))
    skipped = len(ordered) // 40
    mean, half = float(ordered.mean()), float(ordered[-1 - skipped] - ordered[skipped]) / 2
    return min(max(mean - half, 0.0), value), max(min(mean + half, highest), value)


def paired_bootstrap(
    metric: Aggregate, baseline: Floats, system: Floats, samples: int = BOOTSTRAP_SAMPLES, seed: int = SEED
) -> Comparison:
    """Compares a system with a baseline on test sets that are drawn with replacement.

    Args:
        metric: whose statistics they are.
        baseline, system: statistics of the segments, each [N, F].
        samples: how many test sets are drawn.
        seed: of the draws.
    """
    values = metric.corpus_score(baseline), metric.corpus_score(system)
    p_value = _bootstrap_p_value(*values, *bootstrap_scores(metric, [baseline, system], samples, seed))
    return Comparison(metric.name, *values, p_value, "bootstrap", samples, seed)


def paired_randomisation(
    metric: Aggregate, baseline: Floats, system: Floats, trials: int = RANDOMISATION_TRIALS, seed: int = SEED
) -> Comparison:
    """Compares a system with a baseline on pairs of outputs that are exchanged at random, segment by segment.

    Args:
        metric: whose statistics they are.
        baseline, system: statistics of the segments, each [N, F].
        trials: how often all pairs are exchanged.
        seed: of the exchanges.
    """
    values = metric.corpus_score(baseline), metric.corpus_score(system)
    generator = np.random.default_rng(seed)
    differences = []
    for size in _block_sizes(trials, len(baseline)):
        kept = generator.integers(2, size=(size, len(baseline)), dtype=bool)
        exchanged = (~kept).astype(np.float64)
        first = metric.scores(kept @ baseline + exchanged @ system)
        second = metric.scores(exchanged @ baseline + kept @ system)
        differences.append(np.abs(first - second))
    # Systems that differ in a few segments have many trials with the same difference, up to rounding.
    reached = np.concatenate(differences) >= abs(values[0] - values[1]) - 1e-9
    return Comparison(metric.name, *values, _p_value(reached), "randomisation", trials, seed)


def pairwise_bootstrap(
    metric: Aggregate, systems: Sequence[Floats], samples: int = BOOTSTRAP_SAMPLES, seed: int = SEED
) -> Floats:
    """Returns the p values of the paired bootstrap for each two systems, symmetric [systems, systems]; 1 for itself.

    Args:
        metric: whose statistics they are.
        systems: statistics of each system's segments, each [N, F].
        samples: how many test sets are drawn.
        seed: of the draws.
    """
    values = [metric.corpus_score(statistics) for statistics in systems]
    sampled = bootstrap_scores(metric, systems, samples, seed)
    p_values = np.ones((len(systems), len(systems)))
    for first in range(len(systems)):
        for second in range(first):
            p_value = _bootstrap_p_value(values[first], values[second], sampled[first], sampled[second])
            p_values[first, second] = p_values[second, first] = p_value
    return p_values


def ranks(values: Sequence[float], p_values: Floats, lower_is_better: bool = False, level: float = 0.05) -> list[int]:
    """Returns the rank of each system, 1 for the best; systems that are tied share one.

    The rule: the best system opens a group. Going down from it, each system that is not significantly different from
    the best of the group, or has its very score, joins it; the first other one opens the next. The rank of a group is
    one more than the number of systems in the groups above.

    Args:
        values: scores of the systems.
        p_values: for each two systems [systems, systems].
        lower_is_better: whether the metric counts errors.
        level: a difference is significant where its p value is lower.
    """
    order = sorted(range(len(values)), key=lambda index: values[index] if lower_is_better else -values[index])
    found = [0] * len(values)
    best = rank = 0
    for place, index in enumerate(order, start=1):
        if place == 1 or (values[index] != values[best] and p_values[best, index] < level):
            best, rank = index, place
        found[index] = rank
    return found


def _resampled_sums(systems: Sequence[Floats], samples: int, seed: int, precision: Any) -> list[Floats]:
    """Returns for each system the sums of its statistics over each test set that is drawn [samples, F]."""
    generator = np.random.default_rng(seed)
    segments, width = systems[0].shape
    all_statistics = np.concatenate(systems, axis=1, dtype=np.float64)  # [N, systems * F]
    exact = precision == np.float64 or bool((all_statistics == np.rint(all_statistics)).all())
    sums = np.empty((samples, all_statistics.shape[1]), precision)
    start = 0
    for size in _block_sizes(samples, segments if exact else all_statistics.size):
        drawn = generator.integers(0, segments, size=(size, segments))
        if exact:
            cells = drawn + segments * np.arange(size)[:, None]
            counts = np.bincount(cells.ravel(), minlength=size * segments).reshape(size, segments)
            sums[start : start + size] = counts.astype(np.float64) @ all_statistics
        else:
            # Rounded after each addition, in the order of the draws: sums of fractions come out as sacreBLEU's.
            sums[start : start + size] = all_statistics.astype(precision)[drawn].sum(axis=1)
        start += size
    return [sums[:, first : first + width] for first in range(0, sums.shape[1], width)]


def _block_sizes(rows: int, columns: int) -> Iterator[int]:
    """Yields how many rows are drawn at once; all but the last are multiples of 32, which draws of bits come in."""
    block = max(32, _CELLS // columns // 32 * 32)
    while rows > 0:
        yield min(block, rows)
        rows -= block


def _bootstrap_p_value(baseline: float, system: float, of_baseline: Floats, of_system: Floats) -> float:
    differences = np.abs(of_system - of_baseline)
    return _p_value(differences - differences.mean() > abs(baseline - system))


def _p_value(extreme: npt.NDArray[np.bool_]) -> float:
    """Returns the share of extreme samples, the observed one among them: never 0 (Phipson and Smyth 2010)."""
    return (int(extreme.sum()) + 1) / (len(extreme) + 1)
