"""Embedding matrices that start from vectors: tuned ones move, frozen ones do not, and both are in the bundle."""

from functools import partial

import numpy as np
import pytest
from test_learning import Validation, corpus_of, reversals

from nmt.bundle import load_bundle, write_bundle
from nmt.config import Recipe, TokenizerConfig
from nmt.models.initial_vectors import fill_embeddings
from nmt.models.weights import weights_of
from nmt.textio import write_lines
from nmt.tokenizer import TokenizerPair
from nmt.training.data import TrainingData
from nmt.training.loop import Trainer
from nmt.word_vectors import initial_vectors

PAIRS = reversals(100, seed=1)  # five steps an epoch, for averages move at the eighth
LETTERS = "abcdefgh"


@pytest.fixture
def tokenizers(tmp_path):
    write_lines(tmp_path / "text", [" ".join(LETTERS)] * 5)
    return TokenizerPair.train_pair(tmp_path / "text", tmp_path / "text", TokenizerConfig(kind="char"), 1)


def recipe_of(freeze, tie, **training):
    return Recipe.model_validate(
        {
            "name": "vectors",
            "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
            "dataset": {"tokens_per_batch": 128},
            "model": {
                "embedding": {"size": 8, "tie": tie, "source_vectors": "letters.vec", "freeze": freeze},
                "encoder": {"units": 8},
                "decoder": {"units": 8},
            },
            "training": {"warmup_steps": 0, "learning_rate": 1e-2, "max_epochs": 3, "checkpoint_every": 2, **training},
        }
    )


def trainer_of(recipe, tokenizers, folder, validation):
    rows = np.random.default_rng(1).normal(size=(len(LETTERS), 8))
    lines = [f"{letter} {' '.join(map(str, row))}" for letter, row in zip(LETTERS, rows, strict=True)]
    write_lines(folder / "letters.vec", lines)
    vectors = initial_vectors(recipe.model.embedding, folder, tokenizers)
    (folder / "scratch").mkdir(exist_ok=True)
    (folder / "output").mkdir(exist_ok=True)
    prepare = partial(fill_embeddings, vectors=vectors)
    return Trainer(
        recipe, tokenizers, TrainingData(recipe, corpus_of(PAIRS)), validation, folder / "scratch", prepare
    ), vectors


@pytest.mark.parametrize("tie", ["all", "none"])
@pytest.mark.parametrize(("freeze", "average"), [(False, 0.0), (True, 0.0), (True, 0.9)])
def test_a_frozen_matrix_stays_a_tuned_one_moves_and_the_bundle_reloads(tmp_path, tokenizers, tie, freeze, average):
    recipe = recipe_of(freeze, tie, average=average)
    trainer, vectors = trainer_of(recipe, tokenizers, tmp_path, Validation(1.0, 2.0, 3.0))
    before = weights_of(trainer._model)
    name = trainer._model.source_embedding.table.path
    np.testing.assert_array_equal(before[name][vectors["source"].ids], vectors["source"].rows)
    random_rows = np.delete(before[name], vectors["source"].ids, axis=0)
    assert random_rows.all()
    result = trainer.run(tmp_path / "output")
    assert result.weights.keys() == before.keys()
    stayed = {path for path, array in before.items() if np.array_equal(array, result.weights[path])}
    assert stayed == ({name} if freeze else set())
    assert result.facts["parameters"] == sum(array.size for array in before.values())
    write_bundle(tmp_path / "bundle", recipe, tokenizers, result.weights, result.facts)
    (tmp_path / "letters.vec").unlink()
    loaded = weights_of(load_bundle(tmp_path / "bundle").model())
    for path, array in result.weights.items():
        np.testing.assert_array_equal(loaded[path], array)


def test_an_interrupted_training_with_a_frozen_matrix_ends_with_the_same_weights(tmp_path, tokenizers):
    recipe = recipe_of(True, "none", average=0.9)
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    whole, _ = trainer_of(recipe, tokenizers, tmp_path / "whole", Validation(1.0, 2.0, 3.0))
    expected = whole.run(tmp_path / "whole" / "output").weights
    broken, _ = trainer_of(recipe, tokenizers, tmp_path / "broken", Validation(1.0, fail_at=2))
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path / "broken" / "output")
    resumed, _ = trainer_of(recipe, tokenizers, tmp_path / "broken", Validation(2.0, 3.0))
    received = resumed.run(tmp_path / "broken" / "output").weights
    for path, array in expected.items():
        np.testing.assert_array_equal(received[path], array)
