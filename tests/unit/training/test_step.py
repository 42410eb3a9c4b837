"""Training steps: several batches as one, and batches that do not fit into memory."""

import numpy as np
import pytest
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import AlignedBatch, Batch
from nmt.errors import NmtError
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import assign_weights, weights_of
from nmt.pair_alignment import STEPS
from nmt.training.step import TrainStep

VOCAB = 12


def recipe_of(dropout=0.0, decoder=None, **training):
    return Recipe.model_validate(
        {
            "name": "steps",
            "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
            "model": {
                "embedding": {"size": 8},
                "encoder": {"units": 8},
                "decoder": {"units": 8} | (decoder or {}),
                "dropout": dropout,
            },
            "training": training,
        }
    )


def batch_of(rows, columns=5, seed=1):
    ids = np.random.default_rng(seed).integers(4, VOCAB, size=(3, rows, columns)).astype(np.int32)
    if rows > 1:
        ids[:, -1, -2:] = 0  # PAD
    return Batch(*map(tf.constant, ids))


def joined(first, second):
    return Batch(*(tf.concat(sides, axis=0) for sides in zip(first, second, strict=True)))


def step_of(recipe, weights=None):
    model = Seq2Seq(recipe.model, VOCAB, VOCAB)
    if weights:
        assign_weights(model, weights)
    return TrainStep(recipe, model), model


def assert_equal(ours, theirs):
    for name, array in weights_of(ours).items():
        np.testing.assert_allclose(array, weights_of(theirs)[name], rtol=1e-4, atol=1e-6, err_msg=name)


def sgd(**training):
    # Of plain gradient descent, for Adam divides by the size of the gradient and hides a wrong factor.
    return recipe_of(optimizer="sgd", gradient_clip=1e6, **training)


def test_several_batches_count_as_one_large_batch():
    together, model = step_of(sgd())
    apart, other = step_of(sgd(), weights_of(model))
    first, second = batch_of(3, seed=1), batch_of(5, seed=2)
    whole = together.take([joined(first, second)], 1, 0.1)
    parts = apart.take([first, second], 1, 0.1)
    assert parts.tokens == whole.tokens
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert parts.norm == pytest.approx(whole.norm, rel=1e-4)
    assert_equal(model, other)


def small_memory(step, cells):
    """Lets a step fail as if only so many cells had a place in memory."""

    def limited(function):
        def call(source, target_in, *rest):
            if source.shape[0] * (source.shape[1] + target_in.shape[1]) > cells:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
            return function(source, target_in, *rest)

        return call

    step._whole_step, step._add = ([*map(limited, functions)] for functions in (step._whole_step, step._add))


def test_a_batch_that_does_not_fit_is_split_and_none_of_it_is_lost():
    together, model = step_of(sgd())
    apart, other = step_of(sgd(), weights_of(model))
    small_memory(apart, cells=30)
    batch = batch_of(9)
    whole, parts = together.take([batch], 1, 0.1), apart.take([batch], 1, 0.1)
    assert parts.tokens == whole.tokens
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert_equal(model, other)
    assert 0 < (apart.largest or 0) <= 30
    # What is known of the memory holds for the next batch, whose first try fits already.
    again = batch_of(7, seed=3)
    assert apart.take([again], 2, 0.1).loss == pytest.approx(together.take([again], 2, 0.1).loss, rel=1e-4)


def test_a_pair_that_does_not_fit_alone_stops_the_training():
    step, _ = step_of(sgd())
    small_memory(step, cells=5)
    with pytest.raises(NmtError, match="does not hold a single pair") as stopped:
        step.take([batch_of(4)], 3, 0.1)
    assert "5 source and 5 target tokens" in str(stopped.value)


def test_memory_that_ends_after_the_weights_have_changed_is_not_tried_again():
    step, _ = step_of(sgd())

    def half(*arguments):
        step.optimizer.steps.assign_add(1)
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    step._whole_step = [half, half]
    with pytest.raises(tf.errors.ResourceExhaustedError):
        step.take([batch_of(4)], 1, 0.1)


def test_pieces_of_a_batch_drop_different_units():
    step, _ = step_of(recipe_of(dropout=0.5))
    seeds = [tuple(step._noise(7, index).numpy()) for index in range(50)]
    assert seeds[0] == (1, 7)
    assert len(set(seeds)) == 50
    assert seeds == [tuple(step_of(recipe_of())[0]._noise(7, index).numpy()) for index in range(50)]


def aligned(batch, links):
    return AlignedBatch(*batch, tf.constant(links, tf.int32))


def test_guided_attention_moves_to_the_links_that_it_is_given():
    step, model = step_of(recipe_of(guided_alignment={"weight": 1.0}))
    batch = batch_of(2, columns=4)
    links = [[t * STEPS + 3 - t for t in range(4)], [STEPS, -1, -1, -1]]  # backwards; in the second row one link
    for number in range(1, 120):
        result = step.take([aligned(batch, links)], number, 0.02)
    weights = model.teacher_forced(batch.source, batch.target_in)[0].weights.numpy()
    assert weights[0].argmax(axis=1).tolist() == [3, 2, 1, 0]
    assert weights[1, 1, 0] > 0.9
    assert result.loss < 1.5


def test_a_batch_with_links_is_cut_into_pieces_as_well():
    recipe = sgd(guided_alignment={"weight": 0.5})
    together, model = step_of(recipe)
    apart, other = step_of(recipe, weights_of(model))
    batch = aligned(batch_of(4), [[0, STEPS + 2], [1, -1], [2 * STEPS, -1], [-1, -1]])
    apart.largest = 20
    whole, parts = (step.take([batch], 1, 0.1) for step in (together, apart))
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert_equal(model, other)


def test_attention_learns_its_coverage_from_the_step_on_that_the_recipe_says():
    covering = {"attention": "additive", "coverage": True, "copy_source": "pointer_generator"}
    late, model = step_of(sgd(decoder=covering, coverage_after=2))
    early, other = step_of(sgd(decoder=covering), weights_of(model))
    batch, row = batch_of(6), model.decoder.attention.coverage_row
    # Of zeros, coverage is no different from none.
    assert late.take([batch], 1, 0.1).loss == pytest.approx(early.take([batch], 1, 0.1).loss, rel=1e-5)
    late.take([batch, batch_of(4)], 2, 0.1)
    assert not np.any(row.numpy())
    assert np.any(other.decoder.attention.coverage_row.numpy())
    late.take([batch], 3, 0.1)
    assert np.any(row.numpy())
