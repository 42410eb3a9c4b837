"""Systems against a baseline: scores with intervals, differences with p values, and ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nmt.evaluation import significance
from nmt.evaluation.metrics import LOWER_IS_BETTER, Aggregate, Floats
from nmt.evaluation.scores import Score, score_statistics
from nmt.evaluation.significance import Comparison


@dataclass(frozen=True)
class Row:
    """A system in one metric.

    Attributes:
        system: its name.
        score: its score.
        rank: among all systems; those that are not significantly different share one (paired bootstrap).
        tests: against the baseline, by the paired bootstrap and by approximate randomisation; none for the baseline.
    """

    system: str
    score: Score
    rank: int
    tests: tuple[Comparison, ...]

    @property
    def difference(self) -> float | None:
        """Score less that of the baseline; None for the baseline."""
        return self.tests[0].difference if self.tests else None

    def to_json(self) -> dict[str, Any]:
        """Returns the row as JSON values."""
        tests = {
            test.test: {
                "p_value": test.p_value,
                "significant": test.is_significant(),
                "samples": test.samples,
                "seed": test.seed,
            }
            for test in self.tests
        }
        return {
            "system": self.system,
            "score": self.score.to_json(),
            "rank": self.rank,
            "difference": self.difference,
            "tests": tests,
        }

    def cells(self) -> tuple[str, ...]:
        """Returns the row as text: metric, rank, system, score, interval, difference, and a p value of each test."""
        score = self.score
        interval = "" if score.low is None or score.high is None else f"{score.low:.2f} to {score.high:.2f}"
        difference = "" if self.difference is None else f"{self.difference:+.2f}"
        # To equal scores sacreBLEU's bootstrap gives its smallest p value.
        p_values = [f"{test.p_value:.4f}" if test.difference else "equal" for test in self.tests] or ["", ""]
        return (score.label, str(self.rank), self.system, f"{score.value:.2f}", interval, difference, *p_values)


HEADINGS = ("metric", "rank", "system", "score", "95% interval", "difference", "p, bootstrap", "p, randomisation")
"""Of the cells of rows."""


def compare(
    metric: Aggregate,
    systems: Mapping[str, Floats],
    samples: int = significance.BOOTSTRAP_SAMPLES,
    trials: int = significance.RANDOMISATION_TRIALS,
    seed: int = significance.SEED,
) -> list[Row]:
    """Compares systems with the first one.

    Args:
        metric: whose statistics they are.
        systems: statistics of each system's segments [N, F], by its name.
        samples: resamples of the bootstrap.
        trials: of the randomisation.
        seed: of both.
    """
    baseline, *others = systems.values()
    p_values = significance.pairwise_bootstrap(metric, list(systems.values()), samples, seed)
    values = [metric.corpus_score(statistics) for statistics in systems.values()]
    ranks = significance.ranks(values, p_values, metric.name in LOWER_IS_BETTER)
    tests: list[tuple[Comparison, ...]] = [()]
    for place, statistics in enumerate(others, start=1):
        bootstrap = Comparison(
            metric.name, values[0], values[place], float(p_values[0, place]), "bootstrap", samples, seed
        )
        tests.append((bootstrap, significance.paired_randomisation(metric, baseline, statistics, trials, seed)))
    scores = [score_statistics(metric, statistics, samples, seed) for statistics in systems.values()]
    return [Row(*row) for row in zip(systems, scores, ranks, tests, strict=True)]
