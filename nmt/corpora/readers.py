"""Readers: every format of a card's split becomes one stream of pairs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmt.corpora.cards import (
    CorpusCard,
    GeneratedSplit,
    HuggingFaceSplit,
    JsonlSplit,
    PlainSplit,
    Split,
    TsvSplit,
    check_sides,
    split_files,
    split_sides,
)
from nmt.corpora.fetch import Progress, fetch_files
from nmt.corpora.pair import Pair
from nmt.errors import DataError, suggestion
from nmt.textio import as_line, read_lines, read_parallel


def read_pairs(
    card: CorpusCard, split: str, source: str, target: str, store: Path, progress: Progress | None = None
) -> Iterator[Pair]:
    """Yields the pairs of a split of a corpus, after fetching what is missing of its files.

    Args:
        card: the corpus.
        split: name of the split.
        source: side of the card that is translated from.
        target: side of the card that is translated to.
        store: folder of the downloaded files.
        progress: told of the bytes that a download has brought.

    Raises:
        UsageError: the card has no such split or side.
        FetchError: a file cannot be had.
        DataError: a line that is not of the format, or not as many lines as the card says.
    """
    check_sides(card, split, source, target)
    specification = card.split(split)
    paths = fetch_files(card, split_files(specification, (source, target)), store, progress)
    count = 0
    for pair in _read(card, specification, source, target, paths, store):
        count += 1
        yield Pair(as_line(pair.source), as_line(pair.target))
    if specification.lines is not None and count != specification.lines:
        raise DataError(
            f"{card.id}/{split}: not as many pairs as the card says",
            received=f"{count} pairs",
            expected=f"{specification.lines} pairs (lines in {card.location})",
            action="Correct the card, or the file that was cut or lengthened",
        )


def _read(
    card: CorpusCard, split: Split, source: str, target: str, paths: dict[str, Path], store: Path
) -> Iterator[Pair]:
    if isinstance(split, PlainSplit):
        for row in read_parallel([paths[split.sides[source]], paths[split.sides[target]]]):
            yield Pair(*row)
    elif isinstance(split, TsvSplit):
        yield from read_tsv(paths[split.file], split, source, target)
    elif isinstance(split, JsonlSplit):
        yield from read_jsonl(paths[split.file], split, source, target)
    elif isinstance(split, HuggingFaceSplit):
        from nmt.corpora.huggingface import read_huggingface

        yield from read_huggingface(card, split, source, target, store)
    else:
        yield from _generate(split, source, target)


def _generate(split: GeneratedSplit, source: str, target: str) -> Iterator[Pair]:
    from nmt.corpora import algorithms, phrases

    if split.generator == "phrases":
        pairs = phrases.generate(split.part, split.seed, split.lines)
    else:
        pairs = algorithms.generate(split)
    for texts in pairs:
        sides = dict(zip(split_sides(split), texts, strict=True))
        yield Pair(sides[source], sides[target])


def read_tsv(path: Path, split: TsvSplit, source: str, target: str) -> Iterator[Pair]:
    """Yields the pairs of a table.

    Raises:
        DataError: a heading is missing, or a line has not as many columns as the first.
    """
    rows = _rows(path, split.quoting)
    first = next(rows, None)
    if first is None:
        return
    number, fields = first
    columns = [_column(path, split, side, fields) for side in (source, target)]
    if not split.header:
        yield Pair(fields[columns[0]], fields[columns[1]])
    for number, row in rows:
        if len(row) != len(fields):
            raise DataError(
                f"{path}, line {number}: wrong number of columns",
                received=f"{len(row)} columns",
                expected=f"{len(fields)} columns, as in line 1",
                action="Repair the line, or set quoting: true in the card where fields stand in double quotes",
            )
        yield Pair(row[columns[0]], row[columns[1]])


def _rows(path: Path, quoting: bool) -> Iterator[tuple[int, list[str]]]:
    """Yields each row of a table with the number of its last line."""
    if not quoting:
        for number, line in enumerate(read_lines(path), start=1):
            yield number, line.split("\t")
        return
    csv.field_size_limit(1 << 30)
    reader = csv.reader((line + "\n" for line in read_lines(path)), delimiter="\t", strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: a double quote stands where it cannot ({error})",
            expected='fields as they are, or in double quotes with "" for a quote inside',
            action="Repair the line, or set quoting: false in the card where quotes are text",
        ) from error


def _column(path: Path, split: TsvSplit, side: str, first: list[str]) -> int:
    """Returns the number of a side's column."""
    column = split.columns[side]
    if isinstance(column, str):
        if column in first:
            return first.index(column)
        raise DataError(
            f"{path}, line 1: the header has no column {column}",
            received=", ".join(first),
            action=suggestion(column, first, "Correct columns in the card"),
        )
    if column < len(first):
        return column
    raise DataError(
        f"{path}, line 1: there is no column {column} for the side {side}",
        received=f"{len(first)} columns",
        expected=f"at least {column + 1} columns with TAB between them",
        action="Correct columns in the card (they count from 0)",
    )


def read_jsonl(path: Path, split: JsonlSplit, source: str, target: str) -> Iterator[Pair]:
    """Yields the pairs of a file with one JSON object per line.

    Raises:
        DataError: a line is not a JSON object, or lacks a field, or the field is not text.
    """
    for number, line in enumerate(read_lines(path), start=1):
        place = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place}: not valid JSON ({error})",
                received=line if len(line) <= 80 else line[:80] + "...",
                expected="one JSON object per line",
                action="Repair the line",
            ) from error
        yield Pair(*(text_field(record, split.fields[side], place) for side in (source, target)))


def text_field(record: Any, field: str, place: str) -> str:
    """Returns the text at a dotted place of a record.

    Raises:
        DataError: there is none, or it is not text.
    """
    value = record
    for part in field.split("."):
        if not isinstance(value, dict) or part not in value:
            keys = list(value) if isinstance(value, dict) else []
            raise DataError(
                f"{place}: there is no field {field}",
                received=f"the fields {', '.join(keys)}" if keys else type(value).__name__,
                action=suggestion(part, keys, "Correct fields in the card"),
            )
        value = value[part]
    if not isinstance(value, str):
        raise DataError(
            f"{place}: the field {field} is not text",
            received=type(value).__name__,
            expected="text",
            action="Correct fields in the card, or the record",
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place}: the field {field} has half of a surrogate pair, which is not text", action="Repair the record"
        ) from error
    return value
