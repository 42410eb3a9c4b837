"""The arithmetic of forecasts, and the process that measures."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import TrainingConfig
from nmt.dataset import EncodedCorpus, Sequences, plan_epoch
from nmt.errors import NmtError
from nmt.pipeline import forecast
from nmt.pipeline.forecast import (
    Epoch,
    batch_shapes,
    checkpoint_bytes,
    epoch_of,
    largest,
    scratch_bytes,
    spread,
    training_bytes,
    training_seconds,
    validations,
)
from nmt.training.measured import Measured

lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(2, 40)), min_size=1, max_size=80)


def corpus_of(pairs) -> EncodedCorpus:
    return EncodedCorpus(*(Sequences.of([[7] * length for length in side]) for side in zip(*pairs, strict=True)))


def shapes_of(corpus, numbers, tokens=64):
    sides = corpus.source.lengths[numbers], corpus.target.lengths[numbers] - 1
    return batch_shapes(*sides, plan_epoch(*sides, tokens, 1, 0))


def test_an_epoch_by_hand():
    corpus = corpus_of([(4, 3), (2, 3), (6, 5)])
    batches = [np.array([0, 1]), np.array([2])]
    shapes = batch_shapes(corpus.source.lengths, corpus.target.lengths - 1, batches)
    assert shapes.tolist() == [[2, 4, 2], [1, 6, 4]]
    epoch = epoch_of(corpus, np.arange(3), shapes, 3)
    assert (epoch.pairs, epoch.source_tokens, epoch.target_tokens, epoch.steps) == (3, 12, 8, 2)
    assert epoch.source_padding == pytest.approx(2 / 14)
    assert epoch.target_padding == pytest.approx(0.0)


@given(lengths)
def test_an_epoch_counts_every_token_once(pairs):
    corpus = corpus_of(pairs)
    numbers = np.arange(len(corpus))
    epoch = epoch_of(corpus, numbers, shapes_of(corpus, numbers), len(corpus))
    assert epoch.source_tokens == sum(source for source, _ in pairs)
    assert epoch.target_tokens == sum(target - 1 for _, target in pairs)
    assert 0.0 <= epoch.source_padding < 1.0
    assert 0.0 <= epoch.target_padding < 1.0


@given(lengths, st.integers(2, 5))
def test_a_sampled_corpus_counts_as_often_as_it_would_be_repeated(pairs, times):
    corpus = corpus_of(pairs)
    numbers = np.arange(len(corpus))
    shapes = shapes_of(corpus, numbers)
    one, more = (epoch_of(corpus, numbers, shapes, len(corpus) * scale) for scale in (1, times))
    assert (more.steps, more.source_tokens) == (one.steps * times, one.source_tokens * times)
    assert more.source_padding == one.source_padding


@given(st.integers(1, 8), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_mean_of_spread_batches_is_about_that_of_all(count, size, random):
    steps = sorted(random.randrange(2, 200) for _ in range(count * size))
    random.shuffle(steps)
    shapes = np.array([(10, length, length) for length in steps])
    chosen = spread(shapes, count)
    assert len(set(chosen)) == count
    error = abs(np.mean([steps[index] for index in chosen]) - np.mean(steps))
    assert error <= (max(steps) - min(steps)) / count


def test_fewer_batches_than_wanted_are_all_taken():
    assert sorted(spread(np.array([(1, 3, 3), (1, 2, 2)]), 8)) == [0, 1]


def test_the_largest_batch_has_most_positions():
    assert largest(np.array([(9, 3, 3), (2, 20, 20), (8, 4, 3)])) == 1


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


def test_the_last_step_of_an_epoch_may_have_fewer_batches():
    corpus = corpus_of([(4, 3), (2, 3), (6, 5)])
    epoch = epoch_of(corpus, np.arange(3), np.array([[1, 4, 2], [1, 2, 2], [1, 6, 4]]), 3, accumulate=2)
    assert (epoch.batches, epoch.steps) == (3, 2)


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
