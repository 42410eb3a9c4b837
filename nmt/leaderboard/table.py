"""A leaderboard as rows, JSON, Markdown, and a table in the terminal.

Two scores are comparable when test set, metric, signature and the digest of the test set are all equal. In each column
the scores that most records agree on are the column's own; every other score carries a mark and a note, and does not
take part in the ranking.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.evaluation.scores import METRICS, Score
from nmt.leaderboard.records import Record, board_path, read_records

if TYPE_CHECKING:
    from rich.console import Console

Column = tuple[str, str]
"""Test set and metric."""
_Basis = tuple[str, str]  # signature, and digest of the test set
_PIPE_WIDTH = 160  # columns of a table that is not shown on a terminal


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
            for column, score in _scores(record).items():
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


def ranked(records: Sequence[Record]) -> list[tuple[int | None, Record]]:
    """Returns the records best first, with their ranks, by the first metric of the first record's first test set.

    Records without that score, or whose score is not comparable, come last and have no rank. Equal scores share one.
    """
    comparison = Comparison.of(records)
    if not comparison.columns:
        return [(None, record) for record in records]
    column = comparison.columns[0]

    def key(record: Record) -> tuple[int, float]:
        score = _scores(record).get(column)
        if score is None:
            return 2, 0.0
        return int(bool(comparison.mark(record, column, score))), score.value * (1 if score.lower_is_better else -1)

    ordered = sorted(records, key=key)
    keys = [key(record) for record in ordered]
    return [
        (keys.index(place) + 1 if place[0] == 0 else None, record) for place, record in zip(keys, ordered, strict=True)
    ]


def rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Returns one row per record, best first.

    A row has rank, system, time, seed, version, parameters, training_minutes, words_per_second, digest, and ``scores``:
    test set -> metric -> the score's JSON with its ``mark`` (empty when it is comparable with its column).
    """
    comparison = Comparison.of(records)
    result = []
    for rank, record in ranked(records):
        scores: dict[str, dict[str, Any]] = {}
        for column, score in _scores(record).items():
            test, metric = column
            mark = comparison.mark(record, column, score)
            scores.setdefault(test, {})[metric] = score.to_json() | {"mark": mark}
        minutes = None if record.training_seconds is None else round(record.training_seconds / 60, 1)
        result.append(
            {
                "rank": rank,
                "system": record.system,
                "time": record.time,
                "seed": record.seed,
                "version": record.version,
                "scores": scores,
                "training_minutes": minutes,
                "parameters": record.parameters,
                "words_per_second": record.words_per_second,
                "digest": record.digest,
            }
        )
    return result


def as_json(board: str, records: Sequence[Record], problems: Sequence[str]) -> str:
    """Returns the board as JSON: ``{"board": name, "records": [...], "problems": [...]}``.

    The records are whole, as ``Record.to_json`` gives them, best first as in ``rows``.
    """
    whole = [record.to_json() for _, record in ranked(records)]
    return json.dumps({"board": board, "records": whole, "problems": list(problems)}, indent=2, ensure_ascii=False)


def as_markdown(records: Sequence[Record]) -> str:
    """Returns one Markdown table per test set, followed by the signatures and the notes on what is not comparable."""
    if not records:
        return "No records.\n"
    comparison = Comparison.of(records)
    parts = []
    for test, headings, cells in _tables(records, comparison):
        alignment = ["---", *["---:"] * (len(headings) - 1)]
        table = [f"| {' | '.join(map(_escape, line))} |" for line in [headings, alignment, *cells]]
        parts.append(f"**{_escape(test)}**\n\n" + "\n".join(table))
    parts.append("\n".join(f"- {_escape(line)}" for line in _footer(comparison)))
    return "\n\n".join(parts) + "\n"


def print_table(records: Sequence[Record], console: Console) -> None:
    """Prints one table per test set, with signatures and notes."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not records:
        console.print("No records.")
        return
    comparison = Comparison.of(records)
    for test, headings, cells in _tables(records, comparison):
        table = Table(title=Text(test), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, heading in enumerate(headings):
            table.add_column(Text(heading), justify="right" if number else "left", overflow="fold")
        for line in cells:
            table.add_row(*map(Text, line))
        console.print(table)
    for sentence in _footer(comparison):
        console.print(Text(sentence), soft_wrap=True)


def render(folder: Path, board: str, form: str) -> str:
    """Returns a board of a folder as ``table``, ``json``, ``markdown`` or ``html``.

    Raises:
        DataError: there is no such board.
        UsageError: it cannot be a board's name.
    """
    path = board_path(folder, board)
    records, problems = read_records(path)
    if form == "json":
        return as_json(board, records, problems)
    if form == "html":
        from nmt.leaderboard.page import as_page

        return as_page(board, records, problems)
    if form == "markdown":
        text = as_markdown(records)
    else:
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, force_terminal=False)
        with console.capture() as capture:
            print_table(records, console)
        text = capture.get()
    return "\n".join([text.rstrip("\n"), *(["", *problems] if problems else [])])


def _scores(record: Record) -> dict[Column, Score]:
    return {(test, score.name): score for test, scores in record.scores.items() for score in scores}


def _basis(record: Record, column: Column, score: Score) -> _Basis:
    # The interval's samples and their seed change no score.
    parts = [part for part in score.signature.split("|") if not part.startswith(("bs:", "seed:"))]
    return "|".join(parts), record.test_digests.get(column[0], "")


def _tables(records: Sequence[Record], comparison: Comparison) -> Iterable[tuple[str, list[str], list[list[str]]]]:
    """Yields each test set with the headings and the cells of its table."""
    board = rows(records)
    for test in dict.fromkeys(test for test, _ in comparison.columns):
        metrics = [metric for name, metric in comparison.columns if name == test]
        labels = [METRICS.get(metric, metric) for metric in metrics]
        cells = [
            [
                row["system"],
                *(_cell(row["scores"][test].get(metric)) for metric in metrics),
                "" if row["training_minutes"] is None else f"{row['training_minutes']:,.1f}",
                "" if row["parameters"] is None else f"{row['parameters']:,}",
                row["time"],
            ]
            for row in board
            if test in row["scores"]
        ]
        yield test, ["system", *labels, "training, min", "parameters", "time"], cells


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    fields = {name: value for name, value in score.items() if name != "mark"}
    return f"{Score.from_json(fields).format_value()} {score['mark']}".rstrip()


def _footer(comparison: Comparison) -> list[str]:
    """Returns the order, the meaning of the brackets, the signatures and the notes."""
    if not comparison.columns:
        return []
    lines = [f"Best first by {describe(comparison.columns[0])}. In brackets: 95% interval, bootstrap (Koehn 2004)."]
    lines += [f"{name}: {signature}" for name, signature in comparison.signatures]
    return lines + [f"{mark} {text}" for mark, text in comparison.notes]


def _escape(text: str) -> str:
    """Returns text that Markdown shows as it is and that cannot end a table's cell."""
    for character in "\\|<>*`":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
