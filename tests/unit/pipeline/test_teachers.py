"""Teachers: who they are, and a recipe that is turned around."""

from pathlib import Path

import pytest

from nmt.config import Recipe
from nmt.errors import BundleError, RecipeError
from nmt.pipeline.teachers import teachers_of, teachers_to_train, turned

PATH = Path("own.yaml")
FILES = {"source": "train.en", "target": "train.de"}
CORPORA = {"source": "en", "target": "de", "train": [FILES, "multi30k/train"], "valid": [FILES]}
BACK = {"method": "back_translation", "text": ["multi30k/train"]}


def recipe_of(name="own", synthetic=(), **sections) -> Recipe:
    return Recipe.model_validate({"name": name, "corpora": CORPORA, "synthetic": list(synthetic), **sections})


def first_teachers(recipe, path=PATH):
    return teachers_of(recipe.synthetic[0], recipe, path)


def test_what_is_said_of_one_side_is_said_of_the_other():
    other = turned(
        recipe_of(
            synthetic=[BACK],
            seed=7,
            cleaning=[{"deduplicate": {"on": "source"}}, {"decontaminate": {"on": "either"}}, {"normalize": {}}],
            dataset={"max_source_tokens": 9},
            model={"embedding": {"tie": "target", "source_vectors": "en.vec", "target_vectors": "de.vec"}},
        ),
        PATH,
    )
    assert (other.name, other.seed, other.synthetic) == ("own.turned", 7, [])
    assert (other.corpora.source, other.corpora.target) == ("de", "en")
    assert [other.corpora.train[0].source, other.corpora.valid[0].target] == ["train.de", "train.en"]
    assert other.corpora.train[1] == "multi30k/train"
    assert [step.settings.on for step in other.cleaning[:2]] == ["target", "either"]
    assert (other.dataset.max_source_tokens, other.dataset.max_target_tokens) == (128, 9)
    assert (other.model.embedding.source_vectors, other.model.embedding.target_vectors) == ("de.vec", "en.vec")


@pytest.mark.parametrize(
    ("mix", "expected"),
    [([{"weight": 2}, {"weight": 0.5}], [2.0]), ([{"until_epoch": 1}, {}], [1.0]), ([{"weight": 0}, {}], None)],
)
def test_a_turned_recipe_has_the_weights_of_the_human_parts(mix, expected):
    corpora = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}
    step = {"method": "back_translation", "text": ["c/d"]}
    recipe = Recipe.model_validate({"name": "x", "corpora": corpora, "synthetic": [step], "dataset": {"mix": mix}})
    own = turned(recipe, PATH).dataset.mix
    assert (own and [entry.weight for entry in own]) == expected


def test_turned_twice_it_is_what_it_was():
    recipe = recipe_of(cleaning=[{"deduplicate": {"on": "target"}}], dataset={"max_target_tokens": 5})
    again = turned(turned(recipe, PATH), PATH)
    assert again.model_dump(exclude={"name"}) == recipe.model_dump(exclude={"name"})


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"training": {"start_from": "bundle"}}, "training.start_from"),
        ({"tokenizer": {"source_from": "bundle"}}, "tokenizer.source_from"),
    ],
)
def test_a_recipe_that_starts_from_a_bundle_is_not_turned(section, key):
    with pytest.raises(RecipeError, match=rf"{key} bundle, which is of this direction(.|\n)*Give a teacher"):
        first_teachers(recipe_of(synthetic=[BACK], **section))


def test_a_bundle_teaches_in_its_own_direction(tiny_bundle):
    path = tiny_bundle.parent / "own.yaml"
    sides = {"source": "a", "target": "b"}
    recipe = recipe_of(synthetic=[{"method": "distillation", "teacher": "bundle"}], corpora=CORPORA | sides)
    (teacher,) = first_teachers(recipe, path)
    assert (teacher.place, teacher.trained) == (tiny_bundle, True)
    assert len(teacher.identity) == 64
    assert teachers_to_train(recipe, path) == {}
    back = recipe_of(synthetic=[BACK | {"teacher": "bundle"}], corpora=CORPORA | sides)
    with pytest.raises(RecipeError, match=r"another direction(.|\n)*from a to b(.|\n)*from b to a"):
        first_teachers(back, path)


def test_a_teacher_that_is_not_there_is_an_error(tmp_path):
    for teacher, error in (("nowhere", BundleError), ("nowhere.yaml", RecipeError)):
        recipe = recipe_of(synthetic=[{"method": "distillation", "teacher": teacher}])
        with pytest.raises(error, match="nowhere"):
            first_teachers(recipe, tmp_path / "own.yaml")


def test_two_teachers_of_one_name_are_refused(tmp_path):
    text = "name: big\ncorpora: {source: en, target: de, train: [multi30k/train], valid: [multi30k/valid]}\n"
    for name in ("first", "second"):
        (tmp_path / f"{name}.yaml").write_text(text)
    recipe = recipe_of(synthetic=[{"method": "distillation", "teacher": ["first.yaml", "second.yaml"]}])
    with pytest.raises(RecipeError, match="two teachers are called big"):
        teachers_to_train(recipe, tmp_path / "own.yaml")
