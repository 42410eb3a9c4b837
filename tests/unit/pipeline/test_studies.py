"""Studies: recipes and seeds as one table."""

from dataclasses import replace
from pathlib import Path

import pytest

from nmt.config import Recipe
from nmt.errors import RecipeError, UsageError
from nmt.evaluation.scores import Score
from nmt.pipeline.studies import System, ablation, check_comparable, split_values, study_folder, study_names
from nmt.pipeline.study_table import (
    Row,
    Run,
    by_length,
    compare,
    differences,
    headings,
    markdown,
    table,
    to_json,
    welch,
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
    return Run(seed, scores, seconds, 1234, SOURCES, [SOURCES], hypotheses or SOURCES)


@pytest.fixture
def rows():
    wrong_when_long = [line if len(line) < 9 else "wrong" for line in SOURCES]
    base = Row("1-base", recipe("1-base"), [run(1, 40.0, 9.0, wrong_when_long), run(2, 50.0, 7.0, wrong_when_long)])
    better = Row("2-better", recipe("2-better"), [run(1, 60.0, 4.0, seconds=None), run(2, 80.0, 6.0, seconds=180.0)])
    return [base, replace(better, differences=compare(better, base))]


def test_the_table_has_means_spread_seeds_intervals_and_differences(rows):
    assert headings(rows) == [
        "system", "exact match, mean", "perplexity, mean", "exact match, seed by seed", "difference", "p, text",
        "p, seeds", "training, min", "parameters",
    ]  # fmt: skip
    first, second = table(rows)
    assert first == (
        "1-base", "45.00 ± 7.07", "8.00 ± 1.41", "40.00 [39.0, 41.0]; 50.00 [49.0, 51.0]", "", "", "", "1.0", "1,234",
    )  # fmt: skip
    assert second[1:5] == ("70.00 ± 14.14", "5.00 ± 1.41", "60.00 [59.0, 61.0]; 80.00 [79.0, 81.0]", "+25.00")
    assert second[7:] == ("3.0", "1,234")
    lines = markdown(rows, "first").split("\n")
    assert lines[1] == "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    assert lines[-2:] == ["- exact match: `nrefs:1`", "- perplexity: `unit:token`"]
    assert "from the first row" in lines[-4]
    assert lines[5:8] == ["| difference | exact match | perplexity |", "|---|---:|---:|", lines[7]]
    assert lines[7].startswith("| 2-better | +25.00 (p 0.000")
    assert lines[7].endswith(" | -3.00 |")
    assert differences(rows[:1]) == []


def test_differences_are_judged_by_the_text_and_by_the_seeds(rows):
    base, better = rows
    assert list(better.differences) == ["exact", "perplexity"]
    difference = better.differences["exact"]
    assert difference.value == 25.0
    # Half of the 24 lines differ, always in one direction: 2^-12 by chance, twice for both directions.
    assert difference.p_text == pytest.approx(2 * 2**-12, abs=6e-4)
    assert difference.p_seeds == pytest.approx(welch([40.0, 50.0], [60.0, 80.0]))
    assert better.differences["perplexity"].value == -3.0
    assert better.differences["perplexity"].p_text is None
    alike = compare(base, base)["exact"]
    assert (alike.value, alike.p_text, alike.p_seeds) == (0.0, 1.0, 1.0)


def test_welch_needs_two_values_of_each_and_some_spread():
    # t = 4 / sqrt(2) with 2 degrees of freedom: there, p is 1 - t / sqrt(2 + t^2).
    assert welch([0.0, 2.0], [4.0, 6.0]) == pytest.approx(1 - 8**0.5 / 10**0.5)
    assert welch([1.0], [2.0, 3.0]) is None
    assert welch([1.0, 1.0], [2.0, 2.0]) is None
    assert welch([1.0, 1.0], [1.0, 1.0]) is None


def test_one_seed_has_no_spread(rows):
    alone = [replace(row, runs=row.runs[:1], differences={}) for row in rows]
    assert table(alone)[0][1] == "40.00"
    assert compare(alone[1], alone[0])["exact"].p_seeds is None


def test_an_output_may_be_like_any_reference(rows):
    base, better = rows
    others = [[f"{line} {line}" for line in SOURCES], SOURCES]
    both = [replace(row, runs=[replace(run, references=others) for run in row.runs]) for row in (better, base)]
    assert compare(*both)["exact"].p_text == better.differences["exact"].p_text
    assert by_length(both, "exact")[1] == by_length([better, base], "exact")[1]


def test_scores_by_length_are_those_of_lines_of_like_length(rows):
    lengths, series = by_length(rows, "exact")
    assert lengths == [1.0, 2.5, 4.0, 8.0, 8.0, 8.0]
    assert series == {"1-base": [100.0] * 3 + [0.0] * 3, "2-better": [100.0] * 6}


def test_json_has_every_score_of_every_run(rows):
    study = to_json("mine", rows, "above")
    assert [run["seed"] for row in study["rows"] for run in row["runs"]] == [1, 2, 1, 2]
    assert study["rows"][0]["runs"][1]["scores"][0]["value"] == 50.0
    assert study["rows"][1]["differences"]["exact"]["value"] == 25.0
    assert study["rows"][0]["differences"] == {}
    assert study["rows"][1]["spreads"]["perplexity"] == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"evaluation": {"metrics": ["bleu"]}}, "evaluation.metrics"),
        ({"evaluation": {"metrics": ["exact", "perplexity"], "tokenize": "char"}}, "evaluation"),
        ({"corpora": CORPORA | {"test": []}}, "test set"),
        ({"corpora": CORPORA | {"test": ["x/z"]}}, "corpora.test"),
    ],
)
def test_recipes_that_make_no_table_are_refused_before_anything_runs(other, reason):
    first, second = recipe("a"), Recipe.model_validate(recipe("b").model_dump(exclude_none=True) | other)
    systems = [System(each.name, each.name, Path(f"{each.name}.yaml"), (), each) for each in (first, first, second)]
    check_comparable(systems[:2])
    with pytest.raises(RecipeError, match=rf"b\.yaml: .*{reason}"):
        check_comparable(systems)


@pytest.fixture
def recipe_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ncorpora: {source: a, target: b, train: [x/y], valid: [x/z], test: [x/t]}\n")
    return path


def test_an_ablation_has_all_combinations(recipe_path):
    study = ablation(recipe_path, ["model.dropout=0.1,0.3", "decoding.beam_size=1,5"], ["training.max_epochs=3"])
    assert study.name == "mine.over.model.dropout-decoding.beam_size"
    assert [system.name for system in study.systems] == [
        "model.dropout=0.1, decoding.beam_size=1",
        "model.dropout=0.1, decoding.beam_size=5",
        "model.dropout=0.3, decoding.beam_size=1",
        "model.dropout=0.3, decoding.beam_size=5",
    ]
    recipes = [system.recipe for system in study.systems]
    assert [(each.model.dropout, each.decoding.beam_size) for each in recipes] == [
        (0.1, 1),
        (0.1, 5),
        (0.3, 1),
        (0.3, 5),
    ]
    assert {each.training.max_epochs for each in recipes} == {3}
    assert {each.board for each in recipes} == {study.name}
    names = [f"{study.name}.{system.run_name}.seed-1" for system in study.systems]
    assert len(set(names)) == 4
    for name in names:
        recipe(name)  # a name that a recipe may have


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ([], "nothing to vary"),
        (["seed=1,2"], "--seeds"),
        (["name=a,b"], "cannot be varied"),
        (["model.dropout=0.1", "model.dropout=0.2"], "cannot be varied"),
        (["model.dropout"], "key=value,value"),
        (["model.dropout="], "key=value,value"),
        (["model.dropout=0.1,,0.2"], "key=value,value"),
    ],
)
def test_what_is_no_ablation_is_refused(recipe_path, over, error):
    with pytest.raises(UsageError, match=error):
        ablation(recipe_path, over)


def test_a_faulty_combination_is_refused_before_anything_runs(recipe_path):
    with pytest.raises(RecipeError, match="dropout"):
        ablation(recipe_path, ["model.dropout=0.1,7"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1,2", ["1", "2"]),
        ("[a, b], [c]", ["[a, b]", "[c]"]),
        ("{a: 1, b: [2, 3]},null", ["{a: 1, b: [2, 3]}", "null"]),
        ("'a,b',\"c,d\"", ["'a,b'", '"c,d"']),
        ("", [""]),
    ],
)
def test_values_are_parted_at_outer_commas(text, parts):
    assert split_values(text) == parts


def test_studies_of_the_project_are_found_by_name_and_others_by_folder(tmp_path):
    assert {"luong-2015", "sutskever-2014"} <= set(study_names())
    assert study_folder("luong-2015").name == "luong-2015"
    (tmp_path / "row.yaml").write_text("name: row\n", encoding="utf-8")
    assert study_folder(str(tmp_path)) == tmp_path
    with pytest.raises(UsageError, match="Did you mean luong-2015"):
        study_folder("luong-2005")
