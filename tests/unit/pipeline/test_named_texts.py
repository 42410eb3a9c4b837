import pytest

from nmt.errors import DataError, FetchError, UsageError
from nmt.pipeline.named_texts import read_lines_of, read_references, read_source


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """An empty folder of sacreBLEU's, and no network."""
    from sacrebleu.dataset import DATASETS

    monkeypatch.setenv("NMT_OFFLINE", "1")
    monkeypatch.delenv("NMT_MIRROR", raising=False)
    folder = tmp_path / "sacrebleu" / "wmt22"
    folder.mkdir(parents=True)
    monkeypatch.setattr(DATASETS["wmt22"], "_outdir", str(tmp_path / "own"))
    return folder


def test_files_and_sides_of_cards(tmp_path):
    path = tmp_path / "a:b"
    path.write_text("one\ntwo\n")
    [text] = read_references([str(path)], tmp_path)
    assert text.lines == ("one", "two")
    german, english = (read_source(f"phrases/test:{side}", tmp_path) for side in ("de", "en"))
    assert len(german.lines) == len(english.lines) > 100
    assert german.digest != english.digest
    assert german.name == "phrases/test:de"


def test_test_sets_of_sacrebleu_come_from_its_folder_or_the_mirror(own_folder, tmp_path, monkeypatch):
    for field in ("src", "ref-A", "ref-B"):
        (own_folder / f"wmt22.en-de.{field}").write_text(f"{field}\n")
    with pytest.raises(FetchError, match=r"wmt22\.en-de\.ref in .*own.*sacrebleu -t wmt22"):
        read_references(["wmt22:en-de"], tmp_path)
    monkeypatch.setenv("NMT_MIRROR", str(tmp_path))
    assert [text.lines for text in read_references(["wmt22:en-de"], tmp_path)] == [("ref-A",), ("ref-B",)]
    assert read_source("wmt22:en-de", tmp_path).lines == ("src",)
    monkeypatch.delenv("NMT_MIRROR")
    own_folder.rename(tmp_path / "own")
    assert len(read_references(["wmt22:en-de", "wmt22:en-de"], tmp_path)) == 4


@pytest.mark.usefixtures("own_folder")
def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"Did you mean wmt2\d:en-de"):
        read_references(["wmt2x:en-de"], tmp_path)
    with pytest.raises(UsageError, match=r"no such language pair.*Did you mean wmt22:en-de"):
        read_references(["wmt22:en-dx"], tmp_path)
    with pytest.raises(UsageError, match="no side xx"):
        read_references(["phrases/test:xx"], tmp_path)
    with pytest.raises(DataError, match="nothing: cannot be read"):
        read_references([str(tmp_path / "nothing")], tmp_path)


def test_a_file_that_is_empty_or_not_utf_8_names_file_and_line(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="text, line 1: the file is empty"):
        read_lines_of(path)
    path.write_bytes(b"\n\n")
    assert read_lines_of(path).lines == ("", "")
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(DataError, match="text, line 2: not valid UTF-8"):
        read_lines_of(path)
