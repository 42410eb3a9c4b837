"""Texts of leaderboards: hypotheses, references, sources, each kept once by its digest in ``texts`` beside the boards.

The digest is that of the lines as ``textio`` writes them, so that one text has one digest whatever file it came in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nmt.errors import DataError
from nmt.textio import encode_line, read_lines, write_lines


@dataclass(frozen=True)
class Text:
    """Lines, and what they are called in messages.

    Attributes:
        name: the file that they were read from.
        lines: one segment per line.
    """

    name: str
    lines: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Text:
        """Reads a plain, ``.gz`` or ``.zst`` file.

        Raises:
            DataError: it cannot be read, is not UTF-8, or is empty; the message names the file and the line.
        """
        text = cls(str(path), tuple(read_lines(path)))
        if not any(line.strip() for line in text.lines):
            raise DataError(f"{path}, line 1: the file is empty", received="no text", expected="one sentence per line")
        return text

    @cached_property
    def digest(self) -> str:
        """The hexadecimal SHA-256 of the lines, each with its line end."""
        digest = hashlib.sha256()
        for line in self.lines:
            digest.update(encode_line(line))
        return digest.hexdigest()

    def check_partner(self, other: Text) -> None:
        """Checks that another text has as many lines.

        Raises:
            DataError: it has not; the message names both files and the first line without a partner.
        """
        ours, theirs = len(self.lines), len(other.lines)
        if ours != theirs:
            longer = self if ours > theirs else other
            raise DataError(
                f"{other.name} and {self.name} have different numbers of lines"
                f" (the first without a partner is {longer.name}, line {min(ours, theirs) + 1})",
                received=f"{theirs} and {ours} lines",
                expected="line n of each file to belong to line n of the others",
                action="Give the output of exactly this source, one line per line",
            )


class TextStore:
    """The texts of the boards in one folder."""

    def __init__(self, leaderboards: Path) -> None:
        self._folder = leaderboards / "texts"

    def add(self, text: Text) -> None:
        """Keeps a text, unless it is there already."""
        path = self._path(text.digest)
        if not path.exists():
            write_lines(path, text.lines)

    def has(self, digest: str) -> bool:
        """Whether the text of a digest is kept."""
        return bool(digest) and self._path(digest).is_file()

    def get(self, digest: str) -> Text:
        """Returns the text of a digest.

        Raises:
            DataError: it is not there, or is no longer what was kept.
        """
        path = self._path(digest)
        text = Text(str(path), tuple(read_lines(path)))
        if text.digest != digest:
            raise DataError(
                f"{path}: the text was altered after it was kept",
                received=f"text with digest {text.digest}",
                expected=f"text with digest {digest}",
                action="Remove the file, and enter the system again",
            )
        return text

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.txt.gz"
