"""A leaderboard as rows, JSON, Markdown, and a table in the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.evaluation.metrics import METRICS
from nmt.evaluation.scores import Score
from nmt.leaderboard.board import Board
from nmt.leaderboard.comparison import Column, describe, scores_of

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 160  # columns of a table that is not shown on a terminal


def rows(board: Board, column: Column | None = None) -> list[dict[str, Any]]:
    """Returns one row per record, best first in a column, by default the board's first.

    A row has rank, system, time, seed, version, parameters, training_minutes, words_per_second, digest, and ``scores``:
    test set -> metric -> the score's JSON with its ``mark`` (empty when it is comparable with its column).
    """
    comparison = board.comparison
    result = []
    for rank, record in board.ranked(column):
        scores: dict[str, dict[str, Any]] = {}
        for place, score in scores_of(record).items():
            test, metric = place
            mark = comparison.mark(record, place, score)
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


def as_json(board: Board) -> str:
    """Returns the board as JSON: ``{"board": name, "records": [...], "ranks": [...], "problems": [...]}``.

    The records are whole, as ``Record.to_json`` gives them, best first as in ``rows``; the ranks are theirs.
    """
    ranked = board.ranked()
    value = {
        "board": board.name,
        "records": [record.to_json() for _, record in ranked],
        "ranks": [rank for rank, _ in ranked],
        "problems": board.problems,
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_markdown(board: Board) -> str:
    """Returns one Markdown table per test set, followed by the signatures and the notes on what is not comparable."""
    if not board.records:
        return "No records.\n"
    parts = []
    for test, headings, cells in _tables(board):
        alignment = ["---:", "---", *["---:"] * (len(headings) - 2)]
        table = [f"| {' | '.join(map(_escape, line))} |" for line in [headings, alignment, *cells]]
        parts.append(f"**{_escape(test)}**\n\n" + "\n".join(table))
    parts.append("\n".join(f"- {_escape(line)}" for line in _footer(board)))
    return "\n\n".join(parts) + "\n"


def print_table(board: Board, console: Console) -> None:
    """Prints one table per test set, with signatures and notes."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not board.records:
        console.print("No records.")
        return
    for test, headings, cells in _tables(board):
        table = Table(title=Text(test), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, heading in enumerate(headings):
            table.add_column(Text(heading), justify="left" if number == 1 else "right", overflow="fold")
        for line in cells:
            table.add_row(*map(Text, line))
        console.print(table)
    for sentence in _footer(board):
        console.print(Text(sentence), soft_wrap=True)


def render(folder: Path, board: str, form: str) -> str:
    """Returns a board of a folder as ``table``, ``json``, ``markdown`` or ``html``.

    Raises:
        DataError: there is no such board.
        UsageError: it cannot be a board's name.
    """
    found = Board.read(folder, board)
    if form == "json":
        return as_json(found)
    if form == "html":
        from nmt.leaderboard.board_page import as_page

        return as_page(found)
    if form == "markdown":
        text = as_markdown(found)
    else:
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, force_terminal=False)
        with console.capture() as capture:
            print_table(found, console)
        text = capture.get()
    return "\n".join([text.rstrip("\n"), *(["", *found.problems] if found.problems else [])])


def _tables(board: Board) -> Iterable[tuple[str, list[str], list[list[str]]]]:
    """Yields each test set with the headings and the cells of its table, best first by its own first metric."""
    for test in dict.fromkeys(test for test, _ in board.comparison.columns):
        metrics = [metric for name, metric in board.comparison.columns if name == test]
        labels = [METRICS.get(metric, metric) for metric in metrics]
        cells = [
            [
                "" if row["rank"] is None else str(row["rank"]),
                row["system"],
                *(_cell(row["scores"][test].get(metric)) for metric in metrics),
                "" if row["training_minutes"] is None else f"{row['training_minutes']:,.1f}",
                "" if row["parameters"] is None else f"{row['parameters']:,}",
                row["time"],
            ]
            for row in rows(board, (test, metrics[0]))
            if test in row["scores"]
        ]
        yield test, ["rank", "system", *labels, "training, min", "parameters", "time"], cells


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    fields = {name: value for name, value in score.items() if name != "mark"}
    return f"{Score.from_json(fields).format_value()} {score['mark']}".rstrip()


def _footer(board: Board) -> list[str]:
    """Returns the order, the meaning of ranks and brackets, the signatures and the notes."""
    comparison = board.comparison
    if not comparison.columns:
        return []
    firsts: dict[str, Column] = {}
    for column in comparison.columns:
        firsts.setdefault(column[0], column)
    labels = " and ".join(dict.fromkeys(METRICS.get(metric, metric) for _, metric in firsts.values()))
    order = describe(comparison.columns[0]) if len(firsts) == 1 else labels
    lines = [f"Best first by {order}. In brackets: 95% interval, bootstrap (Koehn 2004)."]
    if any(map(board.is_tested, firsts.values())):
        lines.append(
            "Systems share a rank with its best when they are not significantly worse: paired bootstrap, p < 0.05."
        )
    lines += [f"{name}: {signature}" for name, signature in comparison.signatures]
    return lines + [f"{mark} {text}" for mark, text in comparison.notes]


def _escape(text: str) -> str:
    """Returns text that Markdown shows as it is and that cannot end a table's cell."""
    for character in "\\|<>*`":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
