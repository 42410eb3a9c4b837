"""The verb summarize: documents by the line, by the file, and in a field."""

import gzip
import json

import pytest
from click.testing import CliRunner

from nmt.bundle import load_bundle
from nmt.cli import cli
from nmt.decoding.translate import Translator
from nmt.errors import DataError, UsageError

DOCUMENTS = ["a few words. A text of words", "", "a text"]


def summarize(*arguments, **more):
    return CliRunner().invoke(cli, ["summarize", *map(str, arguments)], catch_exceptions=False, **more).stdout


def expected(bundle, **wish):
    translator = Translator(load_bundle(bundle), {"wished_length": {"slack": 0.0} | wish})
    return list(translator.translate(DOCUMENTS))


@pytest.fixture(scope="module")
def summaries(tiny_bundle):
    """What the documents become, with five words each."""
    return expected(tiny_bundle, words=5)


@pytest.mark.parametrize("wish", [{"words": 5}, {"ratio": 1.5}])
def test_each_line_is_a_document(wish, tiny_bundle, tmp_path):
    path = tmp_path / "documents"
    path.write_text("\n".join(DOCUMENTS), encoding="utf-8")
    ((name, value),) = wish.items()
    lines = summarize(tiny_bundle, path, f"--{name}", value, "--set", "decoding.wished_length.slack=0")
    assert lines.split("\n")[:-1] == expected(tiny_bundle, **wish)


def test_each_file_of_a_folder_is_a_document(tiny_bundle, tmp_path, summaries):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.txt").write_text("a few words.\n\n A text\nof words\n", encoding="utf-8")
    (tmp_path / "in" / "two").write_text("", encoding="utf-8")
    (tmp_path / "in" / "three.gz").write_bytes(gzip.compress(b"a text"))
    (tmp_path / "in" / ".hidden").write_text("no", encoding="utf-8")
    out = tmp_path / "new" / "out"
    wish = ["--words", 5, "--set", "decoding.wished_length.slack=0"]
    assert summarize(tiny_bundle, tmp_path / "in", "--output", out, *wish) == ""
    found = {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}
    wanted = dict(zip(("one.txt", "two", "three"), summaries, strict=True))
    assert found == {name: f"{text}\n" for name, text in wanted.items()}


def test_a_field_of_json_objects(tiny_bundle, tmp_path, summaries):
    rows = [{"id": number, "body": text} for number, text in enumerate(DOCUMENTS)]
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    wish = ["--words", 5, "--set", "decoding.wished_length.slack=0"]
    summarize(tiny_bundle, path, "--field", "body", "--into", "short", "--output", out, *wish)
    *found, blank = out.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert blank == ""
    assert list(map(json.loads, found)) == [
        row | {"short": summary} for row, summary in zip(rows, summaries, strict=True)
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[1]", "no JSON object"),
        ("{", "no JSON object"),
        ('{"text": "a"}', "no text in the field body"),
        ('{"body": 3}', "no text in the field body"),
        ('{"body": "a", "summary": "b"}', "has a field summary already"),
    ],
)
def test_lines_without_such_a_field_are_named(line, problem, tiny_bundle, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"body": "a"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"line 2 of the source (is|has) ?.*{problem.removeprefix('has ')}"):
        summarize(tiny_bundle, path, "--field", "body")


def test_folders_need_another_folder(tiny_bundle, tmp_path):
    with pytest.raises(UsageError, match="folder of documents"):
        summarize(tiny_bundle, tmp_path)
    with pytest.raises(UsageError, match="there are no documents"):
        summarize(tiny_bundle, tmp_path, "--output", tmp_path / "out")
    (tmp_path / "a").write_text("a", encoding="utf-8")
    with pytest.raises(UsageError, match="would be overwritten"):
        summarize(tiny_bundle, tmp_path, "--output", tmp_path)
