"""The bundle: it is whole or refused, and nothing in it is executed."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from nmt.bundle import index_digest, load_bundle, publish_bundle, write_bundle
from nmt.config import Recipe, TokenizerConfig
from nmt.decoding_config import DecodingConfig
from nmt.errors import BundleError
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import weights_of
from nmt.tokenizer import TokenizerPair

RECIPE = Recipe.model_validate(
    {
        "name": "tiny",
        "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
        "model": {"embedding": {"size": 4}, "encoder": {"units": 4}, "decoder": {"units": 4}},
    }
)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text"
    path.write_text("a small text of a few words\n" * 3)
    return TokenizerPair.train_pair(path, path, TokenizerConfig(kind="char", vocab_size=40), seed=1)


@pytest.fixture
def weights(tokenizers):
    size = tokenizers.source.vocab_size
    return weights_of(Seq2Seq(RECIPE.model, size, size))


@pytest.fixture
def folder(tokenizers, weights, tmp_path):
    write_bundle(tmp_path / "bundle", RECIPE, tokenizers, weights, {"steps": 7})
    return tmp_path / "bundle"


def change_index(folder: Path, **changes) -> None:
    path = folder / "bundle.json"
    index = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(index | {"digest": index_digest(index)}))


def refused(folder: Path) -> str:
    with pytest.raises(BundleError) as error:
        load_bundle(folder).model()
    assert error.value.exit_code == 3
    assert str(folder) in str(error.value)
    return str(error.value)


def test_what_is_written_is_read(folder, tokenizers, weights):
    bundle = load_bundle(folder)
    assert bundle.recipe == RECIPE
    assert bundle.facts == {"steps": 7}
    assert bundle.tokenizers.source.encode(["a few"]) == tokenizers.source.encode(["a few"])
    assert bundle.normalize("a\u00a0 few ") == "a few"
    read = weights_of(bundle.model())
    assert read.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(read[name], array)
    half = bundle.model("bfloat16")
    assert {weight.dtype for weight in half.weights} == {"bfloat16", "float32"}
    assert {weight.dtype for weight in bundle.model().weights} == {"float32"}


def test_a_changed_byte_in_any_file_is_noticed(folder):
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        if path.name != "bundle.json":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            assert "damaged" in refused(folder)
            path.unlink()
            assert "no such file" in refused(folder)
            path.write_bytes(content)
    load_bundle(folder)


def test_a_changed_setting_of_the_index_is_noticed(folder):
    path = folder / "bundle.json"
    path.write_text(path.read_text().replace('"length_penalty": 1.0', '"length_penalty": 1.2'))
    assert "1.2" in path.read_text()
    assert "damaged" in refused(folder)


def test_a_newer_format_asks_for_a_newer_program(folder):
    change_index(folder, format=99)
    assert "Install a newer nmt" in refused(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 0},
        {"format": True},
        {"format": "1"},
        {"files": {}},
        {"files": None},
        {"facts": "ab"},
        {"recipe": None},
        {"recipe": {"name": "x"}},
    ],
)
def test_an_index_that_is_none_is_refused(folder, changes):
    change_index(folder, **changes)
    refused(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\udcff", '{"format": 1, "x": "\\ud800"}'])
def test_an_index_that_is_no_object_is_refused(folder, text):
    (folder / "bundle.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    refused(folder)


def test_a_file_outside_of_the_bundle_is_refused(folder):
    (folder.parent / "outside").write_text("x")
    files = json.loads((folder / "bundle.json").read_text())["files"]
    change_index(folder, files=files | {"../outside": "0" * 64})
    assert "outside the bundle" in refused(folder)


class Trap:
    def __reduce__(self):
        return Path.write_text, (Path("trap"), "executed")


def test_a_pickle_in_the_weights_is_not_executed(folder, tmp_path, monkeypatch):
    from nmt.storage import sha256_of_file

    monkeypatch.chdir(tmp_path)
    weights = folder / "weights.npz"
    for write in (
        lambda: weights.write_bytes(pickle.dumps(Trap())),
        lambda: np.savez(weights, trap=np.array([Trap()], dtype=object)),
    ):
        write()
        files = json.loads((folder / "bundle.json").read_text())["files"]
        change_index(folder, files=files | {"weights.npz": sha256_of_file(weights)})
        with pytest.raises(BundleError, match="cannot be read"):
            load_bundle(folder).model()
        assert not (tmp_path / "trap").exists()


def test_a_published_bundle_has_the_decoding_of_its_recipe(folder, tmp_path):
    recipe = RECIPE.model_copy(update={"decoding": DecodingConfig(beam_size=2)})
    publish_bundle(load_bundle(folder), tmp_path / "published", recipe, {"scores": []})
    published = load_bundle(tmp_path / "published")
    assert published.recipe.decoding.beam_size == 2
    assert published.facts == {"steps": 7, "scores": []}
