"""The exported graph answers as the bundle does, whatever is asked; what cannot be exported is refused."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow_text", reason="TensorFlow Text is not installed")
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from nmt.bundle import load_bundle, write_bundle
from nmt.decoding.translate import Translator
from nmt.errors import NmtError, UsageError
from nmt.export import trial
from nmt.export.command import FACTS, export_command
from nmt.export.saved_model import OPTIONS, TextGraph
from nmt.export.text import GraphText
from nmt.lexical_table import LexicalTable
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import weights_of

SETTINGS = {"beam_size": 3, "tokens_per_batch": 60, "max_length_ratio": 1.0}
READER = """
import json, sys
import tensorflow as tf
import tensorflow_text
model = tf.saved_model.load(sys.argv[1])
lines = json.load(sys.stdin)
found = [model.translate(part)["translation"].numpy() for part in (lines, lines[:1], lines[5:9])]
found = [[text.decode() for text in texts] for texts in found]
json.dump([found, "nmt" in sys.modules], sys.stdout)
"""


@pytest.fixture(scope="module")
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def lines(bundle):
    words = ["a", "small", "text", "of", "few", "words", "and", "unknown", "\u00fcbel"]
    return [
        *trial.sample_lines(bundle.tokenizers.source, 128, "split"),
        *(" ".join(words[: 1 + i % 9] * (1 + i // 9)) for i in range(30)),
    ]


@pytest.fixture(scope="module")
def exported(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "models" / "1"
    assert export_command(bundle, folder, SETTINGS, ["few words"]) == ["translate", "n_best", "greedy"]
    return folder


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


def answers(function, lines: list[str], **options) -> trial.Answers:
    found = function(tf.constant(lines, tf.string), **options)
    return trial.read_answers({key: value.numpy().tolist() for key, value in found.items()}, bytes.decode)


def test_a_process_without_nmt_gives_the_same_text(bundle, exported, lines, tmp_path):
    result = subprocess.run(
        [sys.executable, "-I", "-c", READER, exported],
        input=json.dumps(lines).encode(),
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    expected = list(Translator(bundle, SETTINGS).translate(lines))
    assert len(set(expected)) > 20
    found, knows_nmt = json.loads(result.stdout)
    assert not knows_nmt
    assert found == [expected, expected[:1], expected[5:9]]


def test_signatures_name_their_inputs_and_defaults(exported, bundle):
    model = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    signatures = dict(model.meta_graphs[0].signature_def)
    assert {"serving_default", "n_best", "greedy"} <= signatures.keys()
    serving = signatures["serving_default"]
    assert serving.inputs.keys() == {"text", *OPTIONS}
    assert serving.outputs.keys() == {"translation", "score"}
    assert signatures["n_best"].outputs.keys() == {"translations", "scores"}
    defaults = {name: tf.make_ndarray(value).item() for name, value in serving.defaults.items()}
    decoding = bundle.recipe.decoding.model_copy(update=SETTINGS)
    assert defaults == {name: getattr(decoding, name) for name in OPTIONS}
    assert b"Cudnn" not in model.SerializeToString()


def test_the_facts_say_what_was_exported(exported, bundle):
    facts = json.loads((exported / FACTS).read_text())
    assert facts["bundles"] == [bundle.digest]
    assert facts["decoding"]["beam_size"] == 3
    assert facts["functions"] == ["translate", "n_best", "greedy"]


def test_nothing_else_is_left_and_nothing_is_overwritten(exported, bundle):
    assert [path.name for path in exported.parent.iterdir()] == ["1"]
    with pytest.raises(UsageError, match="it is there already"):
        export_command(bundle, exported, {})


def test_no_lines_and_blank_lines(loaded):
    assert answers(loaded.translate, []) == []
    assert answers(loaded.translate, ["", " \u00a0"]) == [[("", 0.0)]] * 2
    assert answers(loaded.n_best, [""]) == [[("", 0.0)]]


def test_n_best_and_greedy(bundle, loaded, lines):
    expected = trial.bundle_answers(Translator(bundle, SETTINGS), lines, 3)
    assert {len(best) for best in expected} == {1, 3}
    trial.check_same("n_best", lines, expected, answers(loaded.n_best, lines))
    expected = trial.bundle_answers(Translator(bundle, SETTINGS | {"beam_size": 1}), lines, 1)
    trial.check_same("greedy", lines, expected, answers(loaded.greedy, lines))


def test_options_are_inputs(bundle, loaded, lines):
    options = {"length_penalty": 0.0, "max_length_ratio": 0.5, "max_length_extra": 3, "max_output_tokens": 9}
    expected = trial.bundle_answers(Translator(bundle, SETTINGS | options), lines, 1)
    trial.check_same("translate", lines, expected, answers(loaded.translate, lines, **options))
    with pytest.raises(NmtError, match="does not answer as the bundle does"):
        trial.check_same("translate", lines, expected, answers(loaded.translate, lines))
    with pytest.raises(tf.errors.InvalidArgumentError, match="max_output_tokens"):
        answers(loaded.translate, ["few"], max_output_tokens=0)


def test_there_is_no_greedy_function_where_all_are(bundle):
    for settings in ({"beam_size": 1}, {"sampling": {}}):
        assert list(TextGraph(Translator(bundle, settings)).functions()) == ["translate", "n_best"]


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling": {"seed": 5}, "repetition_penalty": 1.5},
        {"diversity": {"groups": 3}, "coverage_penalty": {}, "min_output_tokens": 4, "no_repeat_ngram_size": 2},
        {"long": "truncate", "matrices": "bfloat16", "length_normalization": "wu", "project_tokens": False},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_of_decoding_are_kept(bundle, lines, settings):
    translator, lines = Translator(bundle, SETTINGS | settings), [*lines[:9], *lines[20:27]]
    function = TextGraph(translator).functions()["translate"]
    trial.check_same("translate", lines, trial.bundle_answers(translator, lines, 1), answers(function, lines))


def test_a_shortlist_is_taken_from_the_table(bundle, lines, tmp_path):
    size = bundle.tokenizers.target.vocab_size
    candidates = np.arange(4 * size, dtype=np.int32).reshape(size, 4) * 7 % size
    table = LexicalTable(candidates, np.arange(4, 8, dtype=np.int32))
    weights = weights_of(bundle.model())
    write_bundle(tmp_path / "listed", bundle.recipe, bundle.tokenizers, weights, {}, table)
    listed = load_bundle(tmp_path / "listed")
    few, many = ({"beam_size": beam, "tokens_per_batch": 20, "shortlist": 1} for beam in (1, 5))
    lines = [*lines[:9], *lines[40:50]]
    for settings in (few, many):  # for a large beam there are not enough tokens
        translator = Translator(listed, settings)
        found = answers(TextGraph(translator).functions()["translate"], lines)
        trial.check_same("translate", lines, trial.bundle_answers(translator, lines, 1), found)
        all_tokens = trial.bundle_answers(Translator(listed, settings | {"shortlist": None}), lines, 1)
        texts, wanted = ([[each.text for each in row] for row in rows] for rows in (found, all_tokens))
        assert (texts == wanted) == (settings is many)


def test_models_that_vote(bundle, lines, tmp_path):
    size = bundle.tokenizers.source.vocab_size
    write_bundle(
        tmp_path / "other", bundle.recipe, bundle.tokenizers, weights_of(Seq2Seq(bundle.recipe.model, size, size)), {}
    )
    translator = Translator(bundle, SETTINGS, [load_bundle(tmp_path / "other")], [1.0, 2.0], "linear")
    lines, function = [*lines[:9], *lines[20:27]], TextGraph(translator).functions()["translate"]
    trial.check_same("translate", lines, trial.bundle_answers(translator, lines, 1), answers(function, lines))


def test_a_model_that_answers_otherwise_is_not_kept(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(GraphText, "normalize", lambda self, texts: tf.strings.upper(texts))
    with pytest.raises(NmtError, match="does not answer as the bundle does") as error:
        export_command(bundle, tmp_path / "model", {"beam_size": 1})
    assert error.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_used_is_an_error(tmp_path):
    with pytest.raises(NmtError, match=r"cannot be used.*saved_model\.pb"):
        trial.saved_model_answers(tmp_path, ["translate"], ["a line"])


def test_lines_that_are_too_long_are_refused_where_the_bundle_says_so(bundle, tmp_path):
    folder = tmp_path / "model"
    export_command(bundle, folder, {"beam_size": 1, "long": "error"})
    model = tf.saved_model.load(str(folder))
    assert len(answers(model.translate, ["few words"])) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="longer than 128 tokens"):
        answers(model.translate, ["few words " * 100])


def test_models_of_vectors_are_refused(bundle, tmp_path):
    model = bundle.recipe.model
    encoder = model.encoder.model_copy(update={"input": "vectors"})
    recipe = bundle.recipe.model_copy(update={"model": model.model_copy(update={"encoder": encoder})})
    with pytest.raises(UsageError, match="a model of vectors"):
        export_command(replace(bundle, recipe=recipe), tmp_path / "model", {})


def test_settings_that_a_graph_cannot_do_are_refused(bundle, tmp_path):
    with pytest.raises(UsageError, match=r"replace_unknown: .* cannot do this"):
        export_command(bundle, tmp_path / "model", {"replace_unknown": True})
    with pytest.raises(UsageError, match=r"minimum_bayes_risk: .* cannot do this"):
        export_command(bundle, tmp_path / "model", {"minimum_bayes_risk": {"candidates": 2}})
    assert list(tmp_path.iterdir()) == []


def test_tensorflow_text_is_asked_for(bundle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    with pytest.raises(UsageError, match=r"pip install .*nmt\[export\]"):
        export_command(bundle, tmp_path / "model", {})


def test_a_gpu_in_use_is_refused(bundle, tmp_path, monkeypatch):
    def in_use(*_):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", in_use)
    with pytest.raises(NmtError, match="uses a GPU already"):
        export_command(bundle, tmp_path / "model", {})
