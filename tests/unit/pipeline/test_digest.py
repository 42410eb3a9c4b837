"""Digests: what an artifact depends on, and how a change is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import Recipe
from nmt.pipeline.digest import differences, digest_of, stage_facts
from nmt.pipeline.stage import Stage

CORPORA = {"source": "en", "target": "de", "train": ["own/train"], "valid": ["own/valid"]}
FACTS = {
    "stage": "train",
    "version": 2,
    "settings": {"seed": 1, "training": {"learning_rate": 0.1, "select_on": "bleu"}},
    "inputs": {"encode": "abc"},
    "data": {"train": [{"files": ["first", "second"]}]},
}


def recipe_of(**sections) -> Recipe:
    return Recipe.model_validate({"name": "own", "corpora": CORPORA, **sections})


def stage_of(keys, identity=None) -> Stage:
    return Stage("some", 3, keys, ("fetch",), lambda context: None, identity)


def facts_of(stage: Stage, recipe: Recipe):
    return stage_facts(stage, recipe, Path("own.yaml"), {"fetch": "abc"})


def changed(**parts):
    return FACTS | parts


def test_facts_are_the_keys_of_the_stage_with_their_defaults():
    recipe = recipe_of(seed=7, evaluation={"metrics": ["ter"]})
    assert facts_of(stage_of(("seed", "evaluation", "dataset.tokens_per_batch")), recipe) == {
        "stage": "some",
        "version": 3,
        "settings": {
            "seed": 7,
            "evaluation": {
                "metrics": ["ter"],
                "tokenize": "13a",
                "lowercase": False,
                "stemmer": False,
                "rouge_words": "unicode",
                "bootstrap_samples": 1000,
            },
            "dataset.tokens_per_batch": 1024,
        },
        "inputs": {"fetch": "abc"},
        "data": None,
    }


@pytest.mark.parametrize("key", ["nothing", "seed.nothing", "leaderboard.board"])
def test_a_key_without_a_value_is_none(key):
    assert facts_of(stage_of((key,)), recipe_of())["settings"] == {key: None}


def test_data_is_what_the_stage_says_of_the_recipe_and_its_path():
    stage = stage_of((), lambda recipe, path: [recipe.name, path.name])
    assert facts_of(stage, recipe_of())["data"] == ["own", "own.yaml"]


def test_only_the_keys_of_the_stage_change_its_digest():
    stage = stage_of(("model.dropout",))
    before = digest_of(facts_of(stage, recipe_of()))
    assert digest_of(facts_of(stage, recipe_of(seed=9, model={"embedding": {"size": 8}}))) == before
    assert digest_of(facts_of(stage, recipe_of(model={"dropout": 0.25}))) != before


def test_a_digest_is_sixteen_characters_that_never_change():
    assert digest_of({"b": "é", "a": [1, 0.5, None, True]}) == "53b365ab881facb9"


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans(), st.none())))
def test_a_digest_does_not_depend_on_the_order_of_keys(facts):
    assert digest_of(dict(reversed(facts.items()))) == digest_of(facts)


@pytest.mark.parametrize(
    "parts",
    [
        {"stage": "other"},
        {"version": 3},
        {"settings": {}},
        {"inputs": {"encode": "abd"}},
        {"data": {"train": [{"files": ["second", "first"]}]}},
    ],
)
def test_every_part_decides_the_digest(parts):
    assert digest_of(changed(**parts)) != digest_of(FACTS)


@pytest.mark.parametrize(
    ("parts", "phrases"),
    [
        ({}, []),
        ({"inputs": {"encode": "other"}}, []),
        ({"version": 3}, ["a newer version of the stage (2 -> 3)"]),
        (
            {"settings": {"seed": 2, "training": {"learning_rate": 0.1, "select_on": "loss"}}},
            ["seed 1 -> 2", 'training.select_on "bleu" -> "loss"'],
        ),
        (
            {"settings": {"seed": 1, "training": {"learning_rate": 0.1, "average": None}}},
            ["training.average (absent) -> null", 'training.select_on "bleu" -> (absent)'],
        ),
        ({"data": {"train": [{"files": ["first", "edited"]}]}}, ['data: train.0.files.1 "second" -> "edited"']),
        (
            {"data": {"train": []}},
            [
                "data: train (absent) -> []",
                'data: train.0.files.0 "first" -> (absent)',
                'data: train.0.files.1 "second" -> (absent)',
            ],
        ),
    ],
)
def test_a_change_is_one_phrase_per_key_or_file(parts, phrases):
    assert differences(FACTS, changed(**parts)) == phrases


def test_a_long_value_is_shortened_to_forty_characters():
    (phrase,) = differences(FACTS, changed(settings=FACTS["settings"] | {"seed": "x" * 50}))
    assert phrase == f'seed 1 -> "{"x" * 36}...'


def test_true_and_one_are_told_apart():
    before, after = (changed(settings={"lowercase": value}) for value in (1, True))
    assert digest_of(before) != digest_of(after)
