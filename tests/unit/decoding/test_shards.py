import gzip
import pickle
from pathlib import Path

import pytest

import nmt.decoding.shards
from nmt.bundle import load_bundle
from nmt.decoding.output import OutputFormat
from nmt.decoding.requests import Requests
from nmt.decoding.shards import Shard, ShardTranslator, translate_in_shards
from nmt.decoding.stream import translate_command
from nmt.errors import DataError, UsageError

GREEDY = {"beam_size": 1, "max_output_tokens": 12}
TEXT = "".join(f"a {'few ' * (number % 3)}words\n" for number in range(9))


@pytest.fixture(autouse=True)
def short_shards(monkeypatch):
    monkeypatch.setattr(nmt.decoding.shards, "CHUNK_LINES", 4)


@pytest.fixture(scope="module")
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").write_text(TEXT)
    return tmp_path / "source"


def shards_of(target: Path) -> list[str]:
    folder = target.with_name(f".{target.name}.shards")
    return sorted(path.name.rpartition(".")[0] for path in folder.glob("*.0*")) if folder.exists() else []


class Killed(Exception):
    pass


def killed_after(number, monkeypatch):
    """Lets the translation of a shard fail after so many."""
    real, left = ShardTranslator.__call__, [number]

    def call(self, shard):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return real(self, shard)

    monkeypatch.setattr(ShardTranslator, "__call__", call)
    return left


def test_a_file_and_a_folder_are_what_one_process_writes(bundle, source, tmp_path):
    translate_command(bundle, source, tmp_path / "expected", GREEDY)
    expected = (tmp_path / "expected").read_text()
    translate_in_shards(bundle, source, tmp_path / "target", GREEDY)
    assert (tmp_path / "target").read_text() == expected
    folder = tmp_path / "folder"
    folder.mkdir()
    lines = TEXT.splitlines(keepends=True)
    (folder / "b.txt").write_text("".join(lines[:8]))  # full shards alone
    (folder / "c.gz").write_bytes(gzip.compress(lines[8].encode()))
    (folder / "empty").write_bytes(b"")
    (folder / ".hidden").write_text("x\n")
    translate_in_shards(bundle, folder, tmp_path / "out", GREEDY)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.txt", "c.gz", "empty"]
    both = (tmp_path / "out/b.txt").read_text() + gzip.decompress((tmp_path / "out/c.gz").read_bytes()).decode()
    assert both == expected
    assert (tmp_path / "out/empty").read_bytes() == b""
    assert not list(tmp_path.glob(".*"))


def test_finished_shards_are_not_translated_again(bundle, source, tmp_path, monkeypatch):
    target = tmp_path / "target"
    left = killed_after(2, monkeypatch)
    with pytest.raises(Killed):
        translate_in_shards(bundle, source, target, GREEDY)
    assert shards_of(target) == ["source.0000000", "source.0000001"]
    assert not target.exists()
    with pytest.raises(UsageError, match="other models or options"):
        translate_in_shards(bundle, source, target, GREEDY | {"beam_size": 2}, resume=True)
    left[0] = 1
    translate_in_shards(bundle, source, target, GREEDY, resume=True)
    translate_command(bundle, source, tmp_path / "expected", GREEDY)
    assert target.read_text() == (tmp_path / "expected").read_text()
    assert not list(tmp_path.glob(".*"))


def test_shards_of_other_text_are_refused_and_begun_anew_without_resume(bundle, source, tmp_path, monkeypatch):
    target = tmp_path / "target"
    left = killed_after(1, monkeypatch)
    with pytest.raises(Killed):
        translate_in_shards(bundle, source, target, GREEDY)
    source.write_text("words\n" + TEXT)
    with pytest.raises(DataError, match="other text"):
        translate_in_shards(bundle, source, target, GREEDY, resume=True)
    left[0] = 3
    translate_in_shards(bundle, source, target, GREEDY)
    assert left[0] == 0
    assert len(target.read_text().splitlines()) == 10


def test_what_is_no_work_for_shards_is_refused(bundle, source, tmp_path):
    folder, line = tmp_path / "folder", tmp_path / "prefix"
    folder.mkdir()
    line.write_text("a\n")
    with pytest.raises(UsageError, match="stream"):
        translate_in_shards(bundle, None, tmp_path / "target", GREEDY)
    with pytest.raises(UsageError, match="the translation of a folder is a folder"):
        translate_in_shards(bundle, folder, None, GREEDY)
    with pytest.raises(UsageError, match="no files"):
        translate_in_shards(bundle, folder, tmp_path / "target", GREEDY)
    (folder / "a").write_text("words\n")
    with pytest.raises(UsageError, match="the same one"):
        translate_in_shards(bundle, folder, folder, GREEDY)
    with pytest.raises(UsageError, match="--prefix"):
        translate_in_shards(bundle, folder, tmp_path / "target", GREEDY, requests=Requests(prefix=line))


def test_a_translator_brings_along_what_it_needs(bundle, tmp_path):
    (tmp_path / "glossary.tsv").write_text("words\tfew\n")
    (tmp_path / "forbid").write_text("text\n")
    asked = Requests(forbid=tmp_path / "forbid", glossary=tmp_path / "glossary.tsv")
    options = {"overrides": GREEDY | {"long": "split"}, "requests": asked}
    work = ShardTranslator([bundle, bundle], options, OutputFormat(scores=True))
    shard = Shard(tmp_path / "place", 1, ["a few words", "", "a small text " * 30], "")
    content = pickle.dumps(work)
    for name in ("glossary.tsv", "forbid"):
        (tmp_path / name).unlink()
    assert pickle.loads(content)(shard) == work(shard) == work(shard)  # noqa: S301  (our own; what is counted begins anew)
    assert work(shard).long == 1
    assert len(work(shard).content.splitlines()) == 3
