"""The metrics, each as statistics of segments from whose sums the score of any set of segments follows.

So a thousand resamples of a test set cost additions, not scorings. BLEU: Papineni et al. 2002; chrF: Popović 2015;
chrF++: Popović 2017; TER: Snover et al. 2006; all as in sacreBLEU (Post 2018), whose tokenizers, signatures and edit
rates are used. The n-grams are counted and the scores computed here, in arrays, to sacreBLEU's very bits.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import nmt
from nmt.config import EvaluationConfig
from nmt.errors import UsageError, nearest
from nmt.evaluation.ngrams import Alphabet, NgramMatcher, Tokens, WordList

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
    "perplexity": "perplexity",
}
"""The metrics by their names in a recipe, and as they are written for people."""

LOWER_IS_BETTER = frozenset({"ter", "perplexity"})
"""The metrics that count errors."""

_LOG_OF_ZERO = -9999999999.0  # sacreBLEU's
_PUNCTUATION_13A = str.maketrans({character: f" {character} " for character in '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'})
_AFTER_NO_DIGIT = re.compile(r"([^0-9])([.,])")
_BEFORE_NO_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])(-)")


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


DEFAULT_OPTIONS = MetricOptions()
"""Those of a recipe that does not say otherwise."""


class Metric(ABC):
    """A metric, with the references that it compares to.

    Attributes:
        name: its name in a recipe.
        resample_type: in what precision sums of resamples are added and scored.
    """

    name: str
    resample_type: ClassVar[Any] = np.float64

    @abstractmethod
    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F].

        Args:
            hypotheses: as many lines as each reference has.
        """

    @abstractmethod
    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of sets of segments from the sums of their statistics [..., F]."""

    @abstractmethod
    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns all that a score depends on besides the text, and below 2 ``samples`` nothing of an interval."""

    def corpus_score(self, statistics: Floats) -> float:
        """Returns the score of all segments, whose statistics are [N, F]."""
        return float(self.scores(statistics.sum(axis=0)))


class _Sacrebleu(Metric):
    """A metric of sacreBLEU; ``_own`` is its object for it."""

    resample_type = np.float32  # as sacreBLEU does: p values agree to the last resample

    def __init__(self, name: str, own: Any, references: Sequence[Lines]) -> None:
        self.name = name
        self._own = own
        self._own.num_refs = len(references)

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        self._own.n_bootstrap, self._own.seed = (samples, str(seed)) if samples > 1 else (None, None)
        return str(self._own.get_signature().format())

    def _prepared(self, lines: Lines) -> list[str]:
        return [self._own._preprocess_segment(line) for line in lines]


class Bleu(_Sacrebleu):
    """BLEU; statistics: length of the hypothesis, of the closest reference, matches and n-grams of the orders 1 to 4.

    Args:
        references: lines of each reference.
        options: tokenizer and case.
        effective_order: count only orders that a segment has n-grams of: for scores of single segments.

    Raises:
        UsageError: the tokenizer is not installed.
    """

    _ORDERS = 4

    def __init__(
        self, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS, effective_order: bool = False
    ) -> None:
        super().__init__("bleu", _sacrebleu_bleu(options, effective_order), references)
        self._effective_order = effective_order
        self._options = options
        lists = [self._split(lines) for lines in references]
        self._words = WordList(lists)
        numbered = [self._words.number(segments) for segments in lists]
        self._reference_lengths = np.stack([tokens.lengths for tokens in numbered])  # [R, N]
        self._matcher = NgramMatcher(numbered, self._words.size, self._ORDERS)

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        tokens = self._words.number(self._split(hypotheses))
        lengths = self._reference_lengths
        # The closest; of two as close, the shorter.
        distances = np.abs(lengths - tokens.lengths) * (lengths.max(initial=0) + 1) + lengths
        closest = np.take_along_axis(lengths, distances.argmin(axis=0)[None], axis=0)[0]
        totals = [tokens.count_ngrams(order) for order in range(1, self._ORDERS + 1)]
        columns = [tokens.lengths, closest, *self._matcher.count(tokens).T, *totals]
        return np.stack(columns, axis=1).astype(np.float64)

    def _split(self, lines: Lines) -> list[list[str]]:
        if self._options.tokenize == "13a":
            return [_tokenize_13a(line.lower() if self._options.lowercase else line).split() for line in lines]
        return [line.split() for line in self._prepared(lines)]

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        length, reference_length = (sums[..., column].astype(np.float64) for column in (0, 1))
        ratio = reference_length / np.where(length > 0, length, 1.0)
        penalty = _each(math.exp, np.minimum(1.0 - ratio, 0.0))
        penalty = np.where(length > 0, penalty, np.where(reference_length > 0, 0.0, 1.0))
        smoothing = np.ones(sums.shape[:-1], sums.dtype)
        logs, orders = np.zeros(sums.shape[:-1]), np.zeros(sums.shape[:-1])
        counted = np.ones(sums.shape[:-1], bool)
        for order in range(self._ORDERS):
            correct, total = sums[..., 2 + order], sums[..., 2 + self._ORDERS + order]
            counted &= total > 0
            total = np.where(counted, total, total.dtype.type(1))
            smoothing = np.where(counted & (correct == 0), 2 * smoothing, smoothing)
            precision = np.where(correct == 0, 100.0 / (smoothing * total), 100.0 * correct / total)
            skipped = 0.0 if self._effective_order else _LOG_OF_ZERO
            logs += np.where(counted, _each(math.log, precision), skipped)
            orders += counted
        orders = np.maximum(orders, 1.0) if self._effective_order else np.full_like(orders, self._ORDERS)
        scores = penalty * _each(math.exp, logs / orders)
        return np.where((sums[..., 2 : 2 + self._ORDERS] > 0).any(axis=-1), scores, 0.0)


class Chrf(_Sacrebleu):
    """chrF, and chrF++ with words; statistics: n-grams of hypothesis and reference, and matches, of each order.

    Of several references the one with the best score of the segment counts.

    Args:
        references: lines of each reference.
        options: case.
        word_order: 0 for chrF, 2 for chrF++.
    """

    _CHARACTER_ORDERS = 6

    def __init__(
        self, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS, word_order: int = 0
    ) -> None:
        from sacrebleu.metrics import CHRF

        own = CHRF(word_order=word_order, lowercase=options.lowercase)
        super().__init__("chrf++" if word_order else "chrf", own, references)
        prepared = [self._prepared(lines) for lines in references]
        self._word_order = word_order
        self._alphabet = Alphabet()
        self._words = WordList(self._split(lines) for lines in prepared)
        self._references = []
        for lines in prepared:
            characters, words = self._number(lines)
            matchers = (
                NgramMatcher([characters], self._alphabet.size, self._CHARACTER_ORDERS),
                NgramMatcher([words], self._words.size, word_order),
            )
            self._references.append((self._totals(characters, words), *matchers))

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        characters, words = self._number(self._prepared(hypotheses))
        totals = self._totals(characters, words)  # [N, orders]
        best = best_scores = None
        for reference_totals, of_characters, of_words in self._references:
            matches = [of_characters.count(characters)]
            if self._word_order:
                matches.append(of_words.count(words))
            # N-grams of an order that the reference has none of do not count.
            columns = [np.where(reference_totals > 0, totals, 0), reference_totals, np.concatenate(matches, axis=1)]
            statistics = np.stack(columns, axis=-1).reshape(len(totals), -1).astype(np.float64)
            scores = self.scores(statistics)
            if best is None or best_scores is None:
                best, best_scores = statistics, scores
            else:
                better = scores > best_scores
                best, best_scores = np.where(better[:, None], statistics, best), np.where(better, scores, best_scores)
        assert best is not None  # noqa: S101 - there is a reference
        return best

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        factor = int(self._own.beta) ** 2
        precision, recall, orders = (np.zeros(sums.shape[:-1], sums.dtype) for _ in range(3))
        for column in range(0, sums.shape[-1], 3):
            hypothesis, reference, match = (sums[..., column + place] for place in range(3))
            counted = (hypothesis > 0) & (reference > 0)
            precision += np.where(counted, match / np.where(counted, hypothesis, 1), 0).astype(sums.dtype)
            recall += np.where(counted, match / np.where(counted, reference, 1), 0).astype(sums.dtype)
            orders += counted
        precision /= np.maximum(orders, 1)
        recall /= np.maximum(orders, 1)
        none = precision + recall == 0
        scores = (1 + factor) * precision * recall / np.where(none, 1, factor * precision + recall).astype(sums.dtype)
        return _like_sacrebleu(100 * scores, none)

    def _split(self, lines: Lines) -> list[list[str]]:
        return [self._own._remove_punctuation(line) for line in lines] if self._word_order else []

    def _number(self, lines: Lines) -> tuple[Tokens, Tokens]:
        return self._alphabet.number("".join(line.split()) for line in lines), self._words.number(self._split(lines))

    def _totals(self, characters: Tokens, words: Tokens) -> npt.NDArray[np.int64]:
        columns = [characters.count_ngrams(order) for order in range(1, self._CHARACTER_ORDERS + 1)]
        columns += [words.count_ngrams(order) for order in range(1, self._word_order + 1)]
        return np.stack(columns, axis=1)


class Ter(_Sacrebleu):
    """TER; statistics: edits to the reference that needs fewest, mean length of the references."""

    def __init__(self, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS) -> None:
        from sacrebleu.metrics import TER

        lists = [list(lines) for lines in references]
        super().__init__("ter", TER(case_sensitive=not options.lowercase, references=lists), references)

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        return np.array(self._own._extract_corpus_statistics(hypotheses, None), np.float64)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        edits, length = sums[..., 0], sums[..., 1]
        empty = length == 0
        rates = np.where(empty, edits > 0, edits / np.where(empty, 1, length)).astype(sums.dtype)
        return _like_sacrebleu(100 * rates, empty)


class ExactMatch(Metric):
    """The percentage of lines that are equal to one of their references; statistics: right ones, lines."""

    name = "exact"

    def __init__(self, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS) -> None:
        self._lowercase = options.lowercase
        self._references = [[self._seen(line) for line in lines] for lines in references]

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        right = [
            self._seen(line) in acceptable for line, *acceptable in zip(hypotheses, *self._references, strict=True)
        ]
        return np.stack([right, np.ones(len(right))], axis=1).astype(np.float64)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        return 100.0 * sums[..., 0] / sums[..., 1]

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        return own_signature(len(self._references), samples, seed, case="lc" if self._lowercase else "mixed")

    def _seen(self, line: str) -> str:
        return line.lower() if self._lowercase else line


def open_metric(name: str, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS) -> Metric:
    """Returns a metric that compares with references.

    Args:
        name: of a recipe's ``evaluation.metrics``.
        references: one or more, each with one line per segment.
        options: tokenizer and case.

    Raises:
        UsageError: there is no such metric, or its tokenizer is not installed.
    """
    match name:
        case "bleu":
            return Bleu(references, options)
        case "chrf" | "chrf++":
            return Chrf(references, options, word_order=2 if name == "chrf++" else 0)
        case "ter":
            return Ter(references, options)
        case "rouge1" | "rouge2" | "rougeL" | "rougeLsum":
            from nmt.evaluation.rouge import Rouge

            return Rouge(name, references, options)
        case "exact":
            return ExactMatch(references, options)
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


def own_signature(references: int, samples: int, seed: int, **facts: object) -> str:
    """Returns a signature of sacreBLEU's form for a metric of this project."""
    resampling = {"bs": samples, "seed": seed} if samples > 1 else {}
    fields = {"nrefs": references, **resampling, **facts, "version": nmt.__version__}
    return "|".join(f"{name}:{value}" for name, value in fields.items())


def _sacrebleu_bleu(options: MetricOptions, effective_order: bool) -> Any:
    from sacrebleu.metrics import BLEU

    try:
        return BLEU(tokenize=options.tokenize, lowercase=options.lowercase, effective_order=effective_order)
    except (ImportError, RuntimeError, KeyError, ValueError) as error:
        raise UsageError(
            f"evaluation.tokenize: the tokenizer {options.tokenize} cannot be used",
            received=" ".join(str(error).split()),
            action="Install what it needs (for ja-mecab sacrebleu[ja], for ko-mecab sacrebleu[ko])",
        ) from error


def _tokenize_13a(line: str) -> str:
    """Does what sacreBLEU's tokenizer 13a does, in a third of its time."""
    line = line.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in line:
        for name, character in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
            line = line.replace(name, character)
    line = f" {line.translate(_PUNCTUATION_13A)} "
    if "." in line or "," in line:
        line = _AFTER_NO_DIGIT.sub(r"\1 \2 ", line)
        line = _BEFORE_NO_DIGIT.sub(r" \1 \2", line)
    if "-" in line:
        line = _DASH_AFTER_DIGIT.sub(r"\1 \2 ", line)
    return line


def _each(function: Callable[[float], float], values: Floats) -> Floats:
    """Applies a function of ``math``: NumPy's own differ from it, and from place to place, in the last bit.

    Scores that are equal must be so to the last bit, for tests count how many are larger than another.
    """
    return np.array(list(map(function, values.ravel().tolist())), np.float64).reshape(values.shape)


def _like_sacrebleu(scores: Floats, undefined: npt.NDArray[np.bool_]) -> Floats:
    """Returns scores in double precision where sacreBLEU has Python's numbers among NumPy's: for undefined ones."""
    return scores.astype(np.float64) if undefined.any() else scores
