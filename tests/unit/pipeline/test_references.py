"""Test sets with several references, from the recipe to the files and the views that are scored."""

import json
from pathlib import Path

import pytest

from nmt.config import Recipe
from nmt.corpora_config import CleaningStep, FilesConfig
from nmt.leaderboard.entry import ONLY_REFERENCE, views_of
from nmt.pipeline.entry import test_sets as sets_of
from nmt.pipeline.identities import comparing_identity
from nmt.pipeline.stage import StageContext
from nmt.pipeline.stages import STAGES, reference_names
from nmt.pipeline.workspace import Workspace

TEXTS = {"s": "one two\nthree four\n", "t": "a b\nc d\n", "second": "a x\nc y\n", "hypothesis": "a x\nc d\n"}


@pytest.fixture
def recipe():
    files = {"source": "s", "target": "t"}
    corpora = {"source": "x", "target": "y", "train": [files], "valid": [files]}
    corpora["test"] = [files, {**files, "references": ["second"]}]
    settings = {"name": "several", "corpora": corpora, "task": "summarization"}
    return Recipe.model_validate(settings | {"evaluation": {"metrics": ["rouge1"], "bootstrap_samples": 0}})


def build(name, recipe, folder, inputs):
    (folder / name).mkdir(exist_ok=True)
    context = StageContext(
        recipe, folder / "recipe.yaml", "", inputs, folder / name, Workspace.at(folder), folder, lambda _: None
    )
    next(stage for stage in STAGES if stage.name == name).build(context)
    return folder / name


def test_every_reference_is_scored_alone_and_all_together(recipe, tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    fetched = build("fetch", recipe, tmp_path, {})
    (tmp_path / "translated").mkdir()
    for name in ("s", "s-2"):
        (tmp_path / "translated" / f"{name}.txt").write_text(TEXTS["hypothesis"], encoding="utf-8")
    evaluated = build("evaluate", recipe, tmp_path, {"fetch": fetched, "translate": tmp_path / "translated"})
    scores = json.loads((evaluated / "scores.json").read_bytes())
    values = {view: rows[0]["value"] for view, rows in scores.items()}
    assert values == {"s": 75.0, "s-2/t": 75.0, "s-2/second": 75.0, "s-2/all": 100.0}
    tests = sets_of(recipe, fetched)
    assert {view.name for test in tests.values() for view in test.views} == set(values)
    assert [text.lines for text in tests["s-2"].references.values()] == [("a b", "c d"), ("a x", "c y")]


def test_a_training_pair_that_is_a_further_reference_is_removed(recipe, tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    corpora = recipe.corpora.model_copy(
        update={
            "train": [FilesConfig(source="s", target="second")],
            "valid": [FilesConfig(source="t", target="t")],
            "test": [FilesConfig(source="s", target="t", references=["hypothesis"])],
        }
    )
    recipe = recipe.model_copy(update={"corpora": corpora, "cleaning": [CleaningStep(decontaminate={})]})
    fetched = build("fetch", recipe, tmp_path, {})
    cleaned = build("clean", recipe, tmp_path, {"fetch": fetched})
    assert (cleaned / "train.target.txt").read_text(encoding="utf-8") == "c y\n"


def test_only_recipes_that_compare_targets_depend_on_further_references(recipe):
    def identity(test, **step):
        tree = recipe.model_dump() | {"cleaning": [{"deduplicate": {}}, {"decontaminate": step}]}
        tree["corpora"]["test"] = [test]
        return comparing_identity(Recipe.model_validate(tree), Path("recipe.yaml"))

    several = {"source": "s", "target": "t", "references": ["second"]}
    assert identity(several) == identity(several, on="either") == {"all_references": True}
    assert identity(several, on="source") is None
    assert identity({"source": "s", "target": "t"}) is None


def test_the_only_reference_of_a_set_needs_no_name(recipe):
    assert reference_names(recipe, "s") == [ONLY_REFERENCE]
    assert reference_names(recipe, "s-2") == ["t", "second"]
    assert views_of("s", {ONLY_REFERENCE: 1}) == {"s": {ONLY_REFERENCE: 1}}


@pytest.mark.parametrize("split", ["train", "valid"])
def test_references_are_of_test_sets(split, recipe):
    corpus = FilesConfig(source="s", target="t", references=["second"])
    tree = recipe.model_dump()
    tree["corpora"][split] = [corpus.model_dump()]
    with pytest.raises(ValueError, match=f"corpora.{split}: references are of test sets"):
        Recipe.model_validate(tree)
