"""The probe of a few training steps, in this process."""

import tempfile

import numpy as np
import pytest

from nmt.config import Recipe, TokenizerConfig
from nmt.dataset import EncodedCorpus, Sequences
from nmt.decoding.decoder import BatchDecoder
from nmt.models.seq2seq import Seq2Seq
from nmt.pipeline.forecast import checkpoint_bytes, training_bytes
from nmt.tokenizer import BOS, EOS, TokenizerPair
from nmt.training.loop import Progress, Trainer
from nmt.training.measured import Probe
from nmt.training.probe import measure

RECIPE = {
    "name": "r",
    "corpora": {"source": "a", "target": "b", "train": ["x/y"], "valid": ["x/z"], "test": ["x/w"]},
    "model": {
        "embedding": {"size": 8},
        "encoder": {"layers": 1, "units": 8},
        "decoder": {"layers": 1, "units": 8},
    },
    "decoding": {"beam_size": 2},
}


@pytest.fixture
def encoded(tmp_path):
    generator = np.random.default_rng(1)
    for name, count in (("train", 60), ("valid", 20)):
        rows = [generator.integers(4, 20, generator.integers(2, 9)).tolist() for _ in range(count)]
        sources, targets = ([[*row, EOS] for row in rows], [[BOS, *row, EOS] for row in rows])
        EncodedCorpus(Sequences.of(sources), Sequences.of(targets), np.arange(count)).save(tmp_path, name)
    text = tmp_path / "text"
    text.write_text("abcdefghijklmnop\n")
    TokenizerPair.train_pair(text, text, TokenizerConfig(kind="char", vocab_size=30), 1).save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("accumulate", "vocab_size"), [(1, None), (2, 50)])
def test_it_measures_a_real_model_and_leaves_nothing(encoded, tmp_path, monkeypatch, accumulate, vocab_size):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = sorted(path.name for path in encoded.iterdir())
    recipe = Recipe.model_validate(RECIPE | {"training": {"accumulate": accumulate}})
    chosen = [np.arange(30), np.arange(4), np.arange(10, 20)]
    measured = measure(Probe(recipe, encoded, encoded, encoded, vocab_size, chosen))
    size = vocab_size or TokenizerPair.load(encoded).source.vocab_size
    assert measured.weights == sum(int(np.prod(weight.shape)) for weight in Seq2Seq(recipe.model, size, size).weights)
    assert measured.trainable == measured.weights
    assert len(measured.batch_seconds) == len(chosen)
    times = [*measured.batch_seconds, measured.loss_seconds, measured.greedy_seconds, measured.beam_seconds]
    assert min(times) > 0.0
    assert measured.start_seconds > max(measured.batch_seconds)  # tracing counts once
    assert sorted(path.name for path in encoded.iterdir()) == before
    assert not [path for path in temporary.iterdir() if path.is_dir()]


def test_it_draws_as_many_outputs_as_are_compared(encoded, monkeypatch):
    asked = []
    decode = BatchDecoder.decode

    def counted(self, sources, hypotheses=1, conditions=None):
        found = decode(self, sources, hypotheses, conditions)
        asked.append((self._config.sampling is not None, {len(row) for row in found}))
        return found

    monkeypatch.setattr(BatchDecoder, "decode", counted)
    decoding = {"sampling": {"temperature": 0.5}, "minimum_bayes_risk": {"candidates": 7}}
    recipe = Recipe.model_validate(RECIPE | {"decoding": decoding})
    measure(Probe(recipe, encoded, encoded, encoded, None, [np.arange(30), np.arange(4)]))
    assert set(map(repr, asked)) == {"(False, {1})", "(True, {7})"}  # of validations and of the test sets


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_computed_sizes_are_those_of_the_trainer(encoded, tmp_path, optimizer):
    recipe = Recipe.model_validate(RECIPE | {"training": {"optimizer": optimizer}})
    model = []
    trainer = Trainer(recipe, TokenizerPair.load(encoded), None, None, tmp_path / "scratch", model.append)
    weights = {weight.path: weight.numpy() for weight in model[0].weights}
    count = sum(array.size for array in weights.values())
    trainer._save(Progress())
    written = (tmp_path / "scratch" / "checkpoint.npz").stat().st_size
    headers = 500 * 5 * (len(weights) + 1)  # names and headers, at most
    computed = checkpoint_bytes(count, count, recipe.training)
    assert computed <= written <= computed + headers
    held = sum(np.prod(v.shape) * 4 for group in trainer._variables().values() for v in group if v.shape.rank)
    assert training_bytes(count, count, recipe.training) == 4 * count + held + 4 * count  # weights, gradients
