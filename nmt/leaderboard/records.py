"""The records of a leaderboard: one file per board, one line of JSON per system entered, only ever appended to.

A record carries the digest of all the rest of it, so that a number that was edited later is noticed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nmt.errors import DataError, UsageError, suggestion
from nmt.evaluation.scores import Score
from nmt.storage import canonical_json, sha256_of_json, sync_folder

ORIGINS = ("run", "text", "baseline")
"""Where a record comes from: a run of a recipe, text that was made elsewhere, or a baseline that entered by itself."""


@dataclass(frozen=True)
class Record:
    """What is known of one system and its scores.

    A test set is a source with one choice of its references. Where there are several, ``news/A`` is the test set news
    with reference A alone, and ``news/all`` the one with all of them.

    Attributes:
        board: the leaderboard it belongs to.
        system: name of the recipe, or the name that the text was entered under.
        time: when it was evaluated or entered, ISO 8601, UTC.
        recipe: the whole recipe as JSON values; empty where there is none.
        recipe_digest: sha256 of its canonical JSON.
        run_digest: digest of the run; a board has each result of a run once.
        seed: of the run.
        version: of this project.
        scores: per test set.
        test_digests: per test set, sha256 of the digests of source and references, in order.
        hypothesis_digests: per test set, sha256 of what was scored.
        bundle_digest: sha256 of the bundle's manifest.
        parameters: trained numbers of the network.
        training_seconds: wall-clock time of training.
        words_per_second: speed of translating the first test set.
        origin: one of ``ORIGINS``.
        languages: of source and target, for instance ``en-de``; empty where not known.
        source_digests: per test set, sha256 of the source.
        reference_digests: per test set, sha256 of each reference by its name.
        training_digests: sha256 of the files that were trained on, after cleaning, by name.
        overlap: per test set, how many of its lines, sources, targets and pairs occur in the training text.
    """

    board: str
    system: str
    time: str
    recipe: dict[str, Any]
    recipe_digest: str
    run_digest: str
    seed: int | None
    version: str
    scores: dict[str, list[Score]]
    test_digests: dict[str, str]
    hypothesis_digests: dict[str, str]
    bundle_digest: str
    parameters: int | None = None
    training_seconds: float | None = None
    words_per_second: float | None = None
    origin: str = "run"
    languages: str = ""
    source_digests: dict[str, str] = field(default_factory=dict)
    reference_digests: dict[str, dict[str, str]] = field(default_factory=dict)
    training_digests: dict[str, str] = field(default_factory=dict)
    overlap: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The sha256 of the canonical JSON of all fields."""
        return sha256_of_json(self._fields())

    def to_json(self) -> dict[str, Any]:
        """Returns the record as JSON values, its digest included."""
        return self._fields() | {"digest": self.digest}

    @classmethod
    def from_json(cls, fields: Any) -> Record:
        """Returns the record that ``to_json`` wrote.

        Raises:
            DataError: it is not a record, or was altered after it was written.
        """
        expected = f"an object with {', '.join(field.name for field in dataclasses.fields(cls))}, digest"
        if not isinstance(fields, dict) or "digest" not in fields:
            raise DataError("not a record", expected=expected)
        rest = {name: value for name, value in fields.items() if name != "digest"}
        actual = sha256_of_json(rest)
        if actual != fields["digest"]:
            raise DataError(
                "the record was altered after it was written",
                received=f"content with digest {actual}",
                expected=f"content with digest {fields['digest']}",
            )
        try:
            scores = {name: [Score.from_json(score) for score in rows] for name, rows in rest["scores"].items()}
            record = cls(**(rest | {"scores": scores}))
            if record._is_well_typed() and record.digest == actual:
                return record
        except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
            raise DataError("not a record of this version", received=error, expected=expected) from error
        raise DataError("not a record of this version", expected=expected)

    def _is_well_typed(self) -> bool:
        texts = (self.board, self.system, self.time, self.recipe_digest, self.run_digest, self.version, self.languages)
        digests = (self.test_digests, self.hypothesis_digests, self.source_digests, self.training_digests)
        numbers = (self.parameters, self.training_seconds, self.words_per_second)
        return (
            all(isinstance(text, str) for text in (*texts, self.bundle_digest))
            and self.origin in ORIGINS
            and isinstance(self.recipe, dict)
            and all(_maps(value, str) for value in digests)
            and all(isinstance(value, dict) for value in (self.reference_digests, self.overlap))
            and all(_maps(value, str) for value in self.reference_digests.values())
            and all(_maps(value, int) for value in self.overlap.values())
            and isinstance(self.seed, int | None)
            and all(number is None or (isinstance(number, int | float) and abs(number) < 1e18) for number in numbers)
        )

    def _fields(self) -> dict[str, Any]:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["scores"] = {name: [score.to_json() for score in rows] for name, rows in self.scores.items()}
        for name in ("training_seconds", "words_per_second"):  # 90 and 90.0 are one number but two JSON texts
            fields[name] = None if fields[name] is None else float(fields[name])
        # What came later is left out where it says nothing, so that older records keep their digests.
        return {name: value for name, value in fields.items() if name not in _LATER or value not in ({}, "", "run")}


_LATER = ("origin", "languages", "source_digests", "reference_digests", "training_digests", "overlap")


def _maps(value: Any, kind: type) -> bool:
    """Whether a value is an object whose values are all of one type."""
    return isinstance(value, dict) and all(isinstance(item, kind) for item in value.values())


def board_path(folder: Path, board: str) -> Path:
    """Returns the file of a board.

    Raises:
        UsageError: the name cannot be a file's name, or would lie elsewhere.
    """
    if not re.fullmatch(r"[^\s./\\:\0-\x1f][^/\\:\0-\x1f]*", board):
        raise UsageError(
            f"{board!r}: not the name of a leaderboard",
            expected="a name without slashes, backslashes or colons that does not begin with a dot",
            action="Change leaderboard.board in the recipe",
        )
    return folder / f"{board}.jsonl"


def board_names(folder: Path) -> list[str]:
    """Returns the names of the boards in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.jsonl") if not path.name.startswith("."))


def append_record(path: Path, record: Record) -> bool:
    """Adds one record to a board as ``append_records`` does, and returns whether it was added."""
    return bool(append_records(path, [record]))


def append_records(path: Path, records: Sequence[Record]) -> list[Record]:
    """Adds records to a board, except those that the board has already.

    A run that was forced again after a change of the program, and wrote something else, is a record of its own.

    A last line without its end, left by a writer that was killed, stays as it is; the records go on lines of their own.

    Returns:
        Those that were added.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(f".{path.name}.lock")):
        content = path.read_bytes() if path.exists() else b""
        known = {_result(record) for record in _parse(path, content)[0]}
        added = []
        for record in records:
            if (result := _result(record)) not in known:
                known.add(result)
                added.append(record)
        if added:
            # ASCII only: then a line that is cut anywhere is still text.
            lines = b"".join(json.dumps(record.to_json()).encode("ascii") + b"\n" for record in added)
            with open(path, "ab") as stream:
                stream.write(lines if not content or content.endswith(b"\n") else b"\n" + lines)
                stream.flush()
                os.fsync(stream.fileno())
            sync_folder(path.parent)
    return added


def _result(record: Record) -> str:
    """Returns what makes a record the only one of its kind on a board."""
    if record.run_digest:
        return canonical_json([record.run_digest, record.hypothesis_digests])
    scored = [(test, score.name, score.signature) for test, scores in record.scores.items() for score in scores]
    return canonical_json([record.system, record.hypothesis_digests, record.test_digests, sorted(scored)])


def read_records(path: Path) -> tuple[list[Record], list[str]]:
    """Reads a board.

    Returns:
        The records in the order of the file, and a message for each line that is damaged or was altered.

    Raises:
        DataError: there is no such board; the message says which there are.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        names = board_names(path.parent)
        raise DataError(
            f"{path}: there is no leaderboard {path.stem} ({error.strerror})",
            expected=f"one of {', '.join(names)}" if names else "a leaderboard, but none has been written yet",
            action=suggestion(path.stem, names, "Run a recipe first; it adds its record at the end"),
        ) from error
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> tuple[list[Record], list[str]]:
    """Returns the records of a board's content, and its problems. Works on bytes, for damage need not be UTF-8."""
    records, problems = [], []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(Record.from_json(json.loads(line.decode("utf-8"))))
        except (ValueError, RecursionError):
            problems.append(f"{path}, line {number}: not a whole record. The other records are not affected.")
        except DataError as error:
            problems.append(f"{path}, line {number}: {error}")
    return records, problems
