"""Epochs that are planned before training."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import Recipe
from nmt.dataset import EncodedCorpus, Sequences
from nmt.pipeline.epoch import batch_shapes, largest, plan_batches, repeated, spread
from nmt.training.data import TrainingData

lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(2, 40)), min_size=1, max_size=80)
BASE = {"name": "r", "corpora": {"source": "a", "target": "b", "train": ["x/y", "x/u"], "valid": ["x/z"]}}


def recipe_of(dataset=None, training=None) -> Recipe:
    return Recipe.model_validate(
        BASE | {"dataset": {"tokens_per_batch": 64, **(dataset or {})}, "training": training or {}}
    )


def corpus_of(pairs) -> EncodedCorpus:
    source, target = (Sequences.of([[7] * length for length in side]) for side in zip(*pairs, strict=True))
    return EncodedCorpus(source, target, np.arange(len(pairs)))


def test_batches_by_hand():
    shapes, tokens = batch_shapes(np.array([4, 2, 6]), np.array([2, 2, 4]), [np.array([0, 1]), np.array([2])])
    assert shapes.tolist() == [[2, 4, 2], [1, 6, 4]]
    assert tokens.tolist() == [[6, 4], [6, 4]]


def test_parts_are_repeated_each_by_itself():
    assert repeated([2, 1, 0], [3, 2, 0]).tolist() == [0, 1, 0, 2, 2]


@given(lengths, st.integers(1, 3))
def test_a_whole_corpus_is_planned_as_training_plans_it(pairs, accumulate):
    corpus, recipe = corpus_of(pairs), recipe_of(training={"accumulate": accumulate})
    planned = plan_batches(recipe, corpus, [1, len(pairs) - 1], [1, len(pairs) - 1])
    data = TrainingData(recipe, corpus)
    assert [rows.tolist() for rows in planned.rows] == [rows.tolist() for rows in data.epoch(0)[1]]
    epoch = planned.epoch()
    assert (epoch.pairs, epoch.steps, epoch.batches) == (len(pairs), data.steps_per_epoch, len(planned.rows))
    assert epoch.source_tokens == sum(source for source, _ in pairs)
    assert epoch.target_tokens == sum(target - 1 for _, target in pairs)
    assert 0.0 <= epoch.source_padding < 1.0
    assert 0.0 <= epoch.target_padding < 1.0


@given(lengths, st.integers(2, 5))
def test_a_sample_counts_as_often_as_there_is_text(pairs, times):
    corpus, count = corpus_of(pairs), len(pairs)
    epoch = plan_batches(recipe_of(), corpus, [count, 0], [count * times, 0]).epoch()
    assert epoch.pairs == count * times
    assert epoch.source_tokens == times * sum(source for source, _ in pairs)


def test_a_very_large_text_is_planned_in_part_and_scaled(monkeypatch):
    monkeypatch.setattr("nmt.pipeline.epoch._PLANNED_PAIRS", 500)
    corpus = corpus_of([(5, 5), (9, 9)] * 50)
    whole, scaled = (plan_batches(recipe_of(), corpus, [100, 0], [pairs, 0]).epoch() for pairs in (500, 50_000))
    assert scaled.pairs == 50_000
    assert scaled.source_tokens == 100 * whole.source_tokens
    assert scaled.steps == 100 * whole.steps


def test_of_epochs_that_differ_it_gives_the_mean():
    corpus = corpus_of([(4, 5)] * 60)
    mix = [{"weight": 1.0}, {"weight": 1.0, "from_epoch": 3}]
    recipe = recipe_of({"mix": mix}, {"max_epochs": 4})
    epoch = plan_batches(recipe, corpus, [20, 40], [20, 40]).epoch()
    assert epoch.pairs == (20 + 20 + 60 + 60) / 4
    assert epoch.steps == TrainingData(recipe, corpus, [20, 40]).steps_per_epoch


def test_accumulated_batches_are_one_step():
    corpus = corpus_of([(10, 11)] * 30)  # 6 pairs of 10 target tokens are a batch
    epoch = plan_batches(recipe_of(training={"accumulate": 2}), corpus, [30, 0], [30, 0]).epoch()
    assert (epoch.batches, epoch.steps) == (5, 3)


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
