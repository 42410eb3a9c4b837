"""BLEU, chrF, chrF++ and TER as in sacreBLEU (Post 2018), whose tokenizers, signatures and edit rates are used.

BLEU: Papineni et al. 2002; chrF: Popović 2015; chrF++: Popović 2017; TER: Snover et al. 2006. The n-grams are counted
and the scores computed here, in arrays, to sacreBLEU's very bits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt.errors import UsageError
from nmt.evaluation.edit_distance import translation_edits
from nmt.evaluation.metrics import DEFAULT_OPTIONS, Floats, Lines, Metric, MetricOptions
from nmt.evaluation.ngrams import Alphabet, NgramMatcher, Tokens, WordList

_LOG_OF_ZERO = -9999999999.0  # sacreBLEU's
_PUNCTUATION_13A = str.maketrans({character: f" {character} " for character in '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'})
_AFTER_NO_DIGIT = re.compile(r"([^0-9])([.,])")
_BEFORE_NO_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])(-)")


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

    Raises:
        UsageError: the tokenizer is not installed.
    """

    _ORDERS = 4

    def __init__(self, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS) -> None:
        super().__init__("bleu", _sacrebleu_bleu(options), references)
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
        return self._scores(sums, effective_order=False)

    def segment_scores(self, statistics: Floats) -> Floats:
        """Returns the score of each segment by itself [N], counting only the orders that it has n-grams of.

        Orders without a match are smoothed (Chen and Cherry 2014, method 3), as in sacreBLEU.
        """
        return self._scores(statistics, effective_order=True)

    def _scores(self, sums: Floats, effective_order: bool) -> Floats:
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
            skipped = 0.0 if effective_order else _LOG_OF_ZERO
            logs += np.where(counted, _each(math.log, precision), skipped)
            orders += counted
        orders = np.maximum(orders, 1.0) if effective_order else np.full_like(orders, self._ORDERS)
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
        against = []
        for reference_totals, of_characters, of_words in self._references:
            matches = [of_characters.count(characters)]
            if self._word_order:
                matches.append(of_words.count(words))
            # N-grams of an order that the reference has none of do not count.
            columns = [np.where(reference_totals > 0, totals, 0), reference_totals, np.concatenate(matches, axis=1)]
            against.append(np.stack(columns, axis=-1).reshape(len(totals), -1).astype(np.float64))
        best: npt.NDArray[np.int64] = np.argmax(
            [self.scores(statistics) for statistics in against], axis=0
        )  # of equal ones the first [N]
        return np.stack(against)[best, np.arange(len(best))]

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

        super().__init__("ter", TER(case_sensitive=not options.lowercase), references)
        self._references = [[line.split() for line in self._prepared(lines)] for lines in references]

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        rows = []
        for line, *references in zip(self._prepared(hypotheses), *self._references, strict=True):
            edits = min(translation_edits(line.split(), words) for words in references)
            rows.append((edits, sum(map(len, references)) / len(references)))
        return np.array(rows, np.float64)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        edits, length = sums[..., 0], sums[..., 1]
        empty = length == 0
        rates = np.where(empty, edits > 0, edits / np.where(empty, 1, length)).astype(sums.dtype)
        return _like_sacrebleu(100 * rates, empty)


def _sacrebleu_bleu(options: MetricOptions) -> Any:
    from sacrebleu.metrics import BLEU

    _check_model_file(options.tokenize)
    try:
        return BLEU(tokenize=options.tokenize, lowercase=options.lowercase)
    except (ImportError, RuntimeError, KeyError, ValueError, AssertionError) as error:
        raise UsageError(
            f"evaluation.tokenize: the tokenizer {options.tokenize} cannot be used",
            received=" ".join(str(error).split()),
            action="Install what it needs (for ja-mecab sacrebleu[ja], for ko-mecab sacrebleu[ko])",
        ) from error


def _check_model_file(tokenize: str) -> None:
    """Raises UsageError where a tokenizer's model, which sacreBLEU would download, is not on this disk."""
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    if tokenize in SPM_MODELS:
        url = SPM_MODELS[tokenize]["url"]
        path = Path(SACREBLEU_DIR, "models", url.rpartition("/")[2])
        if not path.is_file():
            raise UsageError(
                f"evaluation.tokenize: the model of the tokenizer {tokenize} is not on this disk",
                expected=path,
                action=f"Put it there, from {url}; SACREBLEU names another folder than {SACREBLEU_DIR}",
            )


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
