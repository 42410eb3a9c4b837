"""Whole shared tasks: folders of sources, references and outputs as WMT has them, and the scores published with them.

A file's name has the test set, the languages, what it is and of whom, divided by dots, for instance
``newstest2021.en-de.hyp.Online-B.de``. What all names of a folder have in common says nothing about whose a file is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nmt.errors import DataError
from nmt.leaderboard.languages import pair_in_names
from nmt.leaderboard.records import Record
from nmt.textio import read_lines

_FOLDERS = ("sources", "references", "system-outputs")
_KINDS = ("hyp", "ref", "src")
_PACKED = (".gz", ".zst")
_TOLERANCE = 0.005


@dataclass(frozen=True)
class SharedTask:
    """The files of one pair of languages.

    Attributes:
        test: name of the test set.
        languages: such as ``en-de``; empty where the names do not say.
        source: the file of the source.
        references: the files of the references by name.
        hypotheses: the files of the systems' outputs by name.
    """

    test: str
    languages: str
    source: Path
    references: dict[str, Path]
    hypotheses: dict[str, Path]

    @classmethod
    def find(cls, folder: Path, languages: str = "") -> SharedTask:
        """Finds the files in ``sources``, ``references`` and ``system-outputs`` below ``folder``.

        Args:
            folder: of one pair of languages, or of several whose files have the pair in their names or whose folders
                are named after it.
            languages: the pair that is wanted.

        Raises:
            DataError: a folder is missing or empty, or there are several sources.
        """
        if languages and not (folder / _FOLDERS[0]).is_dir() and (folder / languages).is_dir():
            folder = folder / languages
        files = {name: _files(folder / name) for name in _FOLDERS}
        if languages and pair_in_names(files["sources"]) != languages:
            files = {
                name: [path for path in paths if languages in path.name.split(".")] for name, paths in files.items()
            }
        for name, paths in files.items():
            if not paths:
                raise DataError(f"{folder / name}: there are no files{f' of {languages}' if languages else ''}")
        sources, references, hypotheses = files.values()
        if len(sources) > 1:
            raise DataError(
                f"{folder / 'sources'}: there are several sources",
                received=", ".join(path.name for path in sources),
                expected="one",
                action="Say which pair is meant, for instance --languages en-de",
            )
        languages = languages or pair_in_names(sources)
        common = _common([_parts(path) for path in (*sources, *references, *hypotheses)])
        test = ".".join(common) or sources[0].name
        named = {name.removeprefix("ref") or name: path for name, path in names_of(references, len(common)).items()}
        return cls(test, languages, sources[0], named, names_of(hypotheses, len(common)))


def names_of(paths: Sequence[Path], common: int = 0) -> dict[str, Path]:
    """Returns files by what is special in their names, in the order of the names.

    Args:
        paths: the files.
        common: how many first parts of the names are those of the test set.

    Raises:
        DataError: two files have one name.
    """
    parts = [_parts(path)[common:] for path in paths]
    shortest = min(map(len, parts))
    last = min(len(_common([row[::-1] for row in parts])), shortest - 1) if len(paths) > 1 else 1
    first = 0 if common or len(paths) == 1 else max(0, min(len(_common(parts)), shortest - last - 1))
    named: dict[str, Path] = {}
    for path, row in zip(paths, parts, strict=True):
        kept = row[first : len(row) - last] if len(row) - last > first else row
        kept = kept[1:] if len(kept) > 1 and kept[0] in _KINDS else kept
        name = ".".join(kept)
        if name in named:
            raise DataError(f"{path}: {named[name].name} gives the same name, {name}", action="Rename one of them")
        named[name] = path
    return dict(sorted(named.items()))


def test_set_name(source: Path) -> str:
    """Returns a test set's name from the file of its source: ``test.en`` and ``test.src.en`` are of ``test``."""
    parts = _parts(source)
    kept = parts[:-1] if len(parts) > 1 else parts
    return ".".join(kept[:-1] if len(kept) > 1 and kept[-1] in _KINDS else kept)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"{folder}: the folder cannot be read ({error.strerror})",
            expected=f"the folders {', '.join(_FOLDERS)}, with one file per source, reference and system",
            action="Give the folder of one pair of languages",
        ) from error


def files_in(folder: Path) -> dict[str, Path]:
    """Returns the files of a folder of outputs by the names of their systems.

    Raises:
        DataError: the folder cannot be read, or has no files.
    """
    if paths := _files(folder):
        return names_of(paths)
    raise DataError(f"{folder}: there are no files", expected="one file of hypotheses per system")


def _parts(path: Path) -> list[str]:
    """Returns the parts of a file's name, its packing left out."""
    return (path.name.removesuffix(path.suffix) if path.suffix in _PACKED else path.name).split(".")


def _common(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the parts that all rows begin with."""
    common = []
    for parts in zip(*rows, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return common


class Published(NamedTuple):
    """One published score: of which system, in which metric (``bleu-A``), and its value."""

    system: str
    metric: str
    value: float


def read_published(path: Path, languages: str) -> list[Published]:
    """Reads a table of published scores: tab-separated, its headings among them system, metric, score and mostly pair.

    Raises:
        DataError: a heading is missing, or a line is not like the first; the message has its number.
    """
    rows = (line.split("\t") for line in read_lines(path))
    headings = next(rows, [])
    if missing := {"system", "metric", "score"} - set(headings):
        raise DataError(
            f"{path}, line 1: not a table of published scores",
            received=f"the headings {', '.join(headings)}",
            expected=f"headings, divided by tabs, with {', '.join(sorted(missing))}",
        )
    published = []
    for number, row in enumerate(rows, start=2):
        fields = dict(zip(headings, row, strict=False))
        try:
            value = float(fields["score"])
            system, metric = fields["system"], fields["metric"]
        except (KeyError, ValueError) as error:
            raise DataError(f"{path}, line {number}: not a published score", received="\t".join(row)) from error
        if not languages or fields.get("pair", languages) == languages:
            published.append(Published(system, metric, value))
    return published


class Reproduction(NamedTuple):
    """How many of the published scores of a metric were reproduced to 0.005, and the largest difference."""

    metric: str
    reproduced: int
    published: int
    difference: float
    worst: str


def compare_published(published: Sequence[Published], records: Sequence[Record], test: str) -> list[Reproduction]:
    """Compares published scores with those of records, for the metrics that the records have.

    Args:
        published: the scores as published; ``all`` as the reference means all of them, also where it is only one.
        records: of the systems.
        test: the test set's name.
    """
    known: dict[tuple[str, str], float] = {}
    for record in records:
        for view, scores in record.scores.items():
            names = {*record.reference_digests[view], "all"} if view == test else {view.removeprefix(f"{test}/")}
            for score in scores:
                known |= {(record.system, f"{score.name}-{name}"): score.value for name in names}
    metrics = {metric for _, metric in known}
    differences: dict[str, dict[str, float]] = {}
    for row in published:
        name, _, reference = row.metric.rpartition("-")
        metric = f"{name.casefold()}-{reference.removeprefix('ref')}"
        if metric in metrics:
            value = known.get((row.system, metric), math.inf)
            differences.setdefault(metric, {})[row.system] = abs(value - row.value)
    return [_reproduction(metric, rows) for metric, rows in sorted(differences.items())]


def _reproduction(metric: str, differences: Mapping[str, float]) -> Reproduction:
    worst = max(differences, key=lambda system: differences[system])
    close = sum(difference <= _TOLERANCE for difference in differences.values())
    return Reproduction(metric, close, len(differences), differences[worst], worst)
