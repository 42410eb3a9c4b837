"""Corpus scores, each with its signature and its confidence interval: those of sacreBLEU, and exact match.

BLEU: Papineni et al. 2002; chrF: Popović 2015; chrF++: Popović 2017; TER: Snover et al. 2006; signatures: Post 2018;
intervals by bootstrap resampling: Koehn 2004.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmt.config import EvaluationConfig
from nmt.errors import DataError
from nmt.evaluation import significance
from nmt.evaluation.metrics import (
    DEFAULT_OPTIONS,
    LOWER_IS_BETTER,
    Aggregate,
    Floats,
    MetricOptions,
    open_metric,
    text_metrics,
)
from nmt.evaluation.metrics import METRICS as METRICS
from nmt.textio import read_lines


@dataclass(frozen=True)
class Score:
    """A corpus score of one metric.

    Attributes:
        name: the metric's name in a recipe.
        value: the score of the corpus itself, in percent (not perplexity); not the mean of the bootstrap samples.
        signature: sacreBLEU's own full signature, or one of its form: all that the value depends on besides the text.
        low: lower end of the 95% bootstrap interval; None without bootstrap.
        high: its upper end.
        samples: how many bootstrap samples the interval comes from.
    """

    name: str
    value: float
    signature: str
    low: float | None = None
    high: float | None = None
    samples: int = 0

    @property
    def label(self) -> str:
        """The metric's name for people."""
        return METRICS.get(self.name, self.name)

    @property
    def lower_is_better(self) -> bool:
        """Whether the metric counts errors."""
        return self.name in LOWER_IS_BETTER

    def format_value(self) -> str:
        """Returns value and interval as text, for instance ``36.21 [35.1, 37.4]``."""
        interval = "" if self.low is None or self.high is None else f" [{self.low:.1f}, {self.high:.1f}]"
        return f"{self.value:.2f}{interval}"

    def __str__(self) -> str:
        return f"{self.label} {self.format_value()}"

    def to_json(self) -> dict[str, Any]:
        """Returns the score as JSON values."""
        numbers = {name: None if (value := getattr(self, name)) is None else float(value) for name in _NUMBERS}
        return asdict(self) | numbers

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Score:
        """Returns the score that ``to_json`` wrote.

        Raises:
            DataError: a field is missing, unknown or of the wrong type.
        """
        try:
            score = cls(**fields)
            right = isinstance(score.name, str) and isinstance(score.signature, str) and isinstance(score.samples, int)
            right = right and isinstance(score.value, int | float)
            right = right and all(isinstance(end, int | float | None) for end in (score.low, score.high))
        except TypeError:
            right = False
        if not right:
            raise DataError(
                "not a score", received=fields, expected=f"an object with {', '.join(cls.__dataclass_fields__)}"
            )
        return score


_NUMBERS = ("value", "low", "high")


def score_lines(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str],
    options: MetricOptions = DEFAULT_OPTIONS,
    *,
    bootstrap_samples: int = 0,
    seed: int = significance.SEED,
    sources: Sequence[str] | None = None,
) -> list[Score]:
    """Scores a corpus.

    Args:
        hypotheses: one line per segment; blank lines are legal and count as wrong.
        references: one or more translations of the whole corpus, each with as many lines.
        metrics: names of a recipe's ``evaluation.metrics``.
        options: tokenizer, case, stemmer.
        bootstrap_samples: resamplings for the 95% interval; below 2 there is none.
        seed: of the resampling.
        sources: the source of the corpus, which only COMET reads.

    Returns:
        One score per metric, in the order asked for.

    Raises:
        DataError: there are no lines or no references, or their numbers differ.
        UsageError: there is no such metric, or its tokenizer is not installed.
    """
    names = ["the hypotheses", *(f"reference {number}" for number in range(1, len(references) + 1))]
    _check_counts(names, [len(hypotheses), *map(len, references)])
    scores = []
    for name in metrics:
        metric = open_metric(name, references, options, sources)
        scores.append(score_statistics(metric, metric.statistics(hypotheses), bootstrap_samples, seed))
    return scores


def score_statistics(
    metric: Aggregate, statistics: Floats, bootstrap_samples: int = 0, seed: int = significance.SEED
) -> Score:
    """Returns the score of a corpus whose segments' statistics are known.

    Args:
        metric: whose statistics they are.
        statistics: of the segments [N, F].
        bootstrap_samples: resamplings for the 95% interval; below 2 there is none.
        seed: of the resampling.
    """
    value, low, high = metric.corpus_score(statistics), None, None
    if bootstrap_samples < 2:
        bootstrap_samples = 0
    else:
        [sampled] = significance.bootstrap_scores(metric, [statistics], bootstrap_samples, seed)
        low, high = significance.interval(value, sampled, math.inf if metric.name in LOWER_IS_BETTER else 100.0)
    return Score(metric.name, value, metric.signature(bootstrap_samples, seed), low, high, bootstrap_samples)


def sentence_scores(
    hypotheses: Sequence[str], references: Sequence[str], metric: str, options: MetricOptions = DEFAULT_OPTIONS
) -> list[float]:
    """Returns the score of every line by itself, 0 to 1; 0 for a blank hypothesis.

    BLEU counts only n-grams as long as the line has any, and smooths those without a match (Chen and Cherry 2014,
    method 3, sacreBLEU's default).

    Args:
        hypotheses, references: line n of one against line n of the other.
        metric: bleu, chrf or another one of a recipe's ``evaluation.metrics`` that sacreBLEU computes.
        options: tokenizer, case, stemmer.
    """
    scorer = open_metric(metric, [references], options)
    scores: list[float] = np.clip(scorer.segment_scores(scorer.statistics(hypotheses)) / 100.0, 0.0, 1.0).tolist()
    return scores


def score_files(
    hypotheses: Path,
    references: list[Path],
    metrics: Sequence[str],
    options: MetricOptions = DEFAULT_OPTIONS,
    *,
    bootstrap_samples: int = 0,
    seed: int = significance.SEED,
    source: Path | None = None,
) -> list[Score]:
    """Scores a file of hypotheses against files of references; see ``score_lines``.

    Raises:
        DataError: a file cannot be read or is empty, or the numbers of lines differ; the message names the files.
        UsageError: there is no such metric, or its tokenizer is not installed.
    """
    paths = [hypotheses, *references, *([source] if source else [])]
    sides = [list(read_lines(path)) for path in paths]
    _check_counts([str(path) for path in paths], [len(lines) for lines in sides])
    count = 1 + len(references)
    own, others, sources = sides[0], sides[1:count], sides[count] if source else None
    return score_lines(own, others, metrics, options, bootstrap_samples=bootstrap_samples, seed=seed, sources=sources)


def check_metrics(config: EvaluationConfig) -> None:
    """Checks that the metrics of a recipe can be computed, before hours of training.

    Raises:
        UsageError: a metric's tokenizer is not installed.
    """
    for name in text_metrics([*config.metrics, "bleu"]):  # validation computes BLEU in any case
        open_metric(name, [[""]], MetricOptions.of(config), [""])


def _check_counts(names: list[str], counts: list[int]) -> None:
    """Raises DataError unless there is a reference and all sides have the same number of lines, at least one."""
    received = ", ".join(f"{name}: {count} lines" for name, count in zip(names, counts, strict=True))
    if len(counts) < 2:
        raise DataError(f"{names[0]}: nothing to score against", received="no references", expected="at least one")
    if len(set(counts)) > 1:
        raise DataError(
            f"{names[0]}: hypotheses and references have different numbers of lines",
            received=received,
            expected="line n of the hypotheses to be the translation whose reference is line n",
            action="Give the references of exactly the text that was translated",
        )
    if counts[0] == 0:
        raise DataError(f"{names[0]}: there is nothing to score", received=received, expected="at least one line")
