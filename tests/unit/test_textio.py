from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
import zstandard

from nmt import textio
from nmt.errors import DataError
from nmt.textio import as_line, count_lines, encode_line, read_lines, read_parallel, write_lines


def write(path: Path, content: bytes) -> Path:
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"a\r\nb\r\r\nc\r", ["a", "b\r", "c"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        ("a\u2028b\u2029c\x85d\x0be\x0cf\0g\x1ch\n".encode(), ["a\u2028b\u2029c\x85d\x0be\x0cf\0g\x1ch"]),
    ],
)
@pytest.mark.parametrize("name", ["text.txt", "text.gz", "text.zst"])
def test_what_a_line_is(tmp_path: Path, name: str, content: bytes, lines: list[str]) -> None:
    path = write(tmp_path / name, content)
    assert list(read_lines(path)) == lines
    assert count_lines(path) == len(lines)


def test_several_members_and_frames_are_one_text(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\n"))
    assert list(read_lines(tmp_path / "a.gz")) == ["a", "bc"]
    frames = [b"a\nb", b"", b"c\n"]
    (tmp_path / "a.zst").write_bytes(b"".join(map(zstandard.compress, frames)))
    assert list(read_lines(tmp_path / "a.zst")) == ["a", "bc"]


def test_invalid_utf8_names_file_line_and_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "text.txt", b"good\nb\xffd\n")
    with pytest.raises(DataError, match=r"text\.txt, line 2: not valid UTF-8.*byte 0xff at position 2"):
        list(read_lines(path))


@pytest.mark.parametrize("name", ["text.gz", "text.zst"])
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_damaged_archive_is_a_data_error(tmp_path: Path, name: str, damage: str) -> None:
    path = write(tmp_path / name, "".join(f"line {number * number}\n" for number in range(5000)).encode())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no archive at all" * 10)
    with pytest.raises(DataError, match="the compressed file is damaged"):
        list(read_lines(path))


def test_a_flipped_byte_anywhere_is_a_data_error(tmp_path: Path) -> None:
    path = write(tmp_path / "text.gz", "".join(f"line {number * number}\n" for number in range(500)).encode())
    whole = path.read_bytes()
    for position in range(10, len(whole), 50):  # behind the header, whose time and name nothing protects
        content = bytearray(whole)
        content[position] ^= 0x55
        path.write_bytes(bytes(content))
        with pytest.raises(DataError, match="the compressed file is damaged"):
            list(read_lines(path))


@pytest.mark.parametrize("name", ["absent.txt", "absent.gz", "absent.zst", "folder", "folder.gz", "folder.zst"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="cannot be read as text"):
        list(read_lines(tmp_path / name))


def test_parallel_lines(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.txt", b"1\n\n3"), write(tmp_path / "b.gz", b"x\ny\nz\n")]
    assert list(read_parallel(paths)) == [("1", "x"), ("", "y"), ("3", "z")]


def test_sides_of_different_length_name_all_counts(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.txt", b"1\n2\n3\n"), write(tmp_path / "b.txt", b"x\ny\n")]
    with pytest.raises(DataError, match=r"without a partner is line 3.*a\.txt: 3 lines, .*b\.txt: 2 lines"):
        list(read_parallel(paths))


def test_writing(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    assert write_lines(path, ["a\nb", "c\r\nd", "", "e\u2028f"]) == 4
    assert path.read_bytes() == "a b\nc d\n\ne\u2028f\n".encode()


def test_a_line_break_becomes_one_space() -> None:
    assert as_line("a\r\nb\nc\rd") == "a b c\rd"
    assert encode_line("a\n") == b"a \n"


def test_a_lone_surrogate_is_written_as_a_question_mark() -> None:
    assert encode_line("a\ud800b") == b"a?b\n"


def test_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("a\u2028b\r\n\nc".encode()), encoding="ascii"))
    assert list(textio.read_standard_input()) == ["a\u2028b", "", "c"]
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    textio.print_lines(["é\n"])
    assert written.getvalue() == "é \n".encode()


@pytest.mark.parametrize("name", ["text", "text.gz", "text.zst"])
def test_what_is_written_is_packed_as_its_name_says(tmp_path, name):
    lines = ["first", "", "third \u2028 line"]
    assert write_lines(tmp_path / name, lines) == 3
    assert list(read_lines(tmp_path / name)) == lines
    again = tmp_path / f"again.{name}"
    write_lines(again, lines)
    assert again.read_bytes() == (tmp_path / name).read_bytes()


class Arriving(io.RawIOBase):
    """A stream of which every read gives what has arrived."""

    def __init__(self, *blocks: bytes) -> None:
        self.blocks = list(blocks)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        block = self.blocks.pop(0) if self.blocks else b""
        buffer[: len(block)] = block
        return len(block)


def test_lines_are_read_in_groups_as_they_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = ["\ufeffa\r\n", "b\nc\nd\u2028", "e", "f\n\n", "g\n1\n2\n3\n4\n5\nend"]
    stream = io.BufferedReader(Arriving(*(block.encode() for block in blocks)))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    groups = [["a"], ["b", "c"], ["d\u2028ef", ""], ["g", "1", "2", "3"], ["4", "5"], ["end"]]
    assert list(textio.read_arriving(4)) == groups


def test_a_bad_line_of_a_later_group_is_named_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BufferedReader(Arriving(b"a\nb\n", b"c\n\xff\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    with pytest.raises(DataError, match="standard input, line 4: not valid UTF-8"):
        list(textio.read_arriving(4))
