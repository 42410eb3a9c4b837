"""Strict YAML: where a fault is, what was expected, what was probably meant."""

import pytest

from nmt.config import Recipe
from nmt.corpora.cards import CorpusCard
from nmt.decoding_config import DecodingConfig
from nmt.errors import RecipeError, UsageError
from nmt.strict_yaml import override, read_settings, read_yaml, validate

RECIPE = "name: x\ncorpora: {source: a, target: b, train: [c/train], valid: [c/valid]}\n"


def read(tmp_path, text, model=Recipe):
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return validate(model, read_yaml(path), path)


def fault(tmp_path, text, model=Recipe) -> str:
    with pytest.raises(RecipeError) as error:
        read(tmp_path, text, model)
    assert error.value.exit_code == 2
    assert ".." not in str(error.value)
    return str(error.value)


def test_the_rules_of_yaml_1_2(tmp_path):
    recipe = read(tmp_path, RECIPE + "description: no\ntraining: {learning_rate: 1e-4}\n")
    assert recipe.description == "no"
    assert recipe.training.learning_rate == 1e-4


def test_an_unknown_key_has_its_line_and_the_nearest_valid_one(tmp_path):
    message = fault(tmp_path, RECIPE + "training:\n  learning_rat: 1e-3\n")
    assert "line 4: training.learning_rat: unknown key" in message
    assert "Did you mean learning_rate?" in message


def test_settings_of_the_command_line_are_answered_as_files_are():
    with pytest.raises(UsageError) as error:
        read_settings(DecodingConfig, {"beam_sise": 3, "length_penalty": "long"}, "decoding")
    unknown, wrong = sorted(str(error.value).splitlines())
    assert "decoding: beam_sise: unknown key" in unknown
    assert "Did you mean beam_size?" in unknown
    assert "decoding: length_penalty" in wrong
    assert "'long'" in wrong


def test_a_missing_key_and_a_wrong_type_are_reported_together(tmp_path):
    message = fault(tmp_path, "corpora: {source: a, target: b, train: [c/d], valid: [c/d]}\nseed: many\n")
    assert "name: missing" in message
    assert "line 2: seed" in message
    assert "'many'" in message


@pytest.mark.parametrize("text", ["name: [x\n", "name: x\n  seed: 1\n", "name: x\nname: y\n"])
def test_what_does_not_parse_has_line_and_column(tmp_path, text):
    assert "line" in fault(tmp_path, text)
    assert "column" in fault(tmp_path, text)


@pytest.mark.parametrize("value", ["2024-02-30", "!!int abc", "!!set x", "!!python/object:os.system x", "[" * 3000])
def test_odd_values_are_errors_and_nothing_else(tmp_path, value):
    fault(tmp_path, RECIPE + f"seed: {value}\n")


@pytest.mark.parametrize("text", ["", "only a word\n", "- a\n- list\n"])
def test_what_is_no_mapping_is_an_error(tmp_path, text):
    fault(tmp_path, text)
    with pytest.raises(RecipeError, match="not a mapping"):
        override(read_yaml(tmp_path / "file.yaml"), "seed=3")


def test_a_fault_that_came_in_by_a_merge_key(tmp_path):
    message = fault(tmp_path, RECIPE + "training: &b {max_epochs: 3}\ndecoding: {<<: *b}\n")
    assert "decoding.max_epochs: unknown key" in message


def test_a_value_that_contains_itself(tmp_path):
    fault(tmp_path, "&a\nname: *a\n")


def test_a_key_below_a_name_of_the_writer_has_a_nearest_one_too(tmp_path):
    card = "id: file\ntitle: t\nlanguages: [a]\nlicence: l\nverified: true\n"
    message = fault(tmp_path, card + "splits: {train: {format: plain, sidez: {a: x, b: y}}}\n", CorpusCard)
    assert "Did you mean sides?" in message


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("seed=3", {"a": {"b": [1, {"c": 2}]}, "seed": 3}),
        ("a.b.0=no", {"a": {"b": ["no", {"c": 2}]}}),
        ("a.b.1.c=1e-4", {"a": {"b": [1, {"c": 1e-4}]}}),
        ("d.e={f: 1}", {"a": {"b": [1, {"c": 2}]}, "d": {"e": {"f": 1}}}),
    ],
)
def test_an_override_replaces_or_adds(setting, expected):
    tree = {"a": {"b": [1, {"c": 2}]}}
    override(tree, setting)
    assert tree == expected


@pytest.mark.parametrize("setting", ["seed", "=3", "a.b.7=1", "a.b.²=1", "a.b.x=1", "seed=[", "a.b.0.c=1"])
def test_an_override_that_leads_nowhere_is_an_error(setting):
    with pytest.raises(RecipeError):
        override({"a": {"b": [1, {"c": 2}]}}, setting)


def test_a_section_that_does_not_say_what_it_is(tmp_path):
    message = fault(tmp_path, RECIPE + "synthetic:\n  - {methd: distillation}\n")
    assert "line 4: synthetic.0: the key 'method' is missing, which says what it is" in message
    message = fault(tmp_path, RECIPE + "synthetic: [{method: distillation}]\n")
    assert "line 3: synthetic.0.teacher: missing" in message
