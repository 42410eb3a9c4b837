"""Which scores of a board may be compared.

Two scores are comparable when test set, metric, signature and the digest of the test set are all equal. In each column
the scores that most records agree on are the column's own; every other score carries a mark and a note, and does not
take part in the ranking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nmt.evaluation.metrics import METRICS
from nmt.evaluation.scores import Score
from nmt.leaderboard.records import Record

Column = tuple[str, str]
"""Test set and metric."""
_Basis = tuple[str, str]  # signature, and digest of the test set


@dataclass(frozen=True)
class Comparison:
    """Which scores of a board may be compared.

    Attributes:
        columns: test set and metric of each column, in the order of their first appearance.
        bases: signature (without that of the interval) and test set digest of each column's own scores.
        shown: the whole signature of the first of each column's own scores.
        marks: the mark of every other basis that occurs in a column.
    """

    columns: list[Column]
    bases: dict[Column, _Basis]
    marks: dict[tuple[Column, _Basis], str]
    shown: dict[Column, str]

    @classmethod
    def of(cls, records: Sequence[Record]) -> Comparison:
        """Compares the bases of all scores."""
        counts: dict[Column, Counter[_Basis]] = {}
        signatures: dict[tuple[Column, _Basis], str] = {}  # whole ones
        for record in records:
            for column, score in scores_of(record).items():
                basis = _basis(record, column, score)
                counts.setdefault(column, Counter())[basis] += 1
                signatures.setdefault((column, basis), score.signature)
        bases = {column: counter.most_common(1)[0][0] for column, counter in counts.items()}
        others = [(column, basis) for column in counts for basis in counts[column] if basis != bases[column]]
        marks = {other: f"†{number}" for number, other in enumerate(others, start=1)}
        return cls(list(counts), bases, marks, {column: signatures[column, basis] for column, basis in bases.items()})

    def mark(self, record: Record, column: Column, score: Score) -> str:
        """Returns the mark of a score that is not comparable with its column's, or nothing."""
        return self.marks.get((column, _basis(record, column, score)), "")

    @property
    def signatures(self) -> list[tuple[str, str]]:
        """The signatures of the columns' own scores, each once for all columns that have it."""
        columns: dict[tuple[str, str], list[Column]] = {}
        for column in self.columns:
            columns.setdefault((column[1], self.shown[column]), []).append(column)
        everywhere = {metric: sum(name == metric for _, name in self.columns) for _, metric in self.columns}
        return [
            (
                METRICS.get(metric, metric) if len(same) == everywhere[metric] else ", ".join(map(describe, same)),
                signature,
            )
            for (metric, signature), same in columns.items()
        ]

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Each mark and what it means."""
        notes = []
        for (column, (signature, digest)), mark in self.marks.items():
            own_signature, own_digest = self.bases[column]
            reasons = [f"signature {signature}"] * (signature != own_signature)
            reasons += [f"other text of the test set, sha256 {digest or 'unknown'}"] * (digest != own_digest)
            notes.append((mark, f"not comparable with the other scores of {describe(column)}: {'; '.join(reasons)}"))
        return notes


def describe(column: Column) -> str:
    """Returns a column's name for people."""
    return f"{METRICS.get(column[1], column[1])} on {column[0]}"


def scores_of(record: Record) -> dict[Column, Score]:
    """Returns the scores of a record by their columns."""
    return {(test, score.name): score for test, scores in record.scores.items() for score in scores}


def _basis(record: Record, column: Column, score: Score) -> _Basis:
    # The interval's samples and their seed change no score.
    parts = [part for part in score.signature.split("|") if not part.startswith(("bs:", "seed:"))]
    return "|".join(parts), record.test_digests.get(column[0], "")
