"""Vectors in, lines out: a recipe that learns the names of noisy one-hot vectors, and what its bundle translates."""

import json

import numpy as np
import pytest
from conftest import Command

NAMES = ["red", "blue", "green", "white", "black"]
RECIPE = """\
name: colours
corpora:
  source: features
  target: names
  train: [{source: train.npz, target: train.txt}]
  valid: [{source: valid.npz, target: valid.txt}]
  test: [{source: test.npz, target: test.txt}]
cleaning: [{normalize: {}}]
tokenizer: {kind: word, shared: false, vocab_size: 20}
dataset: {tokens_per_batch: 256}
model:
  embedding: {size: 24, tie: target}
  encoder: {input: vectors, features: 5, layers: 1, units: 24}
  decoder: {units: 24, attention: additive}
  dropout: 0.0
training: {max_epochs: 4, learning_rate: 1e-2, warmup_steps: 5, select_on: exact}
decoding: {beam_size: 2}
evaluation: {metrics: [exact], bootstrap_samples: 0}
"""


def examples(count, seed):
    """Sequences of 3 noisy one-hot vectors [count, 3, 5], and the names of each."""
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, len(NAMES), (count, 3))
    arrays = np.eye(len(NAMES))[chosen] + generator.normal(0, 0.1, (count, 3, len(NAMES)))
    return arrays, [" ".join(NAMES[index] for index in row) for row in chosen]


def write(folder, name, count, seed):
    arrays, texts = examples(count, seed)
    np.savez(folder / f"{name}.npz", *arrays)
    (folder / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    for seed, (name, count) in enumerate((("train", 2000), ("valid", 50), ("test", 50))):
        write(folder, name, count, seed)
    (folder / "colours.yaml").write_text(RECIPE)
    command = Command(folder)
    command("run", "colours.yaml")
    return command


def artifact(command, stage, name):
    (path,) = (command.folder / "work" / "artifacts" / stage).glob(f"*/{name}")
    return json.loads(path.read_bytes())


def test_it_learns_and_shows_what_the_sources_were(finished):
    (score,) = artifact(finished, "evaluate", "scores.json")["test"]
    assert score["value"] >= 90.0
    (sample, *_) = artifact(finished, "record", "samples.json")["test"]
    assert sample[0].startswith("[3 vectors ")


def test_its_bundle_translates_arrays_to_lines(finished):
    finished("translate", "work/runs/colours/bundle", "test.npz", "-o", "out.txt")
    expected = (finished.folder / "test.txt").read_text().split("\n")[:-1]
    received = (finished.folder / "out.txt").read_text().split("\n")[:-1]
    assert len(received) == len(expected)
    assert sum(map(str.__eq__, received, expected)) >= 45


def test_its_bundle_takes_neither_text_nor_other_vectors(finished):
    bundle = "work/runs/colours/bundle"
    for arguments in (["test.txt"], []):
        error = finished("translate", bundle, *arguments, expect=2, stdin=b"red\n").stderr.decode()
        assert "not what this bundle translates" in error
        assert "vectors of 5 features" in error
    np.savez(finished.folder / "other.npz", np.ones((2, 4)))
    assert "vectors of 4 features" in finished("translate", bundle, "other.npz", expect=3).stderr.decode()


def test_another_number_of_features_or_of_lines_is_an_error(finished):
    error = finished("run", "colours.yaml", "--set", "model.encoder.features=6", expect=3).stderr.decode()
    assert "corpora.train has other vectors than the model" in error
    (finished.folder / "short.txt").write_text("red\n")
    short = "corpora.test=[{source: test.npz, target: short.txt}]"
    assert "50 arrays and 1 lines" in finished("run", "colours.yaml", "--set", short, expect=3).stderr.decode()


def test_its_training_can_be_forecast(finished):
    answer = finished("plan", "colours.yaml", "--force", "fetch", "--format", "json").stdout
    epoch = json.loads(answer)["forecast"]["epoch"]
    assert (epoch["pairs"], epoch["source_tokens"]) == (2000, 6000)
