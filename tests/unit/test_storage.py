from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from nmt.errors import DataError, UsageError
from nmt.storage import (
    PartialFile,
    atomic_file,
    canonical_json,
    remove_folder,
    replace_folder,
    sha256_of_file,
    sha256_of_text,
    write_bytes,
    write_json,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_file(path) as stream:
        stream.write(b"half")
        stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert names(path.parent) == ["file.txt"]


def test_an_exception_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_bytes(path, b"old")

    def fail() -> None:
        with atomic_file(path) as stream:
            stream.write(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file.txt"]


def test_write_bytes_replaces(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"1")
    write_bytes(tmp_path / "a", b"22")
    assert (tmp_path / "a").read_bytes() == b"22"


def test_json_is_readable_and_sorted(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": "é", "a": [1, None]})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == {"b": "é", "a": [1, None]}
    assert text.index('"a"') < text.index('"b"')
    assert "é" in text
    assert text.endswith("}\n")


def test_canonical_json_does_not_depend_on_order() -> None:
    assert canonical_json({"b": 1, "a": {"d": 2, "c": "ü"}}) == '{"a":{"c":"ü","d":2},"b":1}'


def test_replace_folder_discards_what_stood_there(tmp_path: Path) -> None:
    for name, content in (("old", b"old"), ("new", b"new")):
        write_bytes(tmp_path / name / "sub" / "file", content)
    write_bytes(tmp_path / "old" / "more", b"")
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert names(tmp_path) == ["old"]
    assert names(tmp_path / "old") == ["sub"]
    assert (tmp_path / "old" / "sub" / "file").read_bytes() == b"new"


def test_replace_folder_makes_the_parent(tmp_path: Path) -> None:
    write_bytes(tmp_path / "new" / "file", b"1")
    replace_folder(tmp_path / "new", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"1"


def test_digests(tmp_path: Path) -> None:
    content = "é".encode() * (1 << 20)  # longer than one block
    write_bytes(tmp_path / "file", content)
    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()
    assert sha256_of_text("é") == hashlib.sha256(b"\xc3\xa9").hexdigest()


def test_a_removed_folder_leaves_nothing(tmp_path):
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    remove_folder(tmp_path / "folder")
    assert names(tmp_path) == []
    remove_folder(tmp_path / "folder")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        write_bytes(pipe, b"text")
        assert reader.read() == b"text"
    assert pipe.is_fifo()


def test_a_partial_file_counts_what_its_journal_knows_of(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with PartialFile(path) as partial:
        assert partial.facts() is None
        partial.append(b"one ", {"pieces": 1})
        partial.append(b"two ", {"pieces": 2})
    content = tmp_path / ".file.partial" / "content"
    with content.open("ab") as stream:  # as a process leaves it that is killed while it writes
        stream.write(b"thr")
    with PartialFile(path) as partial:
        assert partial.facts() == {"pieces": 2}
        partial.finish(b"three")
    assert path.read_bytes() == b"one two three"
    assert names(tmp_path) == ["file"]


def test_a_partial_file_is_discarded_or_leaves_nothing(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "file") as partial:
        partial.append(b"one", {})
        partial.discard()
        assert partial.facts() is None
    assert names(tmp_path) == []


def test_only_one_process_writes_a_partial_file(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "file"), pytest.raises(UsageError, match="another process"):
        PartialFile(tmp_path / "file")


@pytest.mark.parametrize("damage", ["journal", "content"])
def test_a_damaged_partial_file_is_not_believed(tmp_path: Path, damage: str) -> None:
    with PartialFile(tmp_path / "file") as partial:
        partial.append(b"one", {})
    name = {"journal": "journal.json", "content": "content"}[damage]
    (tmp_path / ".file.partial" / name).write_text("[")
    with PartialFile(tmp_path / "file") as partial, pytest.raises(DataError, match="damaged"):
        partial.facts()


def test_pieces_elsewhere_and_a_link_that_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with PartialFile(tmp_path / "link", tmp_path / "pieces") as partial:
        partial.append(b"one", {})
        assert names(tmp_path) == ["link", "pieces"]
        partial.finish(b" two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"one two"
