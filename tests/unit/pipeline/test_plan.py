"""Plans: what would run, and why."""

from pathlib import Path

import pytest

from nmt.config import load_recipe
from nmt.errors import BundleError, DataError, RecipeError, UsageError
from nmt.pipeline.plan import make_plan
from nmt.pipeline.stage import SYNTHESIZE
from nmt.pipeline.stages import STAGES
from nmt.pipeline.stages import test_names as names_of_test_sets
from nmt.pipeline.workspace import Workspace

RECIPE = """\
name: own
corpora: {source: en, target: de, train: [{source: a.en, target: a.de}], valid: [{source: a.en, target: a.de}]}
tokenizer: {vocab_size: 100}
"""
NAMES = [stage.name for stage in STAGES if stage.name != SYNTHESIZE]
BACK = "{method: back_translation, text: [{file: mono.de}]}"


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    for side in ("en", "de"):
        (tmp_path / f"a.{side}").write_text("x\ny\n")
    path = tmp_path / "own.yaml"
    path.write_text(RECIPE)
    return path


def plan_of(path: Path, *overrides: str, **options):
    return make_plan(load_recipe(path, list(overrides)), path, Workspace(path.parent / "work"), **options)


def pretend_built(path: Path, *overrides: str) -> None:
    workspace = Workspace(path.parent / "work")
    plan = plan_of(path, *overrides)
    for planned in plan:
        planned.artifact.mkdir(parents=True, exist_ok=True)
        (planned.artifact / "content").write_text("content")
        workspace.write_manifest(planned.artifact, planned.facts)
    stages = {planned.label: planned.digest for planned in plan}
    workspace.write_run("own", {"recipe": str(path), "time": "", "stages": stages})


def reasons(plan) -> dict[str, tuple[str, ...]]:
    return {planned.label: planned.reasons for planned in plan if planned.reasons}


def test_a_new_workspace_builds_everything(recipe_path):
    assert list(reasons(plan_of(recipe_path))) == NAMES


def test_a_finished_run_builds_nothing(recipe_path):
    pretend_built(recipe_path)
    assert reasons(plan_of(recipe_path)) == {}


@pytest.mark.parametrize(
    ("override", "first"),
    [
        ("cleaning=[length: {max: 5}]", "clean"),
        ("tokenizer.vocab_size=90", "tokenizer"),
        ("dataset.max_source_tokens=9", "encode"),
        ("dataset.tokens_per_batch=99", "train"),
        ("training.learning_rate=0.5", "train"),
        ("decoding.beam_size=2", "translate"),
        ("evaluation.metrics=[ter]", "evaluate"),
        ("leaderboard.board=other", "record"),
    ],
)
def test_a_changed_key_builds_from_the_first_stage_that_reads_it(recipe_path, override, first):
    pretend_built(recipe_path)
    changed = reasons(plan_of(recipe_path, override))
    built = set(changed)
    assert NAMES.index(first) == min(NAMES.index(name) for name in built)
    key = override.partition("=")[0]
    assert any(reason.startswith(key) for reason in changed[first]), changed[first]
    dependents = {first}
    for stage in STAGES:
        if dependents & set(stage.inputs):
            dependents.add(stage.name)
    assert built == dependents


def test_the_reason_shows_both_values(recipe_path):
    pretend_built(recipe_path)
    changed = reasons(plan_of(recipe_path, "training.learning_rate=0.5"))
    assert changed["train"] == ("training.learning_rate 0.001 -> 0.5",)
    assert changed["translate"] == ("train has changed",)


def test_an_edited_file_of_the_user_is_the_reason(recipe_path):
    pretend_built(recipe_path)
    (recipe_path.parent / "a.de").write_text("x\nz\n")
    changed = reasons(plan_of(recipe_path))
    assert any("data: train.0.files.1" in reason for reason in changed["fetch"])


def test_going_back_to_old_settings_builds_nothing(recipe_path):
    pretend_built(recipe_path)
    pretend_built(recipe_path, "decoding.beam_size=2")
    assert reasons(plan_of(recipe_path)) == {}


def test_force_builds_the_stage_and_all_that_read_it(recipe_path):
    pretend_built(recipe_path)
    changed = reasons(plan_of(recipe_path, force=["translate"]))
    assert set(changed) == {"translate", "evaluate", "examine", "record"}
    assert changed["translate"] == ("forced",)


def test_only_plans_the_stage_and_what_it_reads(recipe_path):
    assert [planned.stage.name for planned in plan_of(recipe_path, only=["tokenizer"])] == [
        "fetch",
        "clean",
        "tokenizer",
    ]


@pytest.mark.parametrize("change", ["shorten", "remove"])
def test_a_damaged_artifact_is_built_again(recipe_path, change):
    pretend_built(recipe_path)
    damaged = plan_of(recipe_path)[2].artifact / "content"
    damaged.write_text("c") if change == "shorten" else damaged.unlink()
    changed = reasons(plan_of(recipe_path))
    assert "content" in changed["tokenizer"][0]
    assert "fetch" not in changed


def test_a_removed_artifact_is_built_again(recipe_path):
    pretend_built(recipe_path)
    (plan_of(recipe_path)[1].artifact / "stage.json").unlink()
    assert reasons(plan_of(recipe_path))["clean"] == ("the artifact was removed",)


@pytest.mark.parametrize("option", ["only", "force"])
def test_an_unknown_stage_names_the_nearest(recipe_path, option):
    with pytest.raises(UsageError, match="Did you mean tokenizer"):
        plan_of(recipe_path, **{option: ["tokeniser"]})


def test_test_sets_of_one_name_are_told_apart(recipe_path):
    files = "{source: a.en, target: a.de}"
    recipe = load_recipe(recipe_path, [f"corpora.test=[{files}, {files}, phrases/test]"])
    assert names_of_test_sets(recipe) == ["a", "a-2", "phrases.test"]


def test_a_forced_stage_must_be_among_those_asked_for(recipe_path):
    with pytest.raises(UsageError, match="--force record"):
        plan_of(recipe_path, only=["tokenizer"], force=["record"])


@pytest.mark.parametrize("key", ["training.start_from", "tokenizer.source_from"])
def test_a_bundle_that_is_not_there_is_an_error_before_anything_runs(recipe_path, key):
    with pytest.raises(BundleError, match="nowhere: there is no bundle here"):
        plan_of(recipe_path, f"{key}=nowhere")


def test_an_edited_file_of_word_vectors_trains_again_and_a_missing_one_is_an_error(recipe_path):
    vectors = recipe_path.parent / "en.vec"
    override = "model.embedding.source_vectors=en.vec"
    with pytest.raises(DataError, match=r"en\.vec"):
        plan_of(recipe_path, override)
    vectors.write_text("x 1 2\n")
    pretend_built(recipe_path, override)
    assert reasons(plan_of(recipe_path, override)) == {}
    vectors.write_text("x 1 3\n")
    changed = reasons(plan_of(recipe_path, override))
    assert list(changed) == ["train", "translate", "evaluate", "examine", "record"]
    assert changed["train"][0].startswith("data: source_vectors ")


@pytest.fixture
def with_text(recipe_path: Path) -> Path:
    """The recipe's file, beside it text to translate back, and a teacher's recipe."""
    (recipe_path.parent / "mono.de").write_text("z\n")
    (recipe_path.parent / "big.yaml").write_text(RECIPE.replace("own", "big"))
    return recipe_path


TRAINED = ["fetch", "clean", "tokenizer", "encode", "train"]


def test_a_teacher_is_trained_before_the_stage_that_needs_it(with_text):
    labels = [planned.label for planned in plan_of(with_text, f"synthetic=[{BACK}]")]
    assert labels == ["fetch", *(f"turned/{name}" for name in TRAINED), SYNTHESIZE, *NAMES[1:]]
    assert [planned.label for planned in plan_of(with_text, f"synthetic=[{BACK}]", only=["fetch"])] == ["fetch"]


def test_teachers_that_are_one_are_planned_once(with_text):
    distillation = "{method: distillation, teacher: [big.yaml]}"
    labels = [planned.label for planned in plan_of(with_text, f"synthetic=[{BACK}, {distillation}, {distillation}]")]
    assert len(labels) == len(set(labels)) == len(NAMES) + 1 + 2 * len(TRAINED)


def test_a_teacher_has_a_teacher(with_text):
    for name, teacher in (("big", "bigger"), ("bigger", None)):
        synthetic = f"synthetic: [{{method: distillation, teacher: {teacher}.yaml}}]\n" if teacher else ""
        (with_text.parent / f"{name}.yaml").write_text(RECIPE.replace("own", name) + synthetic)
    labels = [planned.label for planned in plan_of(with_text, "synthetic=[{method: distillation, teacher: big.yaml}]")]
    assert labels.index("big/bigger/train") < labels.index("big/synthesize") < labels.index("synthesize")
    (with_text.parent / "bigger.yaml").write_text((with_text.parent / "big.yaml").read_text().replace("bigger", "big"))
    with pytest.raises(RecipeError, match=r"big\.yaml: synthetic: the teacher .*bigger\.yaml is taught by"):
        plan_of(with_text, "synthetic=[{method: distillation, teacher: bigger.yaml}]")


def test_a_change_of_the_teacher_synthesizes_again(with_text):
    override = "synthetic=[{method: distillation, teacher: big.yaml}]"
    pretend_built(with_text, override)
    assert reasons(plan_of(with_text, override)) == {}
    (with_text.parent / "big.yaml").write_text(RECIPE.replace("own", "big") + "training: {max_epochs: 3}\n")
    changed = reasons(plan_of(with_text, override))
    assert list(changed) == ["big/train", SYNTHESIZE, *NAMES[1:]]
    assert changed["big/train"] == ("training.max_epochs 20 -> 3",)
    assert changed[SYNTHESIZE] == ("big/train has changed",)
    (with_text.parent / "big.yaml").write_text(RECIPE.replace("own", "big") + "decoding: {length_penalty: 0.5}\n")
    changed = reasons(plan_of(with_text, override))
    assert next(iter(changed)) == SYNTHESIZE
    assert changed[SYNTHESIZE] == ("data: synthetic.0.teacher.0.length_penalty 1.0 -> 0.5",)


def test_edited_text_synthesizes_again_and_another_mark_does_not(with_text):
    pretend_built(with_text, f"synthetic=[{BACK}]")
    changed = reasons(plan_of(with_text, f"synthetic=[{BACK}]", "synthetic.0.mark=false"))
    assert list(changed) == NAMES[NAMES.index("tokenizer") :]
    (with_text.parent / "mono.de").write_text("y\n")
    changed = reasons(plan_of(with_text, f"synthetic=[{BACK}]"))
    assert list(changed) == [SYNTHESIZE, *NAMES[1:]]


def test_another_name_of_the_recipe_does_not_synthesize_again(with_text):
    digests = [{p.label: p.digest for p in plan_of(with_text, f"synthetic=[{BACK}]", f"name={n}")} for n in ("a", "b")]
    assert [label for label in digests[0] if digests[0][label] != digests[1][label]] == ["record"]


def test_without_synthetic_pairs_there_is_no_such_stage(recipe_path):
    with pytest.raises(UsageError, match="the recipe own has no such stage"):
        plan_of(recipe_path, only=[SYNTHESIZE])
    clean = plan_of(recipe_path)[1]
    assert (clean.label, list(clean.facts["inputs"])) == ("clean", ["fetch"])


def test_a_recipe_does_not_teach_itself(with_text):
    with_text.write_text(RECIPE + "synthetic: [{method: distillation, teacher: own.yaml}]\n")
    with pytest.raises(RecipeError, match="taught by this recipe itself"):
        plan_of(with_text)
