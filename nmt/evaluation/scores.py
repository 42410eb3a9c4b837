"""Corpus scores, each with its signature and its confidence interval: those of sacreBLEU, and exact match.

BLEU: Papineni et al. 2002; chrF: Popović 2015; chrF++: Popović 2017; TER: Snover et al. 2006; signatures: Post 2018;
intervals by bootstrap resampling: Koehn 2004.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nmt
from nmt.config import EvaluationConfig
from nmt.errors import DataError, UsageError, nearest
from nmt.textio import read_lines

METRICS = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "chrf++": "chrF++",
    "ter": "TER",
    "exact": "exact match",
    "perplexity": "perplexity",
}
"""The metrics by their names in a recipe, and as they are written for people."""

_SEED_VARIABLE = "SACREBLEU_SEED"  # sacreBLEU's only way to take the seed of its bootstrap


@dataclass(frozen=True)
class Score:
    """A corpus score of one metric.

    Attributes:
        name: the metric's name in a recipe: bleu, chrf, chrf++, ter, exact, perplexity.
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
        return self.name in ("ter", "perplexity")

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
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    bootstrap_samples: int = 0,
    seed: int = 12345,
) -> list[Score]:
    """Scores a corpus.

    Args:
        hypotheses: one line per segment; blank lines are legal and count as wrong.
        references: one or more translations of the whole corpus, each with as many lines.
        metrics: names of a recipe's ``evaluation.metrics``.
        tokenize: sacreBLEU's tokenizer for BLEU; the other metrics have none.
        lowercase: compare without case, in all metrics.
        bootstrap_samples: resamplings for the 95% interval; below 2 there is none.
        seed: of the resampling.

    Returns:
        One score per metric, in the order asked for.

    Raises:
        DataError: there are no lines or no references, or their numbers differ.
        UsageError: there is no such metric, or its tokenizer is not installed.
    """
    names = ["the hypotheses", *(f"reference {number}" for number in range(1, len(references) + 1))]
    _check_counts(names, [len(hypotheses), *map(len, references)])
    scores = []
    with _sacrebleu_seed(seed):
        for name in metrics:
            if name == "exact":
                scores.append(_exact_match(hypotheses, references, lowercase, bootstrap_samples, seed))
                continue
            metric = _with_plain_numbers(_metric(name, tokenize, lowercase))
            result = metric.corpus_score(list(hypotheses), [list(lines) for lines in references], bootstrap_samples)
            value, low, high = float(result.score), None, None
            if metric.n_bootstrap:
                low, high = _interval(name, value, float(result._mean), float(result._ci))
            signature = metric.get_signature().format()
            scores.append(Score(name, value, signature, low, high, metric.n_bootstrap or 0))
    return scores


def sentence_scores(
    hypotheses: Sequence[str], references: Sequence[str], metric: str, tokenize: str = "13a", lowercase: bool = False
) -> list[float]:
    """Returns the score of every line by itself, 0 to 1; 0 for a blank hypothesis.

    BLEU counts only n-grams as long as the line has any, and smooths those without a match (Chen and Cherry 2014,
    method 3, sacreBLEU's default).

    Args:
        hypotheses, references: line n of one against line n of the other.
        metric: bleu, chrf or another one of a recipe's ``evaluation.metrics`` that sacreBLEU computes.
        tokenize: sacreBLEU's tokenizer for BLEU.
        lowercase: compare without case.
    """
    scorer = _metric(metric, tokenize, lowercase)
    if metric == "bleu":
        scorer.effective_order = True
    scores = (
        scorer.sentence_score(line, [reference]).score for line, reference in zip(hypotheses, references, strict=True)
    )
    return [min(max(float(score) / 100.0, 0.0), 1.0) for score in scores]


def score_files(
    hypotheses: Path,
    references: list[Path],
    metrics: Sequence[str],
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    bootstrap_samples: int = 0,
    seed: int = 12345,
) -> list[Score]:
    """Scores a file of hypotheses against files of references; see ``score_lines``.

    Raises:
        DataError: a file cannot be read or is empty, or the numbers of lines differ; the message names the files.
        UsageError: there is no such metric, or its tokenizer is not installed.
    """
    paths = [hypotheses, *references]
    sides = [list(read_lines(path)) for path in paths]
    _check_counts([str(path) for path in paths], [len(lines) for lines in sides])
    return score_lines(
        sides[0],
        sides[1:],
        metrics,
        tokenize=tokenize,
        lowercase=lowercase,
        bootstrap_samples=bootstrap_samples,
        seed=seed,
    )


def perplexity(nll: float, tokens: int) -> Score:
    """Returns the perplexity per token, exp(nll / tokens); vocabularies of different pieces do not compare.

    Args:
        nll: negative log-likelihood of the references in nats.
        tokens: over how many tokens, EOS counted.
    """
    value = math.exp(min(nll / tokens, 700.0))  # what is larger than any float is shown as the largest
    return Score("perplexity", value, f"unit:token|tokens:{tokens}|version:{nmt.__version__}")


def check_metrics(config: EvaluationConfig) -> None:
    """Checks that the metrics of a recipe can be computed, before hours of training.

    Raises:
        UsageError: a metric's tokenizer is not installed.
    """
    for name in {*config.metrics, "bleu"} - {"exact", "perplexity"}:  # validation computes BLEU in any case
        _metric(name, config.tokenize, config.lowercase)


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


def _exact_match(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], lowercase: bool, samples: int, seed: int
) -> Score:
    """Returns the percentage of lines that are equal to one of their references."""
    import numpy as np

    def seen(line: str) -> str:
        return line.lower() if lowercase else line

    right = sum(seen(line) in map(seen, acceptable) for line, *acceptable in zip(hypotheses, *references, strict=True))
    value = 100.0 * right / len(hypotheses)
    facts = f"case:{'lc' if lowercase else 'mixed'}|version:{nmt.__version__}"
    if samples < 2:
        return Score("exact", value, f"nrefs:{len(references)}|{facts}")
    # How many right lines there are among as many that are drawn with replacement is binomially distributed.
    drawn = np.random.default_rng(seed).binomial(len(hypotheses), right / len(hypotheses), samples)
    sampled = 100.0 * drawn / len(hypotheses)
    half = float(np.ptp(np.quantile(sampled, (0.025, 0.975)))) / 2
    low, high = _interval("exact", value, float(sampled.mean()), half)
    return Score("exact", value, f"nrefs:{len(references)}|bs:{samples}|seed:{seed}|{facts}", low, high, samples)


def _metric(name: str, tokenize: str, lowercase: bool) -> Any:
    """Returns sacreBLEU's metric."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    match name:
        case "bleu":
            try:
                return BLEU(tokenize=tokenize, lowercase=lowercase)
            except (ImportError, RuntimeError, KeyError, ValueError) as error:
                raise UsageError(
                    f"evaluation.tokenize: the tokenizer {tokenize} cannot be used",
                    received=" ".join(str(error).split()),
                    action="Install what it needs (for ja-mecab sacrebleu[ja], for ko-mecab sacrebleu[ko])",
                ) from error
        case "chrf":
            return CHRF(lowercase=lowercase)
        case "chrf++":
            return CHRF(word_order=2, lowercase=lowercase)
        case "ter":
            return TER(case_sensitive=not lowercase)
        case "perplexity":
            raise UsageError(
                "perplexity: it is a score of a model, not of text", action="A recipe's metrics can name it"
            )
    close = nearest(name, METRICS)
    raise UsageError(
        f"{name}: there is no such metric",
        expected=f"one of {', '.join(METRICS)}",
        action=f"Did you mean {close}?" if close else None,
    )


def _with_plain_numbers(metric: Any) -> Any:
    """Makes sacreBLEU compute Python's own numbers.

    Among its bootstrap samples are NumPy's, but for a sample without any match Python's, and it cannot take their mean.
    """
    compute = metric._compute_score_from_stats

    def compute_plain(statistics: Any) -> Any:
        score = compute(statistics)
        score.score = float(score.score)
        return score

    metric._compute_score_from_stats = compute_plain
    return metric


def _interval(name: str, value: float, mean: float, half: float) -> tuple[float, float]:
    """Returns the 95% interval that sacreBLEU prints as mean and half width, within the metric's range.

    The mean of few or skewed samples can lie so far off that the real score falls outside; it is let in.
    """
    high = mean + half if name == "ter" else min(mean + half, 100.0)
    return min(max(mean - half, 0.0), value), max(high, value)


@contextmanager
def _sacrebleu_seed(seed: int) -> Iterator[None]:
    before = os.environ.get(_SEED_VARIABLE)
    os.environ[_SEED_VARIABLE] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SEED_VARIABLE]
        else:
            os.environ[_SEED_VARIABLE] = before
