"""The records of a leaderboard: one file per board, one line of JSON per finished run, only ever appended to.

A record carries the digest of all the rest of it, so that a number that was edited later is noticed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.errors import DataError, UsageError, nearest
from nmt.evaluation.scores import Score
from nmt.storage import sha256_of_json, sync_folder


@dataclass(frozen=True)
class Record:
    """What one finished run says about itself.

    Attributes:
        board: the leaderboard it belongs to.
        system: name of the recipe.
        time: when it was evaluated, ISO 8601, UTC.
        recipe: the whole recipe as JSON values.
        recipe_digest: sha256 of its canonical JSON.
        run_digest: digest of the run; a board has each result of a run once.
        seed: of the run.
        version: of this project.
        scores: per test set.
        test_digests: per test set, sha256 of source and reference.
        hypothesis_digests: per test set, sha256 of what was scored.
        bundle_digest: sha256 of the bundle's manifest.
        parameters: trained numbers of the network.
        training_seconds: wall-clock time of training.
        words_per_second: speed of translating the first test set.
    """

    board: str
    system: str
    time: str
    recipe: dict[str, Any]
    recipe_digest: str
    run_digest: str
    seed: int
    version: str
    scores: dict[str, list[Score]]
    test_digests: dict[str, str]
    hypothesis_digests: dict[str, str]
    bundle_digest: str
    parameters: int | None = None
    training_seconds: float | None = None
    words_per_second: float | None = None

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
        texts = (self.board, self.system, self.time, self.recipe_digest, self.run_digest, self.version)
        digests = (self.test_digests, self.hypothesis_digests)
        numbers = (self.parameters, self.training_seconds, self.words_per_second)
        return (
            all(isinstance(text, str) for text in (*texts, self.bundle_digest))
            and isinstance(self.recipe, dict)
            and all(isinstance(value, dict) and all(isinstance(d, str) for d in value.values()) for value in digests)
            and isinstance(self.seed, int)
            and all(number is None or (isinstance(number, int | float) and abs(number) < 1e18) for number in numbers)
        )

    def _fields(self) -> dict[str, Any]:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["scores"] = {name: [score.to_json() for score in rows] for name, rows in self.scores.items()}
        for name in ("training_seconds", "words_per_second"):  # 90 and 90.0 are one number but two JSON texts
            fields[name] = None if fields[name] is None else float(fields[name])
        return fields


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
    """Adds a record to a board, unless the board has one of the same run with the same hypotheses.

    A run that was forced again after a change of the program, and wrote something else, is a record of its own.

    A last line without its end, left by a writer that was killed, stays as it is; the record goes on a line of its own.

    Returns:
        Whether it was added.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(f".{path.name}.lock")):
        content = path.read_bytes() if path.exists() else b""
        if any(_same_result(known, record) for known in _parse(path, content)[0]):
            return False
        # ASCII only: then a line that is cut anywhere is still text.
        line = json.dumps(record.to_json()).encode("ascii") + b"\n"
        with open(path, "ab") as stream:
            stream.write(line if not content or content.endswith(b"\n") else b"\n" + line)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(path.parent)
    return True


def _same_result(one: Record, other: Record) -> bool:
    return (one.run_digest, one.hypothesis_digests) == (other.run_digest, other.hypothesis_digests)


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
        close = nearest(path.stem, names)
        raise DataError(
            f"{path}: there is no leaderboard {path.stem} ({error.strerror})",
            expected=f"one of {', '.join(names)}" if names else "a leaderboard, but none has been written yet",
            action=f"Did you mean {close}?" if close else "Run a recipe first; it adds its record at the end",
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
