"""Files and folders that are either whole or absent, and their digests.

Everything is written under a temporary name beside its place, flushed to the disk, and renamed. A process that dies
at any moment leaves the old content, the new content, or a temporary name that nothing reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from nmt.errors import DataError, UsageError

_BLOCK_BYTES = 1 << 20


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file for writing that becomes ``path`` when the block ends without an exception.

    A link stays a link: the file that it points to is replaced. A device or a pipe is written to as it is.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with open(path, "wb") as stream:
            yield stream
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path`` atomically."""
    with atomic_file(path) as stream:
        stream.write(content)


class PartialFile:
    """A file that is written piece by piece; the pieces that are complete stay when the process is killed.

    They lie in a folder, beside the file's place unless told otherwise: ``content``, and ``journal.json``, which says
    how much of it counts. A piece counts when the journal knows of it, and the journal is replaced atomically after the
    piece is on the disk: whatever is behind that, of a process that was killed or of a full disk, is cut off.

    Args:
        path: what the file will be called; a link is followed.
        folder: where the pieces lie, on the same file system as ``path``.

    Raises:
        UsageError: another process is writing the file.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        from filelock import FileLock, Timeout

        self._path = path.resolve()
        self._folder = folder or self._path.with_name(f".{self._path.name}.partial")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._content, self._journal = self._folder / "content", self._folder / "journal.json"
        self._lock = FileLock(self._folder / "lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise UsageError(
                f"{path}: another process is writing it", action="Wait for it, or write to another file"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._journal.exists():  # nothing to go on with
            shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.release()

    def facts(self) -> dict[str, Any] | None:
        """Returns what was given with the last piece that counts; None where there is none."""
        return self._read()[0]

    def discard(self) -> None:
        """Forgets what is there."""
        self._journal.unlink(missing_ok=True)
        self._content.unlink(missing_ok=True)

    def append(self, piece: bytes, facts: dict[str, Any]) -> None:
        """Writes a piece behind those that count, and what is to be known when it does."""
        size = self._write(piece)
        write_json(self._journal, {"facts": facts, "bytes": size})

    def finish(self, piece: bytes) -> None:
        """Writes the last piece and gives the file its name."""
        self._write(piece)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._content, self._path)
        sync_folder(self._path.parent)
        self._journal.unlink(missing_ok=True)

    def _write(self, piece: bytes) -> int:
        """Writes a piece to the disk and returns how large the file is with it."""
        _, size = self._read()
        with open(self._content, "r+b" if size else "wb") as stream:
            stream.truncate(size)
            stream.seek(size)
            stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
            return stream.tell()

    def _read(self) -> tuple[dict[str, Any] | None, int]:
        """Returns the facts of the last piece that counts, and the bytes up to its end."""
        if not (self._journal.exists() and self._content.exists()):  # the content goes first when the file is finished
            return None, 0
        try:
            journal = json.loads(self._journal.read_bytes())
            facts, size = dict(journal["facts"]), int(journal["bytes"])
        except (ValueError, KeyError, TypeError, RecursionError):
            facts, size = {}, -1
        found = self._content.stat().st_size
        if not 0 <= size <= found:
            raise DataError(
                f"{self._folder}: what was written of {self._path.name} is damaged",
                received=f"{found:,} bytes",
                expected="those that its journal knows of",
                action="Remove the folder, and start again",
            )
        return facts, size


def canonical_json(value: Any) -> str:
    """Returns the one JSON text of ``value``: sorted keys, no spaces, for digests."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` to ``path`` as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    # Half a surrogate, as in the name of a file that is not UTF-8, becomes its JSON escape.
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> dict[str, Any] | None:
    """Returns the JSON object of a file; None where the file cannot be read or holds none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def nearest_folder(path: Path) -> Path:
    """Returns the path, or the nearest of the folders above it that is there."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def sync_folder(folder: Path) -> None:
    """Makes the names in ``folder`` durable, where the system can open a folder (Windows cannot)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_folder(temporary: Path, final: Path) -> None:
    """Gives a finished folder its final name, after all that is in it is on the disk.

    Whatever stood under the final name is removed.
    """
    for path in sorted(temporary.rglob("*")):
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
        else:
            sync_folder(path)
    sync_folder(temporary)
    final.parent.mkdir(parents=True, exist_ok=True)
    discarded = _set_aside(final) if final.exists() else None
    os.replace(temporary, final)
    if discarded:
        shutil.rmtree(discarded, ignore_errors=True)
    sync_folder(final.parent)


def remove_folder(folder: Path) -> None:
    """Removes a folder, whose name is free at once; that of one that is not there is free already."""
    if folder.exists():
        shutil.rmtree(_set_aside(folder), ignore_errors=True)


def _set_aside(folder: Path) -> Path:
    discarded = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    os.replace(folder, discarded)
    return discarded


def sha256_of_text(text: str) -> str:
    """Returns the hexadecimal SHA-256 of ``text`` in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_of_json(value: Any) -> str:
    """Returns the hexadecimal SHA-256 of a value's canonical JSON."""
    return sha256_of_text(canonical_json(value))


def sha256_of_file(path: Path) -> str:
    """Returns the hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
