"""From what a recipe names to two files."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from nmt.cleaning import TrainingPart, clean_files
from nmt.corpora import phrases
from nmt.corpora.cards import CARD_FOLDERS_VARIABLE
from nmt.corpora.materialize import (
    materialize,
    materialize_further,
    materialize_text,
    reference_identity,
    reference_name,
    resolve,
    text_identity,
)
from nmt.corpora_config import CleaningStep, CorpusReference, DecontaminateStep, FilesConfig, PartConfig, TextConfig
from nmt.errors import DataError, UsageError
from nmt.vectors import Vectors

CARD = """\
id: talks
title: Talks
languages: [en, de]
licence: CC0
citation: "Somebody: Talks"
verified: true
files:
  train.tsv: {path: train.tsv}
splits:
  train: {format: tsv, file: train.tsv, columns: {en: 0, de: 1}}
"""
FILES = FilesConfig(source="own.en", target="own.de.gz")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe's own files, and a card that is found."""
    monkeypatch.setenv(CARD_FOLDERS_VARIABLE, str(tmp_path))
    (tmp_path / "talks.yaml").write_text(CARD, encoding="utf-8")
    (tmp_path / "train.tsv").write_text("a dog\tein Hund\nan egg\tein Ei\n", encoding="utf-8")
    (tmp_path / "own.en").write_bytes("one\r\ntwo\u2028\n".encode())
    (tmp_path / "own.de.gz").write_bytes(gzip.compress(b"eins\nzwei"))
    return tmp_path


def write(
    folder: Path, *references: CorpusReference, source: str = "en", target: str = "de"
) -> list[dict[str, object]]:
    outputs = folder / "out" / "source.txt", folder / "out" / "target.txt"
    return materialize(list(references), source, target, folder / "store", *outputs, folder)


def text(folder: Path) -> tuple[str, str]:
    read = [(folder / "out" / name).read_bytes().decode("utf-8") for name in ("source.txt", "target.txt")]
    return read[0], read[1]


def test_own_files(folder: Path) -> None:
    report = write(folder, FILES)
    assert text(folder) == ("one\ntwo\u2028\n", "eins\nzwei\n")
    assert report[0]["pairs"] == 2
    assert report[0]["split"] == "own"
    digest = hashlib.sha256((folder / "own.en").read_bytes()).hexdigest()
    assert report[0]["files"][str(folder / "own.en")] == digest  # type: ignore[index]


def test_several_corpora_follow_each_other(folder: Path) -> None:
    report = write(folder, "talks/train", FILES, "phrases/valid")
    source, target = (side.split("\n") for side in text(folder))
    assert source[:3] == ["a dog", "an egg", "one"]
    assert target[:3] == ["ein Hund", "ein Ei", "eins"]
    assert len(source) == len(target) == 2 + 2 + 500 + 1
    assert [entry["pairs"] for entry in report] == [2, 2, 500]
    assert [entry["id"] for entry in report] == ["talks", None, "phrases"]
    assert report[0]["licence"] == "CC0"
    assert report[0]["citation"] == "Somebody: Talks"
    assert report[0]["files"] == {"train.tsv": hashlib.sha256((folder / "train.tsv").read_bytes()).hexdigest()}


def test_the_other_direction(folder: Path) -> None:
    write(folder, "talks/train", source="de", target="en")
    assert text(folder) == ("ein Hund\nein Ei\n", "a dog\nan egg\n")


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("talks/trian", "Did you mean talks/train"),
        ("tallks/train", "Did you mean talks"),
        ("talks", "card/split"),
        ("/train", "card/split"),
        ("talks/", "card/split"),
    ],
)
def test_a_corpus_that_does_not_exist(folder: Path, reference: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        resolve(reference)
    with pytest.raises(UsageError, match=problem):
        write(folder, reference)


def test_an_empty_corpus_is_an_error_and_leaves_nothing(folder: Path) -> None:
    (folder / "train.tsv").write_bytes(b"")
    with pytest.raises(DataError, match="talks/train: the corpus is empty"):
        write(folder, FILES, "talks/train")
    assert list((folder / "out").iterdir()) == []


def test_a_file_of_ones_own_that_is_missing_or_too_short(folder: Path) -> None:
    (folder / "own.en").write_bytes(b"one\n")
    with pytest.raises(DataError, match=r"own\.en: 1 lines, .*own\.de\.gz: 2 lines"):
        write(folder, FILES)
    (folder / "own.en").unlink()
    with pytest.raises(DataError, match=r"own\.en: cannot be read"):
        write(folder, FILES)
    with pytest.raises(DataError, match=r"own\.en: cannot be read"):
        reference_identity(FILES, "en", "de", folder)


def test_a_part_is_one_line_in_so_many(folder: Path) -> None:
    (folder / "train.tsv").write_text("".join(f"{n}\t-{n}\n" for n in range(7)), encoding="utf-8")
    report = write(folder, PartConfig(corpus="talks/train", every=3))
    assert text(folder) == ("0\n3\n6\n", "-0\n-3\n-6\n")
    assert (report[0]["id"], report[0]["split"], report[0]["pairs"]) == ("talks", "train, one line in 3", 3)


def test_a_validation_set_that_is_a_part_of_train_can_be_removed_from_it(folder: Path, tmp_path: Path) -> None:
    (folder / "train.tsv").write_text("".join(f"{n}\t-{n}\n" for n in range(7)), encoding="utf-8")
    files = {}
    for name, reference in (("train", "talks/train"), ("valid", PartConfig(corpus="talks/train", every=3))):
        write(folder, reference)
        files[name] = tmp_path / f"{name}.source", tmp_path / f"{name}.target"
        for path, content in zip(files[name], text(folder), strict=True):
            path.write_text(content, encoding="utf-8")
    steps = [CleaningStep(decontaminate=DecontaminateStep())]
    clean_files([files["train"]], [TrainingPart("talks", 7)], {"valid": [files["valid"]]}, steps, tmp_path / "cleaned")
    assert (tmp_path / "cleaned" / "train.source.txt").read_text(encoding="utf-8") == "1\n2\n4\n5\n"


def test_a_part_of_a_corpus_that_does_not_exist(folder: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean talks/train"):
        write(folder, PartConfig(corpus="talks/trian", every=3))
    (folder / "train.tsv").write_bytes(b"")
    with pytest.raises(DataError, match="talks/train, one line in 3: the corpus is empty"):
        write(folder, PartConfig(corpus="talks/train", every=3))


def test_names() -> None:
    assert reference_name(PartConfig(corpus="scan/simple.train", every=20)) == "scan.simple.train-every-20"
    assert reference_name("multi30k/test_2016") == "multi30k.test_2016"
    assert reference_name(FilesConfig(source="some/talks.en.gz", target="x")) == "talks"


def test_the_identity_is_of_the_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(reference: CorpusReference, source: str = "en", target: str = "de") -> dict[str, object]:
        return reference_identity(reference, source, target, folder)

    first, own, made = identity("talks/train"), identity(FILES), identity("phrases/train")
    assert identity("talks/train", "de", "en") != first
    parts = [identity(PartConfig(corpus="talks/train", every=every)) for every in (2, 3)]
    assert first not in parts
    assert parts[0] != parts[1]
    assert identity("talks/train", "de", "en") not in parts
    (folder / "talks.yaml").write_text(CARD.replace("title: Talks", "title: More talks"), encoding="utf-8")
    assert identity("talks/train") == first
    (folder / "train.tsv").write_bytes(b"a\tb\n")
    (folder / "own.en").write_bytes(b"1\n2\n")
    assert identity("talks/train") != first
    assert identity(FILES) != own
    assert made["generator_version"] == phrases.VERSION
    monkeypatch.setattr(phrases, "VERSION", phrases.VERSION + 1)
    assert identity("phrases/train") != made


def test_vectors_lie_packed_beside_the_lines_that_name_them(folder: Path) -> None:
    for name, steps in (("one", [1, 3]), ("two", [2])):
        np.savez(folder / f"{name}.npz", *[np.full((count, 4), count, np.float64) for count in steps])
        (folder / f"{name}.txt").write_text("a caption\n" * len(steps))
    own = [FilesConfig(source=f"{name}.npz", target=f"{name}.txt") for name in ("one", "two")]
    write(folder, *own)
    vectors = Vectors.load(folder / "out" / "source.npz")
    assert vectors.offsets.tolist() == [0, 1, 4, 6]
    assert (folder / "out" / "source.txt").read_text().splitlines() == vectors.lines
    (folder / "two.txt").write_text("a caption\n" * 3)
    with pytest.raises(DataError, match=r"two\.npz and .*two\.txt(.|\n)*1 arrays and 3 lines"):
        write(folder, *own)


def test_text_of_one_side_is_written_without_blank_lines(folder):
    (folder / "mono.de").write_bytes("drei\r\n\n \u2028\nvier".encode())
    references = ["talks/train", PartConfig(corpus="talks/train", every=2), TextConfig(file="mono.de")]
    output = folder / "out" / "text.txt"
    report = materialize_text(references, "de", folder / "store", output, folder)
    assert output.read_text(encoding="utf-8") == "ein Hund\nein Ei\nein Hund\ndrei\nvier\n"
    assert [row["pairs"] for row in report] == [2, 1, 2]
    assert report[2]["files"] == {
        str(folder / "mono.de"): hashlib.sha256((folder / "mono.de").read_bytes()).hexdigest()
    }


def test_only_the_side_that_is_read_decides_its_text(folder):
    reference = TextConfig(file="own.en")
    before = text_identity(reference, "en", folder)
    (folder / "own.de.gz").write_bytes(gzip.compress(b"eins\ndrei"))
    assert text_identity(reference, "en", folder) == before
    (folder / "own.en").write_text("three\n")
    assert text_identity(reference, "en", folder) != before


@pytest.mark.parametrize(
    ("reference", "side", "error", "message"),
    [
        (TextConfig(file="blank.de"), "de", DataError, "blank.de: the corpus is empty"),
        (TextConfig(file="none.de"), "de", DataError, "none.de"),
        ("talks/train", "fr", UsageError, "no side fr"),
    ],
)
def test_text_that_is_not_there_is_an_error(folder, reference, side, error, message):
    (folder / "blank.de").write_text("\n \n")
    with pytest.raises(error, match=message):
        materialize_text([reference], side, folder / "store", folder / "text.txt", folder)


def test_further_references_are_written_beside_the_target_and_are_of_its_identity(folder: Path) -> None:
    (folder / "second.de").write_text("uno\ndue\n", encoding="utf-8")
    own = FilesConfig(source="own.en", target="own.de.gz", references=["second.de"])
    write(folder, own)
    target, further = folder / "out" / "target.txt", folder / "out" / "target-2.txt"
    materialize_further(own, [further], target, folder / "store", folder)
    assert further.read_bytes() == b"uno\ndue\n"
    every = PartConfig(corpus="talks/train", every=2, references=["en"])
    write(folder, every)
    materialize_further(every, [further], target, folder / "store", folder)
    assert further.read_bytes() == b"a dog\n"
    (folder / "second.de").write_text("uno\n", encoding="utf-8")
    write(folder, own)
    with pytest.raises(DataError, match=r"reference second.de(.|\n)*1 lines(.|\n)*2 lines"):
        materialize_further(own, [further], target, folder / "store", folder)
    whole = PartConfig(corpus="talks/train")
    named, plain, referenced = (
        reference_identity(corpus, "en", "de", folder)
        for corpus in (whole, "talks/train", whole.model_copy(update={"references": ["en"]}))
    )
    assert named == plain
    assert referenced != plain
    assert reference_name(whole) == "talks.train"
