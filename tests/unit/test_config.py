"""Recipes: those that come with the project, how they are found, what they may not say."""

import pytest

from nmt.config import Recipe, find_recipe, json_schema, load_recipe, shipped_folder
from nmt.corpora.materialize import reference_identity
from nmt.corpora_config import FilesConfig, PartConfig
from nmt.decoding_config import (
    CoveragePenaltyConfig,
    DecodingConfig,
    DiversityConfig,
    MinimumBayesRiskConfig,
    SamplingConfig,
    overridden,
)
from nmt.errors import RecipeError, UsageError

SHIPPED = sorted(shipped_folder("pipelines").rglob("*.yaml"))
CORPORA = {"source": "a", "target": "b", "train": ["c/train"], "valid": ["c/valid"]}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_named_like_their_files(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    # The corpora, splits and sides are there.
    for reference in (*recipe.corpora.train, *recipe.corpora.valid, *recipe.corpora.test):
        assert reference_identity(reference, recipe.corpora.source, recipe.corpora.target, path.parent)


def test_a_recipe_is_found_by_name_from_any_folder_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_recipe("demo").name == "demo.yaml"
    assert find_recipe("tasks/echo").name == "echo.yaml"
    (tmp_path / "own.yaml").write_text("name: own\n")
    assert find_recipe("own.yaml").name == "own.yaml"


@pytest.mark.parametrize("reference", ["./demo", "demo.yml", "pipelines"])
def test_what_looks_like_a_path_is_not_a_name(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError):
        find_recipe(reference)


def test_a_misspelt_name_has_a_nearest_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="Did you mean multi30k-en-de"):
        find_recipe("multi30k-en-dee")


def test_overrides_come_after_the_file():
    recipe = load_recipe(find_recipe("demo"), ["training.max_epochs=3", "decoding.beam_size=1"])
    assert (recipe.training.max_epochs, recipe.decoding.beam_size) == (3, 1)


@pytest.mark.parametrize(
    "model",
    [
        {"encoder": {"units": 7, "bidirectional": True}},
        {"encoder": {"units": 8}, "decoder": {"units": 12, "attention": "dot"}},
    ],
)
def test_shapes_that_do_not_fit_are_refused(model):
    with pytest.raises(ValueError, match="units"):
        Recipe.model_validate({"name": "x", "corpora": CORPORA, "model": model})


@pytest.mark.parametrize("step", [{}, {"length": {}, "deduplicate": {}}, {"length": None}])
def test_a_cleaning_step_has_one_name(step):
    with pytest.raises(ValueError, match="one key"):
        Recipe.model_validate({"name": "x", "corpora": CORPORA, "cleaning": [step]})


def test_a_corpus_is_a_name_a_part_or_files():
    references = ["c/train", {"corpus": "c/train", "every": 20}, {"source": "x", "target": "y"}]
    recipe = Recipe.model_validate({"name": "x", "corpora": CORPORA | {"valid": references}})
    assert [type(reference) for reference in recipe.corpora.valid] == [str, PartConfig, FilesConfig]
    for wrong in ({"every": 20}, {"corpus": "c/train", "every": 1}, {"corpus": "c", "every": 2, "source": "x"}):
        with pytest.raises(ValueError, match="valid"):
            Recipe.model_validate({"name": "x", "corpora": CORPORA | {"valid": [wrong]}})


def test_the_schema_knows_every_section():
    assert set(json_schema()["properties"]) == set(Recipe.model_fields)


@pytest.mark.parametrize(
    ("embedding", "reason"),
    [
        ({"freeze": True}, "random matrices"),
        ({"tie": "all", "source_vectors": "a.vec", "target_vectors": "b.vec"}, "two files"),
    ],
)
def test_word_vectors_that_do_not_fit_are_refused(embedding, reason):
    with pytest.raises(ValueError, match=reason):
        Recipe.model_validate({"name": "x", "corpora": CORPORA, "model": {"embedding": embedding}})


@pytest.mark.parametrize(
    ("decoding", "reason"),
    [
        ({"beam_size": 5, "diversity": {"groups": 2}}, "does not divide beam_size 5"),
        ({"beam_size": 4, "diversity": {"groups": 1}}, "greater than or equal to 2"),
        ({"beam_size": 4, "diversity": {"groups": 2}, "sampling": {}}, "draws differ by themselves"),
        ({"coverage_penalty": {}, "sampling": {}}, "draws are not ranked"),
        ({"min_output_tokens": 9, "max_output_tokens": 8}, "above max_output_tokens 8"),
        ({"min_length_ratio": 3.0}, "above max_length_ratio 2.0"),
        ({"beam_size": 4, "minimum_bayes_risk": {}}, "candidates 16 is above beam_size 4"),
        ({"repetition_penalty": 1.0}, "greater than 1"),
        ({"no_repeat_ngram_size": 0}, "greater than or equal to 1"),
        ({"sampling": {"top_p": 1.0}}, "less than 1"),
        ({"sampling": {"temperature": 0.0}}, "greater than 0"),
        ({"temperature": 2.0}, "Extra inputs"),
    ],
)
def test_what_decoding_may_not_say(decoding, reason):
    with pytest.raises(ValueError, match=reason):
        Recipe.model_validate({"name": "x", "corpora": CORPORA, "decoding": decoding})


def test_a_coverage_penalty_is_of_attention():
    recipe = {"name": "x", "corpora": CORPORA, "decoding": {"coverage_penalty": {}}}
    assert Recipe.model_validate(recipe | {"model": {"decoder": {"attention": "dot"}}})
    with pytest.raises(ValueError, match="attention is none"):
        Recipe.model_validate(recipe | {"model": {"decoder": {"attention": "none"}}})


VECTORS = {
    "name": "captions",
    "corpora": CORPORA | {side: [{"source": f"{side}.npz", "target": f"{side}.txt"}] for side in ("train", "valid")},
    "cleaning": [{"normalize": {}}],
    "tokenizer": {"shared": False},
    "model": {"encoder": {"input": "vectors", "features": 3}, "embedding": {"tie": "target"}},
}


def test_a_recipe_of_vectors():
    assert Recipe.model_validate(VECTORS).model.encoder.features == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpora": CORPORA}, "every corpus must be a mapping"),
        ({"corpora": VECTORS["corpora"] | {"valid": [{"source": "a.txt", "target": "b.txt"}]}}, "every corpus must be"),
        ({"corpora": VECTORS["corpora"] | {"test": [{"corpus": "c/test", "every": 2}]}}, "every corpus must be"),
        ({"model": {}}, "set model.encoder.input to vectors"),
        ({"tokenizer": {}}, "set tokenizer.shared to false"),
        ({"cleaning": [{"deduplicate": {}}]}, "set cleaning to"),
    ],
)
def test_what_a_recipe_of_vectors_may_not_say(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate(VECTORS | change)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": {"mix": [{}, {}]}}, "dataset.mix has 2 entries: it needs 1"),
        ({"dataset": {"mix": []}}, "dataset.mix has 0 entries: it needs 1"),
        ({"dataset": {"mix": [{"weight": 0}]}}, "dataset.mix leaves epoch 1 without pairs"),
        ({"dataset": {"mix": [{"until_epoch": 3}]}}, "dataset.mix leaves epoch 4 without pairs"),
        ({"dataset": {"mix": [{"from_epoch": 3, "until_epoch": 2}]}}, "until_epoch 2 is before from_epoch 3"),
        ({"dataset": {"mix": [{"weight": -1}]}}, "greater than or equal to 0"),
        ({"dataset": {"mix": [{"from_epoch": 0}]}}, "greater than or equal to 1"),
        ({"dataset": {"curriculum": {"start": 0}}}, "greater than 0"),
        ({"dataset": {"subword_sampling": 1.0}}, "less than 1"),
        (
            {"dataset": {"subword_sampling": 0.1}, "tokenizer": {"kind": "char"}},
            "a char vocabulary has one segmentation",
        ),
        (
            {"dataset": {"subword_sampling": 0.1}, "tokenizer": {"kind": "word"}},
            "a word vocabulary has one segmentation",
        ),
    ],
)
def test_training_data_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate({"name": "x", "corpora": CORPORA, **settings})


def test_the_training_data_of_one_corpus_with_all_settings():
    dataset = {"mix": [{"weight": 0.5}], "curriculum": {"epochs": 3}, "subword_sampling": 0.1}
    assert Recipe.model_validate({"name": "x", "corpora": CORPORA, "dataset": dataset}).training_parts == 1


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"method": "distillation"}, "teacher"),
        ({"method": "distillation", "teacher": []}, "at least 1 item"),
        ({"method": "distillation", "teacher": "x", "mark": True}, "mark"),
        ({"method": "back_translation"}, "text"),
        ({"method": "back_translation", "text": []}, "at least 1 item"),
        ({"method": "back_translation", "text": [{"source": "a", "target": "b"}]}, "text"),
        ({"method": "back_translation", "text": [{"file": "a.npz"}]}, "cannot be vectors"),
        ({"method": "back_translation", "text": ["c/train"], "beam_size": 0}, "beam_size"),
        ({"method": "sampling"}, "'back_translation', 'distillation'"),
    ],
)
def test_synthetic_pairs_that_cannot_be_are_refused(step, message):
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate({"name": "x", "corpora": CORPORA, "synthetic": [step]})


def test_vectors_are_not_translated_back():
    step = {"method": "back_translation", "text": ["c/train"]}
    with pytest.raises(ValueError, match="leave synthetic out"):
        Recipe.model_validate(VECTORS | {"synthetic": [step]})


def test_the_command_line_replaces_what_it_names():
    config = DecodingConfig(beam_size=4, coverage_penalty=CoveragePenaltyConfig(weight=0.7))
    plain = config.model_dump()
    assert overridden(config, {"beam_size": None, "seed": None, "sampling": None}) == plain
    assert overridden(config, {"beam_size": 2}) == plain | {"beam_size": 2}
    assert overridden(config, {"sampling": True})["sampling"] == {}
    assert overridden(config, {"temperature": 0.5, "seed": 3})["sampling"] == {"temperature": 0.5, "seed": 3}
    kept = overridden(DecodingConfig(sampling=SamplingConfig(top_k=7)), {"seed": 3})["sampling"]
    assert (kept["top_k"], kept["seed"]) == (7, 3)
    changed = overridden(config, {}, ["decoding.coverage_penalty.form=stepwise", "decoding.diversity.groups=2"])
    assert changed["coverage_penalty"] == {"form": "stepwise", "weight": 0.7}
    assert DecodingConfig.model_validate(changed).diversity == DiversityConfig(groups=2)
    for wrong in ("training.seed=1", "beam_size=1"):
        with pytest.raises(UsageError, match="only decoding"):
            overridden(config, {}, [wrong])


def test_one_answer_is_searched_for_where_draws_were_there_to_be_compared():
    drawn = DecodingConfig(sampling=SamplingConfig(temperature=0.5))
    assert drawn.with_beam(1).sampling == drawn.sampling
    compared = drawn.model_copy(update={"minimum_bayes_risk": MinimumBayesRiskConfig()})
    assert compared.with_beam(3) == DecodingConfig(beam_size=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"decoder": {"attention": "none"}}}, "attention is none"),
        ({"dataset": {"subword_sampling": 0.1}}, "set dataset.subword_sampling to 0"),
    ],
)
def test_guided_alignment_needs_attention_and_one_segmentation(changes, message):
    recipe = {"name": "x", "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}}
    guided = recipe | {"training": {"guided_alignment": {}}}
    assert Recipe.model_validate(guided).training.guided_alignment.weight == 0.2
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate(guided | changes)
