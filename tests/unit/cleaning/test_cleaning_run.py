from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmt.cleaning import TrainingPart, clean, clean_files
from nmt.cleaning.run import EXAMPLES_PER_STEP
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep
from nmt.errors import DataError


def step(name: str, **settings: Any) -> CleaningStep:
    return CleaningStep.model_validate({name: settings})


STEPS = [step("normalize"), step("length", max=3), step("deduplicate"), step("decontaminate", on="source")]
PAIRS = [
    Pair("a  b", "x"),
    Pair("", "x"),
    Pair("a b", "x"),
    Pair("one two three four", "y"),
    Pair("secret", "z"),
    Pair("c", "\u200b "),
    Pair("d", "y"),
]
EVALUATION = {"valid": [Pair("Secret!", "other")], "test": []}


def test_kept_pairs_and_counts() -> None:
    run = clean(PAIRS, STEPS, EVALUATION)
    assert list(run) == [Pair("a b", "x"), Pair("d", "y")]
    counts = [(report.name, report.seen, report.kept, report.dropped) for report in run.steps]
    assert counts == [
        ("empty", 7, 5, 2),
        ("normalize", 5, 5, 0),
        ("length", 5, 4, 1),
        ("deduplicate", 4, 3, 1),
        ("decontaminate", 3, 2, 1),
    ]
    assert run.steps[1].changed == 1
    assert (run.report["read"], run.report["kept"]) == (7, 2)
    assert json.loads(json.dumps(run.report)) == run.report


def test_examples_give_place_text_and_reason() -> None:
    run = clean(PAIRS, STEPS, EVALUATION)
    list(run)
    examples = {report.name: report.examples for report in run.steps}
    assert examples["empty"][1] == {"pair": 6, "source": "c", "target": "\u200b ", "reason": "target empty"}
    assert examples["length"][0]["reason"] == "4 and 1 words, not within 1 to 3"
    assert examples["deduplicate"][0]["pair"] == 3
    assert examples["decontaminate"][0]["reason"] == "its source occurs in the valid set"


def test_examples_are_few_and_short() -> None:
    run = clean([Pair("x" * 10_000, "")] * 20, [], {})
    assert list(run) == []
    assert len(run.steps[0].examples) == EXAMPLES_PER_STEP
    assert len(run.steps[0].examples[0]["source"]) == 200


def test_pairs_stream() -> None:
    read = []

    def pairs() -> Iterator[Pair]:
        for number in range(3):
            read.append(number)
            yield Pair(str(number), "x")

    run = iter(clean(pairs(), STEPS, {}))
    assert read == []
    assert next(run) == Pair("0", "x")
    assert read == [0]


def test_steps_may_come_twice_and_in_any_order() -> None:
    steps = [step("deduplicate"), step("normalize"), step("deduplicate")]
    run = clean([Pair("a  b", "x"), Pair("a b", "x")], steps, {})
    assert list(run) == [Pair("a b", "x")]
    assert [report.dropped for report in run.steps] == [0, 0, 0, 1]


def test_an_evaluation_set_may_be_absent_or_an_iterator_read_by_two_steps() -> None:
    assert len(list(clean(PAIRS[-1:], STEPS, {}))) == 1
    steps = [step("decontaminate", on="pair"), step("decontaminate", on="source")]
    run = clean([Pair("a", "x"), Pair("b", "y")], steps, {"valid": iter([Pair("A", "X"), Pair("B", "other")])})
    assert list(run) == []
    assert [report.dropped for report in run.steps] == [0, 1, 1]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "source": ["a\u2028b", "", "Secret | *", "x"],
        "target": ["é", "y", "z", "e\u0301"],
        "valid.source": ["secret"],
        "valid.target": ["Z"],
    }
    paths = {name: tmp_path / f"{name}.txt" for name in texts}
    for name, lines in texts.items():
        paths[name].write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")
    return paths


def training(files: dict[str, Path]) -> list[tuple[Path, Path]]:
    return [(files["source"], files["target"])]


def evaluation(files: dict[str, Path]) -> dict[str, list[tuple[Path, Path]]]:
    return {"valid": [(files["valid.source"], files["valid.target"])], "test": []}


def test_files(files: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "cleaned"
    steps = [step("normalize"), step("decontaminate", on="target")]
    report = clean_files(training(files), [TrainingPart("own", 4)], evaluation(files), steps, output)
    assert (output / "train.source.txt").read_bytes() == b"a b\nx\n"
    assert (output / "train.target.txt").read_bytes() == "é\né\n".encode()
    assert json.loads((output / "report.json").read_bytes()) == report
    page = (output / "report.md").read_text("utf-8")
    assert "4 pairs read, 2 kept (50.0%)" in page
    assert "| normalize | form NFC, squeeze_spaces True | 3 | 3 | 0 | 2 |" in page
    assert r"| 3 | its target occurs in the valid set | Secret \| \* | z |" in page
    assert sorted(path.name for path in output.iterdir()) == [
        "report.json",
        "report.md",
        "train.source.txt",
        "train.target.txt",
    ]


def test_the_same_files_give_the_same_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("first", "second"):
        clean_files(training(files), [TrainingPart("own", 4)], evaluation(files), STEPS, tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_nothing_left_names_the_step_that_dropped_most(files: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "cleaned"
    with pytest.raises(DataError, match="nothing is left after cleaning; the step length dropped most") as caught:
        clean_files(training(files), [TrainingPart("own", 4)], {}, [step("length", min=9)], output)
    assert "3 pairs reached length, 3 were dropped" in str(caught.value)
    assert "2 and 1 words, not within 9 to 200" in str(caught.value)
    assert "cleaning.length" in str(caught.value)
    assert list(output.iterdir()) == []


def test_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DataError, match="there are no pairs to clean"):
        clean_files(
            [(tmp_path / "empty", tmp_path / "empty")], [TrainingPart("own", 0)], {}, STEPS, tmp_path / "cleaned"
        )


def test_sides_of_different_length(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="different numbers of lines"):
        clean_files(
            [(files["source"], files["valid.target"])], [TrainingPart("own", 4)], {}, STEPS, tmp_path / "cleaned"
        )
    assert not (tmp_path / "cleaned" / "train.source.txt").exists()


def test_parts_are_counted_over_all_files_and_stay_in_order(files: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "cleaned"
    parts = [TrainingPart("first", 1), TrainingPart("none", 0), TrainingPart("second", 4), TrainingPart("made", 3)]
    report = clean_files([*training(files), *training(files)], parts, {}, [step("deduplicate", on="target")], output)
    rows = [
        {"name": name, "read": read, "kept": kept}
        for name, read, kept in [("first", 1, 1), ("none", 0, 0), ("second", 4, 2), ("made", 3, 0)]
    ]
    assert report["parts"] == rows
    assert (output / "train.target.txt").read_text("utf-8") == "é\nz\ne\u0301\n"
    assert "| second | 4 | 2 |" in (output / "report.md").read_text("utf-8")


@pytest.mark.parametrize("pairs", [3, 5])
def test_parts_must_have_as_many_pairs_as_the_files(files: dict[str, Path], tmp_path: Path, pairs: int) -> None:
    with pytest.raises(DataError, match="parts of the training set") as caught:
        clean_files(training(files), [TrainingPart("own", pairs)], {}, [], tmp_path / "cleaned")
    assert "4 pairs" in str(caught.value)
    assert not (tmp_path / "cleaned" / "train.source.txt").exists()
