"""Documents that are not lines: the files of a folder, and a field of JSON objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nmt import textio
from nmt.decoding.translate import CHUNK_LINES, Translator
from nmt.errors import DataError, UsageError
from nmt.storage import write_bytes

_PACKED = (".gz", ".zst")


@dataclass(frozen=True)
class JsonField:
    """Where the text of a JSON object is, and where the answer goes.

    Attributes:
        field: name of the text's field.
        into: name of the answer's, which is put behind all others.
    """

    field: str
    into: str

    def text(self, line: str, number: int) -> str:
        """Returns the text of an object as one line; that of a blank line is blank.

        Args:
            line: the object.
            number: of the line, counted from 1.

        Raises:
            DataError: the line is no object, has no such field, or one by the name of the answer's.
        """
        if not line.strip():
            return ""
        row = self._parse(line, number)
        if self.into in row:
            raise DataError(
                f"line {number} of the source has a field {self.into} already",
                expected=f"objects without {self.into}, which the summary becomes",
                action="Choose another name with --into",
            )
        text = row.get(self.field)
        if not isinstance(text, str):
            raise DataError(
                f"line {number} of the source has no text in the field {self.field}",
                received=f"the fields {', '.join(row)}" if text is None else f"{self.field}: {json.dumps(text)[:40]}",
                expected=f"a string in {self.field}",
                action="Give the name of the field that has the text with --field",
            )
        return as_one_line(text)

    def answered(self, line: str, answer: str) -> str:
        """Returns the object of a line with the answer; a blank line stays blank."""
        return json.dumps(json.loads(line) | {self.into: answer}, ensure_ascii=False) if line.strip() else ""

    def _parse(self, line: str, number: int) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except ValueError as error:
            row = str(error)
        if not isinstance(row, dict):
            raise DataError(
                f"line {number} of the source is no JSON object",
                received=row if isinstance(row, str) else line[:40],
                expected=f"one object per line, with the field {self.field}",
                action="Give a JSONL file, or leave --field out for a document per line",
            )
        return row


def as_one_line(text: str) -> str:
    """Returns a document as one line: its lines joined by spaces, blank ones left out."""
    return " ".join(filter(None, map(str.strip, text.split("\n"))))


def answer_folder(translator: Translator, source: Path, target: Path, progress: Callable[[int, int], None]) -> int:
    """Writes what is answered to each file of a folder into a file of the same name, and returns how many there are.

    A file is one document. Those that are packed are read as what they hold, and their answers are not packed. Files
    whose names begin with a dot, and folders, are left out.

    Args:
        translator: answers.
        source: the folder of the documents.
        target: the folder that is written to; it is made where there is none.
        progress: is told how many documents are done, of how many.

    Raises:
        UsageError: there are no documents, two of them have one name, or they would be overwritten.
        DataError: a document cannot be read.
    """
    documents = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    names = [path.stem if path.suffix in _PACKED else path.name for path in documents]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if not documents or twice:
        raise UsageError(
            f"{source}: {f'two documents are called {twice}' if twice else 'there are no documents'}",
            expected="a folder with one document per file",
            action="Give another folder, or a file with one document per line",
        )
    if target.resolve() == source.resolve():
        raise UsageError(f"{target}: the documents would be overwritten", action="Give another folder with --output")
    target.mkdir(parents=True, exist_ok=True)
    waiting = iter(zip(documents, names, strict=True))
    done = 0
    while chunk := list(islice(waiting, CHUNK_LINES)):
        texts = [as_one_line("\n".join(textio.read_lines(path))) for path, _ in chunk]
        for (_, name), answer in zip(chunk, translator.translate(texts), strict=True):
            write_bytes(target / name, textio.encode_line(answer))
        done += len(chunk)
        progress(done, len(documents))
    return done
