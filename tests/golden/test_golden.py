"""Outputs that must not change unnoticed, compared with files. To write the files anew: NMT_UPDATE_GOLDEN=1 pytest."""

import os
import tempfile
from pathlib import Path

import pytest

from nmt.cleaning.files import TrainingPart, clean_files
from nmt.cleaning.files import as_markdown as cleaning_markdown
from nmt.config import Recipe
from nmt.corpora.pair import Pair
from nmt.corpora.phrases import generate
from nmt.evaluation.scores import score_lines
from nmt.leaderboard.board import Board
from nmt.leaderboard.records import Record
from nmt.leaderboard.table import as_markdown
from nmt.textio import write_lines

FOLDER = Path(__file__).parent


def phrases() -> str:
    """The demo's corpus must be the same on every machine: its leaderboard compares runs."""
    parts = ("train", "valid", "test")
    return "".join(f"{part}\t{english}\t{german}\n" for part in parts for english, german in generate(part, 1, 40))


def cleaning_report() -> str:
    recipe = Recipe.model_validate({"name": "x", "corpora": {"source": "a", "target": "b", "train": ["x/y"]} | TESTS})
    pairs = [Pair("a  cat", "eine Katze"), Pair("a cat", "eine Katze"), Pair("", "leer"), Pair("A dog!", "Ein Hund.")]
    with tempfile.TemporaryDirectory() as name:
        files = {key: (Path(name, f"{key}.a"), Path(name, f"{key}.b")) for key in ("train", "test")}
        for key, rows in (("train", pairs), ("test", [Pair("a dog", "ein Hund")])):
            for path, texts in zip(files[key], zip(*rows, strict=True), strict=True):
                write_lines(path, texts)
        parts = [TrainingPart("x", len(pairs))]
        report = clean_files([files["train"]], parts, {"test": [files["test"]]}, recipe.cleaning, Path(name, "cleaned"))
        assert Path(name, "cleaned", "train.target.txt").read_text(encoding="utf-8") == "eine Katze\n"
    return cleaning_markdown(report)


TESTS = {"valid": ["x/y"]}


def leaderboard() -> str:
    references = ["The cat sat on the mat.", "She reads a book in the garden.", "There is no water in the glass."]
    records = []
    for number, hypotheses in enumerate([references, ["The cat sat on a mat.", "She reads it.", ""]], start=1):
        scores = score_lines(hypotheses, [references], ["bleu", "chrf", "ter"], bootstrap_samples=100)
        records.append(
            Record(
                board="own",
                system=f"system {number}",
                time="2026-01-02T03:04:05+00:00",
                recipe={},
                recipe_digest="r",
                run_digest=str(number),
                seed=number,
                version="0.1.0",
                scores={"set": scores},
                test_digests={"set": "t"},
                hypothesis_digests={"set": str(number)},
                bundle_digest="b",
                parameters=1000 * number,
                training_seconds=90.0,
            )
        )
    return as_markdown(Board("own", records))


@pytest.mark.parametrize(
    ("name", "make"),
    [("phrases.tsv", phrases), ("cleaning.md", cleaning_report), ("leaderboard.md", leaderboard)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equals_the_golden_file(name, make):
    path = FOLDER / name
    if os.environ.get("NMT_UPDATE_GOLDEN"):
        path.write_text(make(), encoding="utf-8")
    assert make() == path.read_text(encoding="utf-8")
