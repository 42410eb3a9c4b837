"""Which pairs an epoch sees: weights, windows of epochs, short sources first."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_learning import Validation, corpus_of, recipe_of, reversals, run

from nmt.config import CurriculumConfig, DatasetConfig, MixConfig, Recipe, TrainingConfig
from nmt.dataset import EncodedCorpus, Sequences, plan_epoch
from nmt.errors import DataError
from nmt.training.data import TrainingData, competence, mixed_rows, shortest

PAIRS = reversals(300, seed=3, shortest=1, longest=12)
CORPUS = corpus_of(PAIRS)


def recipe_with(train=2, max_epochs=6, **dataset):
    corpora = {"source": "a", "target": "b", "train": ["c/d"] * train, "valid": ["c/d"]}
    settings = {"name": "x", "corpora": corpora, "dataset": {"tokens_per_batch": 64, **dataset}}
    return Recipe.model_validate(settings | {"training": {"max_epochs": max_epochs}})


def plan_of(data, number):
    return [rows.tolist() for rows in data.epoch(number)[1]]


def counts_of(data, number):
    """How often an epoch has each pair."""
    return np.bincount(np.concatenate(data.epoch(number)[1]), minlength=len(CORPUS))


@pytest.mark.parametrize("dataset", [{}, {"mix": [{}, {}]}, {"curriculum": {"epochs": 3, "start": 1.0}}])
def test_without_weights_and_curriculum_the_plan_is_that_of_the_whole_corpus(dataset):
    data = TrainingData(recipe_with(**dataset), CORPUS, [100, 200])
    lengths = CORPUS.source.lengths, CORPUS.target.lengths - 1
    plans = [[rows.tolist() for rows in plan_epoch(*lengths, 64, 1, number)] for number in range(3)]
    assert [plan_of(data, number) for number in range(3)] == plans
    assert data.steps_per_epoch == len(plans[0])


def test_weights_are_how_often_a_pair_is_seen_per_epoch():
    data = TrainingData(recipe_with(3, mix=[{"weight": 2.5}, {"weight": 0.5}, {"weight": 0}]), CORPUS, [100, 150, 50])
    counts = [counts_of(data, number) for number in range(6)]
    for count in counts:
        assert np.bincount(count[:100]).tolist() == [0, 0, 50, 50]
        assert np.bincount(count[100:250]).tolist() == [75, 75]
        assert count[250:].sum() == 0
    # Another half in each epoch: after six, nearly every pair was there.
    assert not np.array_equal(counts[0], counts[1])
    assert (np.sum(counts, axis=0)[100:250] > 0).mean() > 0.95


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 4)), min_size=1, max_size=4), st.integers(0, 5))
@settings(max_examples=60)
def test_a_part_is_drawn_by_its_own_weight_alone(parts, number):
    sizes, mix = [size for size, _ in parts], [MixConfig(weight=weight) for _, weight in parts]
    rows = mixed_rows(sizes, mix, number, np.random.default_rng(1))
    counts, begin = np.bincount(rows, minlength=sum(sizes)), 0
    for size, weight in parts:
        part = counts[begin : begin + size]
        assert set(part.tolist()) <= {int(weight), int(weight) + 1}
        assert abs(part.sum() - weight * size) <= 1
        begin += size


def test_windows_of_epochs():
    mix = [{"until_epoch": 2}, {"from_epoch": 2, "weight": 2}]
    data = TrainingData(recipe_with(mix=mix), CORPUS, [100, 200])
    seen = [(int(c[:100].sum()), int(c[100:].sum())) for c in (counts_of(data, number) for number in range(4))]
    assert seen == [(100, 0), (100, 400), (0, 400), (0, 400)]


def test_the_mix_is_a_function_of_seed_and_epoch():
    def plan(number, **changes):
        recipe = recipe_with(mix=[{"weight": 0.5}, {"weight": 1.5}]).model_copy(update=changes)
        return plan_of(TrainingData(recipe, CORPUS, [100, 200]), number)

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)
    assert plan(1) != plan(1, seed=2)


@given(st.integers(1, 10), st.floats(0.01, 1.0))
def test_competence_grows_from_the_start_to_one(epochs, start):
    curriculum = CurriculumConfig(epochs=epochs, start=start)
    shares = [competence(curriculum, number) for number in range(epochs + 2)]
    assert shares[0] == pytest.approx(start)
    assert shares == sorted(shares)
    assert shares[epochs:] == [1.0, 1.0]


def test_competence_is_that_of_the_formula():
    # sqrt(1 / 4 * (1 - 0.01) + 0.01)
    assert competence(CurriculumConfig(epochs=4, start=0.1), 1) == pytest.approx(0.5074445782546)
    assert competence(None, 0) == 1.0


def test_short_sources_come_first():
    data = TrainingData(recipe_with(curriculum={"epochs": 4, "start": 0.1}), CORPUS)
    lengths = CORPUS.source.lengths
    seen = [counts_of(data, number) > 0 for number in range(6)]
    assert [int(pairs.sum()) for pairs in seen[:1] + seen[4:]] == [30, 300, 300]
    for before, after in pairwise(seen):
        assert (before <= after).all()
    for pairs in seen[:4]:
        assert lengths[pairs].max() <= lengths[~pairs].min()


def test_at_least_one_pair_is_left():
    assert shortest(np.array([4, 2]), np.array([9, 9, 3, 9, 5]), 0.01).tolist() == [2]


def test_the_steps_that_are_expected_are_those_that_come():
    dataset = {"mix": [{"weight": 2.5, "until_epoch": 3}, {"weight": 0.5}], "curriculum": {"epochs": 3, "start": 0.2}}
    data = TrainingData(recipe_with(**dataset), CORPUS, [100, 200])
    steps = [len(data.epoch(number)[1]) for number in range(6)]
    assert data.steps_per_epoch == pytest.approx(np.mean(steps), rel=0.15)


def test_a_mix_that_cleaning_left_without_pairs_is_refused():
    recipe = recipe_with(mix=[{"until_epoch": 3}, {"from_epoch": 4}])
    with pytest.raises(DataError, match="leaves epoch 4 without pairs"):
        TrainingData(recipe, CORPUS, [300, 0])
    with pytest.raises(DataError, match="leaves epoch 1 without pairs"):
        TrainingData(recipe, CORPUS, [0, 300])


@pytest.mark.parametrize(
    ("mix", "empty"),
    [
        ([{}], None),
        ([{"weight": 0}], 1),
        ([{"from_epoch": 2}], 1),
        ([{"until_epoch": 9}], 10),
        ([{"until_epoch": 10}], None),
        ([{"until_epoch": 3}, {"from_epoch": 5}], 4),
        ([{"until_epoch": 3}, {"from_epoch": 4, "until_epoch": 6}, {"from_epoch": 7}], None),
        ([{"until_epoch": 5}, {"from_epoch": 4, "weight": 0}], 6),
    ],
)
def test_the_first_epoch_without_pairs(mix, empty):
    assert DatasetConfig(mix=mix).epoch_without_pairs([5] * len(mix), 10) == empty


def test_training_goes_through_epochs_of_different_sizes_and_resumes(tmp_path):
    recipe = recipe_of(max_epochs=3, checkpoint_every=2)
    dataset = {"tokens_per_batch": 64, "mix": [{"weight": 0.5}], "curriculum": {"epochs": 2, "start": 0.3}}
    recipe = recipe.model_copy(update={"dataset": DatasetConfig.model_validate(dataset)})
    whole = run(recipe, PAIRS, Validation(1.0, 2.0, 3.0), tmp_path / "whole", parts=[300])
    folder = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        run(recipe, PAIRS, Validation(1.0, fail_at=2), folder, parts=[300])
    (folder / "output").rmdir()
    resumed = run(recipe, PAIRS, Validation(2.0, 3.0), folder, parts=[300])
    assert resumed.facts == whole.facts
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


@pytest.mark.parametrize(
    ("training", "batches", "steps"),
    [
        ({}, 5, 5),
        ({"accumulate": 2}, 5, 3),
        # Three samples and the reference of every source share the tokens of a batch.
        ({"start_from": "bundle", "risk": {"metric": "chrf", "samples": 3}}, 10, 10),
    ],
)
def test_batches_and_steps_of_an_epoch(training, batches, steps):
    recipe = recipe_with(tokens_per_batch=8).model_copy(update={"training": TrainingConfig.model_validate(training)})
    corpus = EncodedCorpus(Sequences.of([[4, 3]] * 10), Sequences.of([[2, 4, 5, 6, 3]] * 10), np.arange(10))
    data = TrainingData(recipe, corpus)
    assert len(data.epoch(0)[1]) == batches
    assert data.steps_per_epoch == steps
