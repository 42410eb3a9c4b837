"""The line contract: the only reader and writer of text lines in the project.

- A line ends at ``\\n`` and nowhere else. One ``\\r`` before it is dropped. A last line without ``\\n`` counts.
- A byte order mark at the start of a file is dropped.
- U+2028, U+2029, U+0085, vertical tab, form feed, NUL and a lone ``\\r`` inside a line are text.
- What is written has one ``\\n`` per line: a line break inside a text to be written becomes a space.

So N lines in are N lines out, whatever is in them.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from nmt.errors import DataError
from nmt.storage import atomic_file

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 17
SHARD_BYTES = 1 << 20
"""How large the first side of a shard is, about."""


def open_binary(path: Path) -> BinaryIO:
    """Opens a plain, ``.gz`` or ``.zst`` file for reading its uncompressed bytes.

    Raises:
        DataError: the file does not exist or is a folder.
    """
    try:
        if path.suffix == ".gz":
            return cast(BinaryIO, gzip.open(path, "rb"))
        stream = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise DataError(
            f"{path}: cannot be read as text ({error.strerror})",
            expected="a text file, plain, .gz or .zst",
            action="Check the path",
        ) from error
    return io.BufferedReader(_ZstandardStream(stream)) if path.suffix == ".zst" else stream


class _ZstandardStream(io.RawIOBase):
    """The content of a ``.zst`` file of any number of frames; unlike the package's reader it notices a missing end."""

    def __init__(self, stream: BinaryIO) -> None:
        import zstandard

        self._stream = stream
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._compressed = self._content = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._content:
            self._compressed = self._compressed or self._stream.read(_BLOCK_BYTES)
            if not self._compressed:
                if self._frame is not None:
                    raise EOFError("it ends inside a frame")
                return 0
            self._frame = self._frame or self._new_frame()
            self._content = self._frame.decompress(self._compressed)
            self._compressed = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        size = min(len(buffer), len(self._content))
        buffer[:size], self._content = self._content[:size], self._content[size:]
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


def decode_lines(stream: Iterable[bytes], name: str, first: int = 1) -> Iterator[str]:
    """Yields the lines of a binary stream as text, without their line ends.

    Args:
        stream: byte strings that each end at ``\\n``, as iterating over a binary file gives them.
        name: the name of the stream in error messages.
        first: the number of its first line, counted from 1.

    Raises:
        DataError: a line is not valid UTF-8; the message has its number, counted from 1.
    """
    for number, raw in enumerate(stream, start=first):
        if number == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, line {number}: not valid UTF-8",
                received=f"byte 0x{raw[error.start]:02x} at position {error.start + 1} of the line",
                expected="text in UTF-8",
                action="Convert the file to UTF-8 (for instance with iconv) and run again",
            ) from error


def read_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a plain, ``.gz`` or ``.zst`` file.

    Raises:
        DataError: the file cannot be read, is cut short, or is not UTF-8.
    """
    return decode_lines(read_byte_lines(path), str(path))


def read_byte_lines(path: Path) -> Iterator[bytes]:
    """Yields the lines of a plain, ``.gz`` or ``.zst`` file as they are, each with its line end.

    Raises:
        DataError: the file cannot be read, or is cut short.
    """
    with open_binary(path) as stream, _damage_explained(path):
        yield from stream


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the compressed file is damaged ({error})",
            action="Fetch or compress it again",
        ) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "zstandard":
            raise
        raise DataError(
            f"{path}: the compressed file is damaged ({error})",
            action="Fetch or compress it again",
        ) from error


def read_standard_input() -> Iterator[str]:
    """Yields the lines of standard input as they arrive.

    Raises:
        DataError: there is no standard input.
    """
    return decode_lines(_standard_input(), _STANDARD_INPUT)


def read_arriving(most: int) -> Iterator[list[str]]:
    """Yields the lines of standard input in groups: as many as are there, and as soon as there is one.

    So a program at the other end of a pipe, or a person, is answered at once, and a file is read in large groups.

    Args:
        most: lines of a group.

    Raises:
        DataError: there is no standard input.
    """
    first = 1
    for block in _blocks(_standard_input(), most):
        yield list(decode_lines(block, _STANDARD_INPUT, first))
        first += len(block)


def _blocks(stream: Any, most: int) -> Iterator[list[bytes]]:
    """Yields the complete lines of every read of a stream, at most so many at a time."""
    begun: list[bytes] = []  # the parts of a line whose end has not come
    while block := stream.read1(_BLOCK_BYTES):
        head, end, tail = block.rpartition(b"\n")
        if end:
            lines = b"".join((*begun, head)).split(b"\n")
            yield from (lines[begin : begin + most] for begin in range(0, len(lines), most))
            begun = []
        if tail:
            begun.append(tail)
    if begun:
        yield [b"".join(begun)]


_STANDARD_INPUT = "standard input"  # its name in messages


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise DataError("standard input is closed", expected="text, one sentence per line", action="Give a file")
    return sys.stdin.buffer


def read_input(path: Path | None) -> Iterator[str]:
    """Yields the lines of a file, or of standard input where there is none.

    Raises:
        DataError: as ``read_lines`` and ``read_standard_input`` do.
    """
    return read_lines(path) if path else read_standard_input()


class Shard(NamedTuple):
    """Some lines of parallel files, as they are in the files: a piece of work that another process can do.

    Attributes:
        names: the names of the files in error messages.
        first: the number of the first line, counted from 1.
        lines: their number, N.
        blocks: the N lines of each file.
    """

    names: tuple[str, ...]
    first: int
    lines: int
    blocks: tuple[bytes, ...]

    def texts(self) -> list[list[str]]:
        """Returns the N lines of each file as text, without their line ends.

        Raises:
            DataError: a line is not valid UTF-8; the message has its number.
        """
        return [_decode_block(block, name, self.first) for block, name in zip(self.blocks, self.names, strict=True)]


def _decode_block(block: bytes, name: str, first: int) -> list[str]:
    """Returns what ``decode_lines`` yields for the lines of a block, in less time."""
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        return list(decode_lines(io.BytesIO(block), name, first))  # says which line it is
    lines = text.split("\n")
    if not block or block.endswith(b"\n"):
        lines.pop()
    if first == 1 and lines:
        lines[0] = lines[0].removeprefix("\ufeff")
    return [line.removesuffix("\r") for line in lines] if "\r" in text else lines


def read_shards(paths: Sequence[Path], size: int = SHARD_BYTES) -> Iterator[Shard]:
    """Cuts parallel files into shards of whole lines.

    Args:
        paths: the files.
        size: bytes of the first file in a shard; the line that they end in is the shard's last.

    Raises:
        DataError: a file cannot be read, is cut short, or the files have different numbers of lines; the message has
            all counts.
    """
    first = 1
    with ExitStack() as stack:
        streams = [stack.enter_context(open_binary(path)) for path in paths]
        while True:
            rows: list[list[bytes]] = []
            for path, stream in zip(paths, streams, strict=True):
                with _damage_explained(path):
                    # Behind the end of the first file, the others must not have one line more.
                    rows.append(list(islice(stream, len(rows[0]) or 1)) if rows else stream.readlines(size))
            counts = set(map(len, rows))
            if len(counts) > 1:
                raise _unequal(paths, first + min(counts))
            if counts == {0}:
                return
            yield Shard(tuple(map(str, paths)), first, len(rows[0]), tuple(map(b"".join, rows)))
            first += len(rows[0])


def read_parallel(paths: Sequence[Path]) -> Iterator[tuple[str, ...]]:
    """Yields the n-th lines of several files together.

    Raises:
        DataError: as ``read_shards`` does, or a line is not valid UTF-8.
    """
    for shard in read_shards(paths):
        yield from zip(*shard.texts(), strict=True)


def _unequal(paths: Sequence[Path], missing: int) -> DataError:
    counts = [count_lines(path) for path in paths]
    return DataError(
        f"{paths[0]}: the sides of the corpus have different numbers of lines"
        f" (the first line without a partner is line {missing})",
        received=", ".join(f"{path}: {count} lines" for path, count in zip(paths, counts, strict=True)),
        expected="line n of each file to be a translation of line n of the others",
        action="Repair the files, for nothing can tell which lines belong together",
    )


def count_lines(path: Path) -> int:
    """Returns the number of lines of a file."""
    return sum(1 for _ in read_lines(path))


def as_line(text: str) -> str:
    """Returns ``text`` as one line: line breaks inside it become spaces."""
    return text.replace("\r\n", " ").replace("\n", " ") if "\n" in text else text


def encode_line(text: str) -> bytes:
    """Returns the bytes of one line with its ``\\n``; a lone surrogate, which has no UTF-8, becomes a question mark."""
    return as_line(text).encode("utf-8", "replace") + b"\n"


def encode_block(texts: Iterable[str]) -> bytes:
    """Returns the bytes of texts that have no line breaks, as ``encode_line`` gives them."""
    return "".join([f"{text}\n" for text in texts]).encode("utf-8", "replace")


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Writes one line per text, atomically, packed if the name ends in .gz or .zst, and returns how many."""
    count = 0
    with atomic_file(path) as file, _compressed(file, path.suffix) as stream:
        for text in lines:
            stream.write(encode_line(text))
            count += 1
    return count


@contextmanager
def _compressed(file: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    if suffix == ".gz":
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:  # equal lines give equal bytes
            yield cast(BinaryIO, stream)
    elif suffix == ".zst":
        import zstandard

        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield file


def pack_lines(lines: Iterable[str], suffix: str) -> bytes:
    """Returns one line per text, packed as a file is whose name ends so; what is packed in pieces is one file."""
    content = io.BytesIO()
    with _compressed(content, suffix) as stream:
        stream.write(b"".join(map(encode_line, lines)))
    return content.getvalue()


def print_lines(lines: Iterable[str]) -> None:
    """Writes lines to standard output and flushes it, so that a reader at the other end gets them at once.

    Raises:
        DataError: there is no standard output.
    """
    if sys.stdout is None:
        raise DataError("standard output is closed", action="Give a file to write to")
    sys.stdout.buffer.writelines(map(encode_line, lines))
    sys.stdout.buffer.flush()
