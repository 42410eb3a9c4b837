"""Exact match, and the error rates of speech recognition: WER, PER and CER.

WER and CER count the fewest words or characters to be inserted, deleted or replaced (Levenshtein 1966); PER, the
position-independent error rate of Tillmann et al. 1997, compares the words as bags. Words stand between spaces. Rates
are percentages of the length of the reference, and can exceed 100.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from nmt.evaluation.edit_distance import EditDistance
from nmt.evaluation.metrics import DEFAULT_OPTIONS, Floats, Lines, Metric, MetricOptions, own_signature

Units = Sequence[str]


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


class ErrorRate(Metric):
    """WER, PER or CER; statistics: edits and length of the reference that has the lowest rate in the segment.

    Args:
        name: wer, per or cer.
        references: lines of each reference.
        options: case.
    """

    def __init__(self, name: str, references: Sequence[Lines], options: MetricOptions = DEFAULT_OPTIONS) -> None:
        self.name = name
        self._lowercase = options.lowercase
        self._edits: Callable[[Units, Units], int] = independent_edits if name == "per" else levenshtein
        self._references = [[self._units(line) for line in lines] for lines in references]

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        rows = []
        for line, *references in zip(hypotheses, *self._references, strict=True):
            own = self._units(line)
            counts = [(self._edits(reference, own), len(reference)) for reference in references]
            rows.append(min(counts, key=lambda count: (count[0] / max(count[1], 1), count)))
        return np.array(rows, np.float64)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]; without any reference, words are all wrong."""
        edits, length = sums[..., 0], sums[..., 1]
        return 100.0 * np.where(length > 0, edits / np.where(length > 0, length, 1.0), edits > 0)

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        case = "lc" if self._lowercase else "mixed"
        unit = "char" if self.name == "cer" else "word"
        return own_signature(len(self._references), samples, seed, case=case, unit=unit)

    def _units(self, line: str) -> Units:
        words = (line.lower() if self._lowercase else line).split()
        return " ".join(words) if self.name == "cer" else words


def levenshtein(reference: Units, hypothesis: Units) -> int:
    """Returns the fewest units to be inserted, deleted or replaced."""
    return EditDistance(reference)(hypothesis)


def independent_edits(reference: Units, hypothesis: Units) -> int:
    """Returns the words that are missing or too many, a missing and a superfluous one together being one."""
    common = (Counter(reference) & Counter(hypothesis)).total()
    return max(len(reference), len(hypothesis)) - common
