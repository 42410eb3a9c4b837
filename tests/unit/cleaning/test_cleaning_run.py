from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.cleaning import TrainingPart, clean_files, normalizer_of
from nmt.cleaning.filters import DeduplicateFilter, EmptyFilter, EvaluationDigests, filter_of
from nmt.cleaning.run import EXAMPLES_PER_STEP
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep
from nmt.errors import DataError
from nmt.textio import read_parallel, write_lines


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


def write(folder: Path, name: str, pairs: Sequence[Pair]) -> tuple[Path, Path]:
    paths = folder / f"{name}.source", folder / f"{name}.target"
    for path, texts in zip(paths, zip(*pairs, strict=True) if pairs else ([], []), strict=True):
        write_lines(path, texts)
    return paths


def clean(
    pairs: Sequence[Pair], steps: Sequence[CleaningStep], sets: dict[str, list[Pair]], **options: Any
) -> tuple[list[Pair], dict[str, Any]]:
    """Cleans pairs in files, and one more that is kept, for something must be; returns the kept ones and the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [write(folder, "own", pairs), write(folder, "one", [Pair("z", "z")])]
        parts = [TrainingPart("own", len(pairs)), TrainingPart("one", 1)]
        evaluation = {key: [write(folder, key, rows)] for key, rows in sets.items()}
        report = clean_files(files, parts, evaluation, steps, folder / "cleaned", **options)
        kept = read_parallel([folder / "cleaned" / f"train.{side}.txt" for side in ("source", "target")])
        return [Pair(*row) for row in kept][:-1], report


def test_kept_pairs_and_counts() -> None:
    kept, report = clean(PAIRS, STEPS, EVALUATION)
    assert kept == [Pair("a b", "x"), Pair("d", "y")]
    counts = [tuple(row[key] for key in ("name", "seen", "kept", "dropped")) for row in report["steps"]]
    assert counts == [
        ("empty", 8, 6, 2),
        ("normalize", 6, 6, 0),
        ("length", 6, 5, 1),
        ("deduplicate", 5, 4, 1),
        ("decontaminate", 4, 3, 1),
    ]
    assert report["steps"][1]["changed"] == 1
    assert (report["read"], report["kept"]) == (8, 3)
    assert json.loads(json.dumps(report)) == report


def test_examples_give_place_text_and_reason() -> None:
    examples = {row["name"]: row["examples"] for row in clean(PAIRS, STEPS, EVALUATION)[1]["steps"]}
    assert examples["empty"][1] == {"pair": 6, "source": "c", "target": "\u200b ", "reason": "target empty"}
    assert examples["length"][0]["reason"] == "4 and 1 words, not within 1 to 3"
    assert examples["deduplicate"][0]["pair"] == 3
    assert examples["decontaminate"][0]["reason"] == "its source occurs in the valid set"


def test_examples_are_few_and_short() -> None:
    kept, report = clean([Pair("x" * 10_000, "")] * 20, [], {}, shard_bytes=20_000)
    assert kept == []
    assert len(report["steps"][0]["examples"]) == EXAMPLES_PER_STEP
    assert len(report["steps"][0]["examples"][0]["source"]) == 200


def test_steps_may_come_twice_and_in_any_order() -> None:
    steps = [step("deduplicate"), step("normalize"), step("deduplicate")]
    kept, report = clean([Pair("a  b", "x"), Pair("a b", "x")], steps, {})
    assert kept == [Pair("a b", "x")]
    assert [row["dropped"] for row in report["steps"]] == [0, 0, 0, 1]


def test_an_evaluation_set_may_be_absent_or_read_by_two_steps() -> None:
    assert len(clean(PAIRS[-1:], STEPS, {})[0]) == 1
    steps = [step("decontaminate", on="pair"), step("decontaminate", on="source")]
    kept, report = clean([Pair("a", "x"), Pair("b", "y")], steps, {"valid": [Pair("A", "X"), Pair("B", "other")]})
    assert kept == []
    assert [row["dropped"] for row in report["steps"]] == [0, 1, 1]


def one_by_one(pairs: Sequence[Pair], steps: Sequence[CleaningStep], sets: dict[str, list[Pair]]) -> Any:
    """What cleaning is: every pair goes through all steps before the next one does."""
    digests = {name: EvaluationDigests(rows) for name, rows in sets.items()}
    seen: list[set[bytes]] = [set() for _ in steps]
    kept, dropped = [], [0] * (len(steps) + 1)
    for pair in pairs:
        if EmptyFilter().measure(pair):
            dropped[0] += 1
            continue
        for number, each in enumerate(steps):
            if each.normalize is not None:
                pair = Pair(*map(normalizer_of([each]), pair))
            elif each.deduplicate is not None:
                digest = DeduplicateFilter(each.deduplicate).digest(pair)
                drop = digest in seen[number]
                seen[number].add(digest)
            else:
                judge = filter_of(each, digests)
                drop = not judge.accepts(judge.measure(pair))
            if each.normalize is None and drop:
                dropped[number + 1] += 1
                break
        else:
            kept.append(pair)
    return kept, dropped


TEXT = st.lists(st.sampled_from(["a", "b", "c", " ", "\u00ad", "\r", "\ufeff", "e\u0301", "\u2028"]), max_size=3).map(
    "".join
)
ANY_STEPS = st.lists(
    st.sampled_from(
        [
            *STEPS,
            step("deduplicate", on="source"),
            step("length", unit="char", max=2),
            step("decontaminate", on="either"),
        ]
    ),
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(Pair, TEXT, TEXT), max_size=30), ANY_STEPS, st.integers(1, 40))
def test_shards_of_any_size_are_cleaned_as_one_pair_after_the_other_is(
    pairs: list[Pair], steps: list[CleaningStep], shard_bytes: int
) -> None:
    sets = {"valid": [Pair("a", "b")], "test": [Pair("c", "c"), Pair("c a", "b")]}
    kept, report = clean(pairs, steps, sets, shard_bytes=shard_bytes)
    with tempfile.TemporaryDirectory() as name:  # a mark at the start of the file and a CR at the end of a line go
        pairs = [Pair(*row) for row in read_parallel(write(Path(name), "own", pairs))]
        expected, dropped = one_by_one(pairs, steps, sets)
        assert kept == [Pair(*row) for row in read_parallel(write(Path(name), "kept", expected))]
    assert [row["dropped"] for row in report["steps"]] == dropped
    assert report["parts"][0] == {"name": "own", "read": len(pairs), "kept": len(kept)}


def test_several_processes_write_the_same_bytes(tmp_path: Path) -> None:
    generator = random.Random(1)
    pairs = [
        Pair(*generator.choices(["a", "b  c", "c é", "", "secret", "one two three four"], k=2)) for _ in range(200)
    ]
    files, valid = write(tmp_path, "own", pairs), write(tmp_path, "valid", [Pair("secret", "a")])
    passed = []
    for processes in (1, 2, 3):
        output = tmp_path / str(processes)
        parts = [TrainingPart("own", len(pairs))]
        clean_files([files], parts, {"valid": [valid]}, STEPS, output, processes, passed.append, shard_bytes=40)
        assert sorted(path.name for path in output.iterdir()) == sorted(
            path.name for path in (tmp_path / "1").iterdir()
        )
        for path in output.iterdir():
            assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()
    assert 0.5 * len(pairs) <= sum(passed) / 3 <= len(pairs)


def test_a_line_in_the_middle_of_a_shard_of_another_process_is_named(tmp_path: Path) -> None:
    source, target = write(tmp_path, "own", [Pair(str(number), "x") for number in range(60)])
    target.write_bytes(target.read_bytes().replace(b"x", b"\xff", 43).replace(b"\xff", b"x", 42))
    parts = [TrainingPart("own", 60)]
    with pytest.raises(DataError, match=f"{target.name}, line 43: not valid UTF-8") as caught:
        clean_files([(source, target)], parts, {}, STEPS, tmp_path / "cleaned", 2, shard_bytes=15)
    assert "iconv" in str(caught.value)
    assert list((tmp_path / "cleaned").iterdir()) == []


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
