"""Cleaning from files to files, with the report for machines and the one for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from nmt.cleaning.duplicates import find_repeated
from nmt.cleaning.run import Cleaned, Portion, StepReport, make_phases
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep
from nmt.errors import DataError
from nmt.parallel import Processes, Workers
from nmt.storage import atomic_file, write_bytes, write_json
from nmt.textio import SHARD_BYTES, read_parallel, read_shards

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
    processes: Processes = 1,
    progress: Callable[[float], None] = lambda pairs: None,
    shard_bytes: int = SHARD_BYTES,
) -> dict[str, Any]:
    """Cleans a parallel corpus and writes both sides, ``report.json`` and ``report.md`` to the folder ``output``.

    The pairs of the files are one corpus, and what is kept stays in order, so each part is a range of lines again.
    Memory does not grow with the corpus; on the disk, the text between two phases and 49 bytes per pair are needed
    for a while.

    Args:
        files: source and target file of the training set, or of several pieces of it, in order.
        parts: the parts that the pairs of the files belong to, in order; a part does not have to be a file.
        evaluation: the files of the ``valid`` and ``test`` sets, source and target of each.
        steps: the recipe's steps, in order.
        output: the folder to write to.
        processes: that clean beside this one. What is written does not depend on it, nor on ``shard_bytes``.
        progress: is told how many pairs more are done; a pair that has passed half of the way counts as half a pair.
        shard_bytes: source text that is cleaned at a time.

    Returns:
        The content of ``report.json``.

    Raises:
        DataError: a file cannot be read, sides differ in length, the parts have not as many pairs as the files, or no
            pair is left; nothing is written then.
    """
    phases = make_phases(steps, {name: _read_pairs(files) for name, files in evaluation.items()})
    ends = list(accumulate(part.pairs for part in parts))
    kept = np.zeros(len(parts) + 1, np.int64)
    output.mkdir(parents=True, exist_ok=True)

    def write(cleaned: Cleaned, phase: int, sides: Sequence[BinaryIO]) -> None:
        for stream, block in zip(sides, cleaned.blocks, strict=True):
            stream.write(block)
        for step, report in zip(phases[phase].steps, cleaned.reports, strict=True):
            step.report.add(report)
        progress(cleaned.reports[0].seen / len(phases))

    with TemporaryDirectory(prefix=".cleaning-", dir=output) as name, ExitStack() as stack:
        workers = stack.enter_context(Workers(phases, processes))
        portions = _first_portions(files, shard_bytes)
        for number in range(len(phases) - 1):
            folder = Path(name, str(number))
            folder.mkdir()
            _pass_on(workers.in_order(portions), partial(write, phase=number), folder)
            portions = _next_portions(number + 1, folder, shard_bytes)
        sides = [stack.enter_context(atomic_file(output / side)) for side in (SOURCE_FILE, TARGET_FILE)]
        for cleaned in workers.in_order(portions):
            write(cleaned, len(phases) - 1, sides)
            kept += np.bincount(np.searchsorted(ends, cleaned.numbers), minlength=len(kept))
        _check(files, parts, [step.report for phase in phases for step in phase.steps])
    rows = [
        {"name": part.name, "read": part.pairs, "kept": count}
        for part, count in zip(parts, kept[:-1].tolist(), strict=True)
    ]
    reports = [step.report.to_json() for phase in phases for step in phase.steps]
    report = {"read": reports[0]["seen"], "kept": reports[-1]["kept"], "steps": reports, "parts": rows}
    write_json(output / "report.json", report)
    write_bytes(output / "report.md", as_markdown(report).encode("utf-8", "replace"))
    return report


def _first_portions(files: Sequence[tuple[Path, Path]], shard_bytes: int) -> Iterator[Portion]:
    begin = 1
    for pair in files:
        for shard in read_shards(pair, shard_bytes):
            yield Portion(0, shard, np.arange(begin, begin + shard.lines), None)
            begin += shard.lines


_BETWEEN = ("source", "target", "numbers", "digests")  # the files between two phases


def _pass_on(results: Iterator[Cleaned], write: Callable[..., None], folder: Path) -> None:
    """Writes what a phase keeps to a folder, for the next one."""
    with ExitStack() as stack:
        *sides, numbers, digests = [stack.enter_context((folder / name).open("wb")) for name in _BETWEEN]
        for cleaned in results:
            write(cleaned, sides=sides)
            cleaned.numbers.tofile(numbers)
            digests.write(cleaned.digests)


def _next_portions(phase: int, folder: Path, shard_bytes: int) -> Iterator[Portion]:
    source, target, numbers, digests = (folder / name for name in _BETWEEN)
    repeated = folder / "repeated"
    find_repeated(digests, repeated)
    with numbers.open("rb") as number, repeated.open("rb") as flag:
        for shard in read_shards([source, target], shard_bytes):
            which = np.fromfile(number, np.int64, shard.lines), np.fromfile(flag, np.bool_, shard.lines)
            yield Portion(phase, shard, *which)


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


def _check(files: Sequence[tuple[Path, Path]], parts: Sequence[TrainingPart], steps: Sequence[StepReport]) -> None:
    names = ", ".join(f"{source} and {target}" for source, target in files)
    expected = sum(part.pairs for part in parts)
    if steps[0].seen != expected:
        raise DataError(
            f"{names}: the parts of the training set have not as many pairs as its files",
            received=f"{steps[0].seen} pairs",
            expected=f"{expected}",
            action="Build the stages before again, with --force fetch",
        )
    if steps[-1].kept == 0:
        raise _nothing_left(names, steps)


def _nothing_left(names: str, steps: Sequence[StepReport]) -> DataError:
    if steps[0].seen == 0:
        return DataError(f"{names}: there are no pairs to clean", action="Check the corpus and its split")
    worst = max(steps, key=lambda step: step.dropped)
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
