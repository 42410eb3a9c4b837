"""Cleaning from files to files, with the report for machines and the one for people."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from nmt.cleaning.run import CleaningRun, StepReport, clean
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep
from nmt.errors import DataError
from nmt.storage import atomic_file, write_bytes, write_json
from nmt.textio import encode_line, read_parallel

SOURCE_FILE = "train.source.txt"
TARGET_FILE = "train.target.txt"


class TrainingPart(NamedTuple):
    """A part of the training set: what it is called, and its number of pairs."""

    name: str
    pairs: int


def clean_files(
    files: Sequence[tuple[Path, Path]],
    parts: Sequence[TrainingPart],
    evaluation: Mapping[str, Sequence[tuple[Path, Path]]],
    steps: Iterable[CleaningStep],
    output: Path,
) -> dict[str, Any]:
    """Cleans a parallel corpus and writes both sides, ``report.json`` and ``report.md`` to the folder ``output``.

    The pairs of the files are one corpus, and what is kept stays in order, so each part is a range of lines again.

    Args:
        files: source and target file of the training set, or of several pieces of it, in order.
        parts: the parts that the pairs of the files belong to, in order; a part does not have to be a file.
        evaluation: the files of the ``valid`` and ``test`` sets, source and target of each.
        steps: the recipe's steps, in order.
        output: the folder to write to.

    Returns:
        The content of ``report.json``.

    Raises:
        DataError: a file cannot be read, sides differ in length, the parts have not as many pairs as the files, or no
            pair is left; nothing is written then.
    """
    sets = {name: _read_pairs(files) for name, files in evaluation.items()}
    run = clean(_read_pairs(files), steps, sets)
    ends = list(accumulate(part.pairs for part in parts))
    kept: Counter[int] = Counter()
    with atomic_file(output / SOURCE_FILE) as sources, atomic_file(output / TARGET_FILE) as targets:
        for pair in run:
            sources.write(encode_line(pair.source))
            targets.write(encode_line(pair.target))
            kept[bisect_left(ends, run.read)] += 1
        _check(files, parts, run)
    rows = [{"name": part.name, "read": part.pairs, "kept": kept[index]} for index, part in enumerate(parts)]
    report = run.report | {"parts": rows}
    write_json(output / "report.json", report)
    write_bytes(output / "report.md", as_markdown(report).encode("utf-8", "replace"))
    return report


def as_markdown(report: Mapping[str, Any]) -> str:
    """Returns a cleaning report as a page: one table of counts, and one of examples per step that dropped pairs."""
    read, kept, parts = report["read"], report["kept"], report.get("parts", [])
    lines = ["# Cleaning", "", f"{read:,} pairs read, {kept:,} kept ({kept / max(read, 1):.1%}).", ""]
    if len(parts) > 1:
        lines += ["| part of the training set | pairs read | kept |", "|---|--:|--:|"]
        lines += [f"| {_cell(part['name'])} | {part['read']:,} | {part['kept']:,} |" for part in parts]
        lines.append("")
    lines += ["| step | settings | pairs seen | kept | dropped | lines changed |", "|---|---|--:|--:|--:|--:|"]
    for step in report["steps"]:
        changed = f"{step['changed']:,}" if step["name"] == "normalize" else ""
        counts = f"{step['seen']:,} | {step['kept']:,} | {step['dropped']:,} | {changed}"
        lines.append(f"| {step['name']} | {settings_text(step['settings'])} | {counts} |")
    for step in report["steps"]:
        if step["examples"]:
            lines += [
                "",
                f"## Dropped by {step['name']}",
                "",
                "| pair | reason | source | target |",
                "|--:|---|---|---|",
            ]
            lines += [
                f"| {example['pair']} | {_cell(example['reason'])} |"
                f" {_cell(example['source'])} | {_cell(example['target'])} |"
                for example in step["examples"]
            ]
    return "\n".join(lines) + "\n"


def settings_text(settings: Mapping[str, Any]) -> str:
    """Returns the settings of a step in words: ``on pair, against valid and test``."""
    return ", ".join(
        f"{key} {' and '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in settings.items()
    )


def _read_pairs(files: Iterable[tuple[Path, Path]]) -> Iterator[Pair]:
    for source, target in files:
        for row in read_parallel([source, target]):
            yield Pair(*row)


def _check(files: Sequence[tuple[Path, Path]], parts: Sequence[TrainingPart], run: CleaningRun) -> None:
    names = ", ".join(f"{source} and {target}" for source, target in files)
    expected = sum(part.pairs for part in parts)
    if run.read != expected:
        raise DataError(
            f"{names}: the parts of the training set have not as many pairs as its files",
            received=f"{run.read} pairs",
            expected=f"{expected}",
            action="Build the stages before again, with --force fetch",
        )
    if run.report["kept"] == 0:
        raise _nothing_left(names, run)


def _nothing_left(names: str, run: CleaningRun) -> DataError:
    if run.read == 0:
        return DataError(f"{names}: there are no pairs to clean", action="Check the corpus and its split")
    worst: StepReport = max(run.steps, key=lambda step: step.dropped)
    example = worst.examples[0]
    return DataError(
        f"{names}: nothing is left after cleaning; the step {worst.name} dropped most",
        received=f"{worst.seen} pairs reached {worst.name}, {worst.dropped} were dropped;"
        f" the first because: {example['reason']}",
        expected="at least one pair",
        action=f"Check the corpus{'' if worst.name == 'empty' else f', or loosen cleaning.{worst.name}'}",
    )


def _cell(text: str) -> str:
    """Returns ``text`` for a cell of a Markdown table: on one line, with the characters that have a meaning escaped."""
    one_line = " ".join(text.split()).replace("\0", "\ufffd")
    for character in "\\`*_|<>[]":
        one_line = one_line.replace(character, f"\\{character}")
    return one_line
