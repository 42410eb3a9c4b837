"""The table of a study: what each system scores, how far its seeds lie apart, and whether it differs from another."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, stdev
from typing import Any, Literal

import numpy as np

from nmt.config import Recipe
from nmt.evaluation.metrics import OF_MODELS, MetricOptions, open_metric
from nmt.evaluation.scores import Score, score_lines
from nmt.evaluation.significance import paired_randomisation

Baseline = Literal["above", "first"]
"""What a row is compared with: the row above it, or the first row."""

_BINS = 6  # groups of test lines by source length


@dataclass(frozen=True)
class Run:
    """One system with one seed, done: its scores on the first test set, and the lines of that set.

    All references of the set count; ``references`` has the lines of each.
    """

    seed: int
    scores: dict[str, Score]
    training_seconds: float | None
    parameters: int | None
    sources: list[str]
    references: list[list[str]]
    hypotheses: list[str]


@dataclass(frozen=True)
class Difference:
    """A system against its baseline.

    Attributes:
        value: mean score of the seeds less that of the baseline's.
        p_text: how probable a difference as large is, if the outputs of both were exchanged at random, segment by
            segment and seed by seed (Clark et al. 2011): whether these trained models differ. None for perplexity.
        p_seeds: the same by the scores of the seeds alone (Welch's t-test): whether other seeds would differ, too.
            None where there are not two seeds of each, or none differs from another.
    """

    value: float
    p_text: float | None
    p_seeds: float | None


@dataclass(frozen=True)
class Row:
    """A system of a study, and its runs.

    Attributes:
        name: of the system.
        recipe: with the seed of the file.
        runs: one for each seed, in their order.
        differences: from its baseline, by the names of the metrics; none for the first row.
    """

    name: str
    recipe: Recipe
    runs: list[Run]
    differences: Mapping[str, Difference] = field(default_factory=dict)

    def values(self, metric: str) -> list[float]:
        """Returns the score of each seed."""
        return [run.scores[metric].value for run in self.runs]

    def mean(self, metric: str) -> float:
        """Returns the mean score of the seeds."""
        return mean(self.values(metric))

    def spread(self, metric: str) -> float | None:
        """Returns the standard deviation of the seeds' scores, as of a sample; None for one seed."""
        return stdev(self.values(metric)) if len(self.runs) > 1 else None

    @property
    def training_minutes(self) -> float | None:
        """The mean time of training, where it is known."""
        minutes = [run.training_seconds / 60 for run in self.runs if run.training_seconds is not None]
        return mean(minutes) if minutes else None


def compare(row: Row, baseline: Row) -> dict[str, Difference]:
    """Compares a system with another in every metric of the study, seed by seed."""
    options = MetricOptions.of(row.recipe.evaluation)
    sources = [line for run in row.runs for line in run.sources]
    references = _references(row, range(len(row.runs[0].sources)))
    outputs = [[line for run in system.runs for line in run.hypotheses] for system in (baseline, row)]
    differences: dict[str, Difference] = {}
    for metric in row.recipe.evaluation.metrics:
        p_text = None
        if metric not in OF_MODELS:
            scorer = open_metric(metric, references, options, sources)
            before, now = map(scorer.statistics, outputs)
            p_text = paired_randomisation(scorer, before, now).p_value
        value = row.mean(metric) - baseline.mean(metric)
        differences[metric] = Difference(value, p_text, welch(baseline.values(metric), row.values(metric)))
    return differences


def _references(row: Row, lines: Sequence[int]) -> list[list[str]]:
    """Returns of each reference the lines of these numbers, once for every run."""
    count = len(row.runs[0].references)
    return [[run.references[number][line] for run in row.runs for line in lines] for number in range(count)]


def welch(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Returns the p value of Welch's t-test; None where it has no meaning: single values, or values without spread."""
    from scipy.stats import ttest_ind

    if min(len(one), len(other)) < 2 or (len(set(one)) == 1 and len(set(other)) == 1):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of values that are nearly alike
        p_value = float(ttest_ind(one, other, equal_var=False).pvalue)
    return p_value if np.isfinite(p_value) else None


def main_metric(row: Row) -> str:
    """Returns the metric that systems are compared in: the first of the recipe's that judges text, if one does."""
    metrics = row.recipe.evaluation.metrics
    return next((metric for metric in metrics if metric not in OF_MODELS), metrics[0])


def by_length(rows: Sequence[Row], metric: str) -> tuple[list[float], dict[str, list[float]]]:
    """Scores the test lines in groups of about equal size by the number of words of their sources.

    Returns:
        The mean length of each group, and for each row its scores, over all seeds together.
    """
    lengths = [len(source.split()) for source in rows[0].runs[0].sources]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    size = -(-len(order) // _BINS)
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    options = MetricOptions.of(rows[0].recipe.evaluation)

    def score(row: Row, group: list[int]) -> float:
        hypotheses = [run.hypotheses[index] for run in row.runs for index in group]
        return score_lines(hypotheses, _references(row, group), [metric], options)[0].value

    series = {row.name: [score(row, group) for group in groups] for row in rows}
    return [mean(lengths[index] for index in group) for group in groups], series


def _labels(rows: Sequence[Row]) -> dict[str, str]:
    """Returns the metrics, and what they are called."""
    return {metric: rows[0].runs[0].scores[metric].label for metric in rows[0].recipe.evaluation.metrics}


def headings(rows: Sequence[Row]) -> list[str]:
    """Returns the headings of the table."""
    labels = _labels(rows)
    seeds = f"{labels[main_metric(rows[0])]}, seed by seed"
    means = [f"{label}, mean" for label in labels.values()]
    return ["system", *means, seeds, "difference", "p, text", "p, seeds", "training, min", "parameters"]


def table(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Returns the cells: means and spread of the seeds, each seed with its interval, the difference."""
    cells = []
    for row in rows:
        means = [_mean(row, metric) for metric in row.recipe.evaluation.metrics]
        each = "; ".join(run.scores[main_metric(row)].format_value() for run in row.runs)
        compared = ("", "", "")
        if (found := row.differences.get(main_metric(row))) is not None:
            compared = f"{found.value:+.2f}", _p_value(found.p_text), _p_value(found.p_seeds)
        took = f"{row.training_minutes:.1f}" if row.training_minutes is not None else ""
        numbers = row.runs[0].parameters
        parameters = "" if numbers is None else f"{numbers:,}"
        cells.append((row.name, *means, each, *compared, took, parameters))
    return cells


def differences(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Returns the cells of a table that has, below its headings, each system's differences with p values of the text.

    There are no rows where the first table says it all.
    """
    labels = _labels(rows)
    if len(labels) == 1 or len(rows) == 1:
        return []
    cells: list[tuple[str, ...]] = [("difference", *labels.values())]
    for row in rows[1:]:
        found = [row.differences[metric] for metric in labels]
        cells.append((row.name, *(_with_p_value(each) for each in found)))
    return cells


def _with_p_value(difference: Difference) -> str:
    p_value = "" if difference.p_text is None else f" (p {_p_value(difference.p_text)})"
    return f"{difference.value:+.2f}{p_value}"


def _mean(row: Row, metric: str) -> str:
    spread = row.spread(metric)
    return f"{row.mean(metric):.2f}" + (f" ± {spread:.2f}" if spread is not None else "")


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def markdown(rows: Sequence[Row], baseline: Baseline) -> str:
    """Returns the tables as Markdown, with their meaning and the signatures below them."""
    lines = _markdown_table([tuple(headings(rows)), *table(rows)])
    if more := differences(rows):
        lines += ["", *_markdown_table(more)]
    signatures = [f"- {score.label}: `{score.signature}`" for score in rows[0].runs[0].scores.values()]
    return "\n".join([*lines, "", explanation(baseline), "", *signatures])


def _markdown_table(cells: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|---" + "|---:" * (len(cells[0]) - 1) + "|", *lines[1:]]


def explanation(baseline: Baseline) -> str:
    """Returns what the columns mean."""
    other = "the row above" if baseline == "above" else "the first row"
    return (
        "±: standard deviation of the seeds; in brackets: 95% interval, bootstrap (Koehn 2004); difference: from "
        f"{other}. p, text: of the outputs, by approximate randomisation over segments and seeds (Clark et al. 2011); "
        "p, seeds: of the scores of the seeds, by Welch's t-test."
    )


def to_json(name: str, rows: Sequence[Row], baseline: Baseline) -> dict[str, Any]:
    """Returns the study as JSON: every score of every run, and every comparison."""
    return {
        "study": name,
        "compared_with": baseline,
        "rows": [
            {
                "system": row.name,
                "description": row.recipe.description,
                "means": {metric: row.mean(metric) for metric in row.recipe.evaluation.metrics},
                "spreads": {metric: row.spread(metric) for metric in row.recipe.evaluation.metrics},
                "differences": {metric: asdict(found) for metric, found in row.differences.items()},
                "runs": [
                    {
                        "seed": run.seed,
                        "training_seconds": run.training_seconds,
                        "parameters": run.parameters,
                        "scores": [score.to_json() for score in run.scores.values()],
                    }
                    for run in row.runs
                ],
            }
            for row in rows
        ],
    }
