"""Studies: recipes and seeds as one table."""

from pathlib import Path

import pytest

from nmt.config import Recipe
from nmt.errors import RecipeError, UsageError
from nmt.evaluation.scores import Score
from nmt.pipeline.papers import (
    Row,
    Run,
    by_length,
    check_comparable,
    headings,
    markdown,
    study_folder,
    study_names,
    table,
    to_json,
)

CORPORA = {"source": "a", "target": "b", "train": ["x/y"], "valid": ["x/z"], "test": ["x/t"]}
SOURCES = ["a"] * 3 + ["a b c d"] * 3 + ["a b c d e f g h"] * 6


def recipe(name, **more):
    evaluation = {"metrics": ["exact", "perplexity"], "tokenize": "none"}
    return Recipe.model_validate({"name": name, "corpora": CORPORA, "evaluation": evaluation, **more})


def run(seed, exact, perplexity, hypotheses=None, seconds=60.0):
    scores = {
        "exact": Score("exact", exact, "nrefs:1", exact - 1, exact + 1, 10),
        "perplexity": Score("perplexity", perplexity, "unit:token"),
    }
    return Run(seed, scores, seconds, SOURCES, SOURCES, hypotheses or SOURCES)


@pytest.fixture
def rows():
    wrong_when_long = [line if len(line) < 9 else "wrong" for line in SOURCES]
    return [
        Row(recipe("1-base"), [run(1, 40.0, 9.0, wrong_when_long), run(2, 50.0, 7.0, wrong_when_long)]),
        Row(recipe("2-better"), [run(1, 60.0, 4.0, seconds=None), run(2, 80.0, 6.0, seconds=180.0)]),
    ]


def test_the_table_has_means_seeds_intervals_and_gains(rows):
    assert headings(rows) == [
        "system", "exact match, mean", "perplexity, mean", "exact match, seed by seed", "gain", "training, min",
    ]  # fmt: skip
    assert table(rows) == [
        ("1-base", "45.00", "8.00", "40.00 [39.0, 41.0]; 50.00 [49.0, 51.0]", "", "1.0"),
        ("2-better", "70.00", "5.00", "60.00 [59.0, 61.0]; 80.00 [79.0, 81.0]", "+25.0", "3.0"),
    ]
    lines = markdown(rows).split("\n")
    assert lines[1] == "|---|---:|---:|---:|---:|---:|"
    assert lines[-2:] == ["- exact match: `nrefs:1`", "- perplexity: `unit:token`"]


def test_scores_by_length_are_those_of_lines_of_like_length(rows):
    lengths, series = by_length(rows, "exact")
    assert lengths == [1.0, 2.5, 4.0, 8.0, 8.0, 8.0]
    assert series == {"1-base": [100.0] * 3 + [0.0] * 3, "2-better": [100.0] * 6}


def test_json_has_every_score_of_every_run(rows):
    study = to_json("mine", rows)
    assert [run["seed"] for row in study["rows"] for run in row["runs"]] == [1, 2, 1, 2]
    assert study["rows"][0]["runs"][1]["scores"][0]["value"] == 50.0


@pytest.mark.parametrize(
    ("other", "reason"),
    [({"evaluation": {"metrics": ["bleu"]}}, "evaluation.metrics"), ({"corpora": CORPORA | {"test": []}}, "test set")],
)
def test_recipes_that_make_no_table_are_refused_before_anything_runs(other, reason):
    first, second = recipe("a"), Recipe.model_validate(recipe("b").model_dump(exclude_none=True) | other)
    check_comparable({Path("a.yaml"): first, Path("c.yaml"): first})
    with pytest.raises(RecipeError, match=rf"b\.yaml: .*{reason}"):
        check_comparable({Path("a.yaml"): first, Path("b.yaml"): second})


def test_studies_of_the_project_are_found_by_name_and_others_by_folder(tmp_path):
    assert {"luong-2015", "sutskever-2014"} <= set(study_names())
    assert study_folder("luong-2015").name == "luong-2015"
    (tmp_path / "row.yaml").write_text("name: row\n", encoding="utf-8")
    assert study_folder(str(tmp_path)) == tmp_path
    with pytest.raises(UsageError, match="Did you mean luong-2015"):
        study_folder("luong-2005")
