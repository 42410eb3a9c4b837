"""The arithmetic of forecasts, and the process that measures."""

import os
import time

import pytest

from nmt.config import Recipe, TrainingConfig
from nmt.errors import NmtError
from nmt.pipeline import forecast
from nmt.pipeline.epoch import Epoch
from nmt.pipeline.forecast import checkpoint_bytes, scratch_bytes, training_bytes, training_seconds, validations
from nmt.training.measured import Measured

RECIPE = {"name": "r", "corpora": {"source": "a", "target": "b", "train": ["x/y"], "valid": ["x/z"], "test": ["x/w"]}}


def test_memory_and_checkpoints_by_hand():
    adam, sgd = TrainingConfig(), TrainingConfig(optimizer="sgd")
    assert training_bytes(100, 100, adam) == 4 * 500  # weights, gradients, averages, two moments
    assert training_bytes(100, 60, sgd) == 4 * (100 + 120)
    assert training_bytes(100, 60, TrainingConfig(optimizer="sgd", accumulate=2)) == 4 * (100 + 180)
    assert checkpoint_bytes(100, 100, adam) == 4 * 400  # weights, averages, two moments
    assert checkpoint_bytes(100, 60, sgd) == 4 * (100 + 60)
    assert scratch_bytes(100, 60, sgd) == 3 * 640 + 4 * 300
    last = TrainingConfig(optimizer="sgd", average_checkpoints=4, average_which="last")
    assert scratch_bytes(100, 60, last) == 3 * 640 + 4 * 700


def test_validations_are_once_an_epoch_or_every_so_many_steps():
    assert validations(100, TrainingConfig(max_epochs=7)) == 7
    assert validations(100, TrainingConfig(max_epochs=7, average_checkpoints=3)) == 8
    assert validations(100, TrainingConfig(max_epochs=7, validate_every=50)) == 14
    assert validations(2, TrainingConfig(max_epochs=1, validate_every=50)) == 1


def test_training_seconds_by_hand():
    epoch = Epoch(1000, 0, 0, 0.0, 0.0, 100, 50)
    figures = Measured(10, 10, 5.0, [9.0, 0.1, 0.3], 0.0, 0.0, 0.0, 0.0, None)  # the first batch: the largest one
    config = TrainingConfig(max_epochs=3, accumulate=2, validate_every=50)
    assert training_seconds(epoch, figures, 6.0, config) == pytest.approx(5.0 + 300 * 0.2 + 3 * 6.0)


def test_comparing_outputs_takes_time_where_there_are_some_to_compare(monkeypatch):
    compared = []

    def expected_scores(texts, metric, options):
        compared.append((texts, metric))
        time.sleep(0.01)

    monkeypatch.setattr(forecast, "expected_scores", expected_scores)
    lines = [f"line {number}" for number in range(50)]
    assert forecast._comparing_seconds(lines, Recipe.model_validate(RECIPE)) == 0.0
    decoding = {"sampling": {}, "minimum_bayes_risk": {"candidates": 8, "metric": "bleu"}}
    assert forecast._comparing_seconds(lines, Recipe.model_validate(RECIPE | {"decoding": decoding})) >= 0.5
    assert [(len(texts), metric) for texts, metric in compared] == [(8, "bleu")] * 2
    assert forecast._comparing_seconds([], Recipe.model_validate(RECIPE | {"decoding": decoding})) == 0.0


def die(probe, temporary, sender):
    os._exit(7)


def refuse(probe, temporary, sender):
    sender.send(NmtError("too large", action="Make it smaller"))


def test_a_probe_that_dies_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(forecast, "_answer", die)
    with pytest.raises(NmtError, match=r"exit code 7.*tokens_per_batch"):
        forecast.run_probe(None, tmp_path)


def test_an_error_of_the_probe_is_raised_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(forecast, "_answer", refuse)
    with pytest.raises(NmtError, match=r"^too large. Make it smaller.$"):
        forecast.run_probe(None, tmp_path)
