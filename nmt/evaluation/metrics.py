"""The metrics, each as statistics of segments from whose sums the score of any set of segments follows.

So a thousand resamples of a test set cost additions, not scorings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import nmt
from nmt.config import EvaluationConfig
from nmt.errors import UsageError, suggestion

Floats = npt.NDArray[np.floating[Any]]
Lines = Sequence[str]

METRICS = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "chrf++": "chrF++",
    "ter": "TER",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "exact": "exact match",
    "wer": "WER",
    "per": "PER",
    "cer": "CER",
    "repetition": "repeated trigrams",
    "comet": "COMET",
    "bertscore": "BERTScore",
    "perplexity": "perplexity",
    "perplexity-word": "perplexity per word",
    "perplexity-char": "perplexity per character",
}
"""The metrics by their names in a recipe, and as they are written for people."""

OF_MODELS = {"perplexity": "token", "perplexity-word": "word", "perplexity-char": "char"}
"""The metrics that score a model's prediction of the references, not a text, and their units."""

LOWER_IS_BETTER = frozenset({"ter", "wer", "per", "cer", "repetition", *OF_MODELS})
"""The metrics that count what is wrong."""


@dataclass(frozen=True)
class MetricOptions:
    """What metrics can be told.

    Attributes:
        tokenize: sacreBLEU's tokenizer for BLEU; the other metrics have none.
        lowercase: compare without case.
        stemmer: Porter's stemmer for ROUGE.
        rouge_words: what words are for ROUGE: ``unicode`` for all scripts, ``ascii`` as in the package rouge-score.
    """

    tokenize: str = "13a"
    lowercase: bool = False
    stemmer: bool = False
    rouge_words: str = "unicode"

    @classmethod
    def of(cls, config: EvaluationConfig) -> MetricOptions:
        """Returns the options that a recipe's ``evaluation`` gives."""
        return cls(config.tokenize, config.lowercase, config.stemmer, config.rouge_words)

    @classmethod
    def of_signature(cls, signature: str) -> MetricOptions:
        """Returns the options that a score's signature names."""
        facts = dict(part.partition(":")[::2] for part in signature.split("|"))
        words = facts.get("tok", cls.tokenize)
        if "stem" in facts:
            return cls(stemmer=facts["stem"] == "porter", rouge_words=words)
        # MeCab's signatures go on with version and dictionary.
        words = next((name for name in ("ja-mecab", "ko-mecab") if words.startswith(name)), words)
        return cls(words, facts.get("case") == "lc")


DEFAULT_OPTIONS = MetricOptions()
"""Those of a recipe that does not say otherwise."""


class Aggregate(ABC):
    """What scores sets of segments from the sums of their statistics.

    Attributes:
        name: its name in a recipe.
        resample_type: in what precision sums of resamples are added and scored.
    """

    name: str
    resample_type: ClassVar[Any] = np.float64

    @abstractmethod
    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of sets of segments from the sums of their statistics [..., F]."""

    def segment_scores(self, statistics: Floats) -> Floats:
        """Returns the score of each segment by itself [N], from the statistics of all [N, F]."""
        return self.scores(statistics)

    def corpus_score(self, statistics: Floats) -> float:
        """Returns the score of all segments, whose statistics are [N, F]."""
        return float(self.scores(statistics.sum(axis=0)))

    @abstractmethod
    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns all that a score depends on besides the text, and below 2 ``samples`` nothing of an interval."""


class Metric(Aggregate):
    """A metric of text, with the references that it compares to."""

    @abstractmethod
    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F].

        Args:
            hypotheses: as many lines as each reference has.
        """


def open_metric(
    name: str, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS, sources: Lines | None = None
) -> Metric:
    """Returns a metric that compares with references.

    Args:
        name: of a recipe's ``evaluation.metrics``.
        references: one or more, each with one line per segment.
        options: tokenizer, case, stemmer.
        sources: one line per segment, which only COMET reads.

    Raises:
        UsageError: there is no such metric, or its tokenizer or model is not installed.
    """
    match name:
        case "bleu":
            from nmt.evaluation.sacrebleu_metrics import Bleu

            return Bleu(references, options)
        case "chrf" | "chrf++":
            from nmt.evaluation.sacrebleu_metrics import Chrf

            return Chrf(references, options, word_order=2 if name == "chrf++" else 0)
        case "ter":
            from nmt.evaluation.sacrebleu_metrics import Ter

            return Ter(references, options)
        case "rouge1" | "rouge2" | "rougeL" | "rougeLsum":
            from nmt.evaluation.rouge import Rouge

            return Rouge(name, references, options)
        case "exact":
            from nmt.evaluation.error_rates import ExactMatch

            return ExactMatch(references, options)
        case "wer" | "per" | "cer":
            from nmt.evaluation.error_rates import ErrorRate

            return ErrorRate(name, references, options)
        case "repetition":
            from nmt.evaluation.summaries import Repetition

            return Repetition()
        case "comet" | "bertscore":
            from nmt.evaluation.neural_metrics import NeuralMetric

            return NeuralMetric(name, references, sources)
    if name in OF_MODELS:
        raise UsageError(f"{name}: it is a score of a model, not of text", action="A recipe's metrics can name it")
    raise UsageError(
        f"{name}: there is no such metric",
        expected=f"one of {', '.join(METRICS)}",
        action=suggestion(name, METRICS),
    )


def text_metrics(names: Iterable[str]) -> list[str]:
    """Returns those of some metrics that score text."""
    return [name for name in names if name not in OF_MODELS]


def own_signature(references: int, samples: int, seed: int, **facts: object) -> str:
    """Returns a signature of sacreBLEU's form for a metric of this project; 0 references where it has none."""
    resampling = {"bs": samples, "seed": seed} if samples > 1 else {}
    fields = {**({"nrefs": references} if references else {}), **resampling, **facts, "version": nmt.__version__}
    return "|".join(f"{name}:{value}" for name, value in fields.items())
