"""The learning rate over time."""

import pytest

from nmt.config import Recipe, TrainingConfig
from nmt.dataset import EncodedCorpus, Sequences
from nmt.training.schedule import scheduled, steps_of_epoch, training_plan

STEPS = (50, 100, 600, 1100)  # of 11 epochs of 100 steps


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("none", [0.5, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 0.5, 1e-3]),
        ("cosine", [0.5, 1.0, 0.5, 1e-3]),
        ("inverse_sqrt", [0.5, 1.0, 6**-0.5, 11**-0.5]),
    ],
)
def test_rises_and_falls(decay, expected):
    config = TrainingConfig(warmup_steps=100, decay=decay, max_epochs=11)
    assert [scheduled(config, step, 100) for step in STEPS] == pytest.approx(expected)


def test_halving_begins_after_some_epochs_and_goes_on_every_half_epoch():
    config = TrainingConfig(warmup_steps=0, decay="halving", max_epochs=8)
    factors = {step: scheduled(config, step, 100) for step in (1, 500, 501, 550, 551, 601, 750)}
    assert factors == {1: 1.0, 500: 1.0, 501: 0.5, 550: 0.5, 551: 0.25, 601: 0.125, 750: 0.5**5}
    luong = TrainingConfig(warmup_steps=0, decay="halving", halve_after=8, halve_every=1)
    assert [scheduled(luong, step, 10) for step in (80, 81, 90, 91)] == [1.0, 0.5, 0.5, 0.25]


def test_steps_beyond_the_last_still_train():
    assert scheduled(TrainingConfig(warmup_steps=0, decay="linear", max_epochs=12), 1203, 100) > 0


def test_a_warm_up_longer_than_the_training():
    config = TrainingConfig(warmup_steps=100, decay="cosine", max_epochs=1)
    assert scheduled(config, 40, 50) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("training", "batches", "steps"),
    [
        ({}, 5, 5),
        ({"accumulate": 2}, 5, 3),
        # Three samples and the reference of every source share the tokens of a batch.
        ({"start_from": "bundle", "risk": {"metric": "chrf", "samples": 3}}, 10, 10),
    ],
)
def test_steps_of_an_epoch(training, batches, steps):
    corpora = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}
    settings = {"name": "x", "corpora": corpora, "training": training, "dataset": {"tokens_per_batch": 8}}
    recipe = Recipe.model_validate(settings)
    corpus = EncodedCorpus(Sequences.of([[4, 3]] * 10), Sequences.of([[2, 4, 5, 6, 3]] * 10))
    assert len(training_plan(recipe, corpus, 0)) == batches
    assert steps_of_epoch(recipe, corpus) == steps
