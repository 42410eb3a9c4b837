"""The line contract under fuzzing: n lines in are n lines out, whatever is in them."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.textio import as_line, count_lines, encode_line, read_lines, read_parallel, write_lines

SEPARATORS = [
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
    "\ufeff",
    "\t",
]
CHARACTERS = st.characters(exclude_categories=["Cs"])
FRAGMENTS = st.one_of(st.sampled_from([*SEPARATORS, " ", "\u00a0", "\u200b"]), st.text(CHARACTERS, max_size=8))
LONG = st.builds(
    lambda text, end: (text * 10_000)[:10_000] + end, st.text(CHARACTERS, min_size=1, max_size=3), FRAGMENTS
)
LINE = st.one_of(st.just(""), st.lists(FRAGMENTS, max_size=6).map("".join), LONG)
LINES = st.lists(LINE, max_size=8)


def compress(content: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(content, compresslevel=1)
    return zstandard.compress(content, level=1) if suffix == ".zst" else content


def folded(lines: list[str]) -> list[str]:
    """The documented folding: a break is a space; a CR at the end and a byte order mark at the start go."""
    kept = [as_line(line).removesuffix("\r") for line in lines]
    if lines and as_line(lines[0]).startswith("\ufeff"):
        kept[0] = as_line(lines[0]).removeprefix("\ufeff").removesuffix("\r")
    return kept


@pytest.mark.parametrize("suffix", [".txt", ".gz", ".zst"])
@settings(max_examples=400, deadline=None)
@given(lines=LINES)
def test_what_is_written_is_read(suffix: str, lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"text{suffix}"
        path.write_bytes(compress(b"".join(map(encode_line, lines)), suffix))
        assert count_lines(path) == len(lines)
        assert list(read_lines(path)) == folded(lines)


@settings(max_examples=100, deadline=None)
@given(lines=LINES)
def test_a_copy_of_a_copy_is_the_same(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        assert write_lines(first, lines) == len(lines)
        once = list(read_lines(first))
        assert once == folded(lines)
        assert write_lines(second, once) == len(lines)
        assert [*read_parallel([first, second])] == list(zip(once, read_lines(second), strict=True))


@settings(max_examples=400, deadline=None)
@given(content=st.text(st.one_of(st.sampled_from("\n\r\u2028\x85\x0b\x0c\0a"), CHARACTERS), max_size=40))
def test_only_a_line_feed_ends_a_line(content: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        path.write_bytes(content.encode())
        assert count_lines(path) == content.count("\n") + (bool(content) and not content.endswith("\n"))
