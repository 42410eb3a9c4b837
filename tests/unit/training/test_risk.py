"""Minimum risk training: the loss against NumPy, what is drawn, and that it does what it is for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.config import Recipe
from nmt.dataset import Batch, EncodedCorpus, Sequences
from nmt.errors import UsageError
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import assign_weights, weights_of
from nmt.tokenizer import BOS, EOS, PAD
from nmt.training.data import TrainingData
from nmt.training.loop import Trainer
from nmt.training.loss import log_likelihoods, token_losses
from nmt.training.risk import Risk, RiskBatch, expected_costs
from nmt.training.step import TrainStep

VOCAB = 9
SEED = tf.constant([1, 2])
WORDS = ["", "?", "", "", "a", "b", "c", "d", "e"]


class Words:
    """A vocabulary of five words."""

    vocab_size = VOCAB

    def decode(self, sequences):
        return [" ".join(WORDS[id_] for id_ in ids if id_ > EOS) for ids in sequences]


class Vocabularies:
    source = target = Words()


def recipe_of(risk, dropout=0.0, decoder=None, **training):
    return Recipe.model_validate(
        {
            "name": "risk",
            "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
            "dataset": {"tokens_per_batch": 256},
            "model": {
                "embedding": {"size": 8},
                "encoder": {"units": 8},
                "decoder": {"units": 8, "attention": "scaled_dot", **(decoder or {})},
                "dropout": dropout,
            },
            "training": {"start_from": "bundle", "risk": risk, "warmup_steps": 0, **training},
            "decoding": {"max_length_ratio": 1.0, "max_length_extra": 2},
            "evaluation": {"tokenize": "none"},
        }
    )


def model_of(recipe, seed=3):
    keras.utils.set_random_seed(seed)
    return Seq2Seq(recipe.model, VOCAB, VOCAB)


def rows_of(*rows):
    longest = max(map(len, rows))
    return tf.constant([[*row, *[PAD] * (longest - len(row))] for row in rows], tf.int32)


def batch_of(*targets):
    return Batch(
        rows_of(*([*target, EOS] for target in targets)),
        rows_of(*([BOS, *target] for target in targets)),
        rows_of(*([*target, EOS] for target in targets)),
    )


BATCH = batch_of([4, 5, 6, 7], [6, 4], [8, 8, 5])


@pytest.mark.parametrize("sharpness", [5e-3, 1.0])
def test_the_expected_cost_and_its_gradient_are_those_of_the_formula(sharpness):
    generator = np.random.default_rng(1)
    scores = tf.Variable(-generator.uniform(1, 400, size=7).astype("float32"))
    costs = generator.uniform(size=7).astype("float32")
    rows = np.array([0, 0, 0, 1, 2, 2, 2], np.int32)
    with tf.GradientTape() as tape:
        risks = expected_costs(scores, tf.constant(costs), tf.constant(rows), tf.constant(3), sharpness)
    gradient = tape.gradient(risks, scores).numpy()
    for row in range(3):
        here = rows == row
        weights = np.exp(sharpness * (scores.numpy()[here].astype("float64") - scores.numpy()[here].max()))
        shares = weights / weights.sum()
        risk = (shares * costs[here]).sum()
        assert float(risks[row]) == pytest.approx(risk, abs=1e-5)
        np.testing.assert_allclose(gradient[here], sharpness * shares * (costs[here] - risk), atol=1e-6)


@pytest.mark.parametrize("decoder", [{}, {"copy_source": "pointer_generator"}, {"input_feeding": True}])
def test_log_likelihoods_of_targets_add_up_to_the_loss_of_their_tokens(decoder):
    model = model_of(recipe_of({}, decoder=decoder))
    predicted = model.teacher_forced(BATCH.source, BATCH.target_in)
    scores = log_likelihoods(model, *predicted, BATCH.target_out).numpy()
    assert scores.shape == (3,)
    assert -scores.sum() == pytest.approx(float(token_losses(model, *predicted, BATCH.target_out).nll), rel=1e-4)


def test_the_loss_of_given_outputs_is_that_of_numpy():
    recipe = recipe_of({"sharpness": 0.5, "likelihood_weight": 0.25})
    model = model_of(recipe)
    outputs = [[4, 5, 6, EOS], [4, 4, EOS], [6, EOS], [7, EOS], [6, 6, 6]]  # the last one was cut
    rows = [0, 0, 1, 1, 1]
    costs = np.array([0.0, 0.5, 0.0, 0.25, 0.75], np.float32)
    source = BATCH.source[:2]
    target_in = rows_of(*([BOS, *output[:-1]] for output in outputs))
    batch = RiskBatch(source, tf.constant(rows), target_in, rows_of(*outputs), tf.constant(costs))
    total, count = Risk(recipe, model, Words()).loss(batch, SEED)
    scores = []
    for row, output in zip(rows, outputs, strict=True):
        predicted = model.teacher_forced(source[row : row + 1], tf.constant([[BOS, *output[:-1]]]))
        log = tf.nn.log_softmax(model.logits(*predicted))[0].numpy()
        scores.append(sum(log[place, token] for place, token in enumerate(output)))
    expected = 0.0
    for members in ([0, 1], [2, 3, 4]):
        weights = np.exp([0.5 * scores[n] for n in members])
        expected += (weights * costs[members]).sum() / weights.sum() - 0.25 * scores[members[0]] / len(
            outputs[members[0]]
        )
    assert int(count) == 2
    assert float(total) == pytest.approx(expected, rel=1e-4)


def test_the_outputs_are_the_reference_and_samples_each_once():
    recipe = recipe_of({"samples": 40})
    risk = Risk(recipe, model_of(recipe), Words())
    found = risk.outputs(BATCH, SEED)
    outputs = [tuple(id_ for id_ in row if id_ != PAD) for row in found.target_out.tolist()]
    assert len(set(zip(found.rows.tolist(), outputs, strict=True))) == len(outputs)
    assert sorted(found.rows.tolist()) == found.rows.tolist()
    assert 10 < len(outputs) <= 3 * 41
    for row, reference in enumerate([(4, 5, 6, 7, EOS), (6, 4, EOS), (8, 8, 5, EOS)]):
        first = found.rows.tolist().index(row)
        assert outputs[first] == reference
        assert found.costs[first] == 0.0
    assert (found.costs >= 0.0).all()
    assert (found.costs <= 1.0).all()
    assert len(set(found.costs.tolist())) > 5
    for fed, output in zip(found.target_in.tolist(), outputs, strict=True):
        assert [id_ for id_ in fed if id_ != PAD] == [BOS, *output[:-1]]
        assert not set(output) & {PAD, BOS, 1}
    np.testing.assert_array_equal(risk.outputs(BATCH, SEED).target_out, found.target_out)
    assert risk.outputs(BATCH, SEED + 1).target_out.tolist() != found.target_out.tolist()


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_training_lowers_the_cost_of_what_the_model_draws(metric):
    recipe = recipe_of({"metric": metric, "samples": 16, "sharpness": 0.1}, learning_rate=0.02)
    model = model_of(recipe)
    risk = Risk(recipe, model, Words())
    step = TrainStep(recipe, model, risk)

    def cost():
        found = [risk.outputs(BATCH, tf.constant([7, n])) for n in range(5)]
        return np.mean([batch.costs[np.r_[False, batch.rows[1:] == batch.rows[:-1]]].mean() for batch in found])

    before = cost()
    losses = [step.take([BATCH], number, 0.02).loss for number in range(1, 41)]
    assert cost() < before - 0.15
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_pieces_of_a_step_count_as_one_batch():
    """The costs are those of two batches that are drawn apart, so a step of both is the mean of their gradients."""
    recipe = recipe_of({"samples": 4}, optimizer="sgd", gradient_clip=1e6)
    model = model_of(recipe)
    start = weights_of(model)
    risk = Risk(recipe, model, Words())
    step = TrainStep(recipe, model, risk)
    result = step.take([BATCH, BATCH], 1, 0.5)
    assert result.tokens == 2 * np.count_nonzero(BATCH.target_out)
    together = weights_of(model)
    assign_weights(model, start)
    drawn = [risk.outputs(BATCH, step._noise(1, index)) for index in (0, 1)]
    with tf.GradientTape() as tape:
        loss = sum(risk.loss(batch, SEED)[0] for batch in drawn) / 6.0
    assert result.loss == pytest.approx(float(loss), rel=1e-4)
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, step.weights), strict=True):
        expected = start[weight.path] - 0.5 * tf.convert_to_tensor(gradient).numpy()
        np.testing.assert_allclose(together[weight.path], expected, atol=1e-5)


class Validation:
    def __init__(self, fail_at=None):
        self.calls, self.fail_at = 0, fail_at

    def measure(self, model):
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        return {"valid_loss": 1.0, "bleu": float(self.calls), "chrf": 0.0}


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    recipe = recipe_of({"samples": 3}, dropout=0.1, max_epochs=2, checkpoint_every=2, validate_every=5)
    targets = [[4 + (n * k) % 5 for k in range(1, 3 + n % 3)] for n in range(40)]
    corpus = EncodedCorpus(
        Sequences.of([*target, EOS] for target in targets),
        Sequences.of([BOS, *target, EOS] for target in targets),
        np.arange(len(targets)),
    )

    def run(name, validation):
        output = tmp_path / name / "output"
        output.mkdir(parents=True)
        scratch = tmp_path / name.split("-")[0]
        return Trainer(recipe, Vocabularies, TrainingData(recipe, corpus), validation, scratch).run(output)

    whole = run("whole", Validation())
    assert whole.facts["steps"] > 5  # batches are smaller by the outputs: 40 pairs would be one
    with pytest.raises(KeyboardInterrupt):
        run("broken", Validation(fail_at=1))
    resumed = run("broken-2", Validation())
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"start_from": None}, "set training.start_from to a bundle"),
        ({"start_parts": ["encoder"]}, r"must be \[encoder, decoder\]"),
        ({"coverage_loss": 1.0}, "set them to 0"),
        ({"scheduled_sampling": 0.2}, "set them to 0"),
    ],
)
def test_what_makes_no_sense_with_it_is_refused(training, reason):
    with pytest.raises(ValueError, match=reason):
        recipe_of({}, **training)


def test_a_recipe_without_it_has_no_risk():
    recipe = recipe_of(None)
    with pytest.raises(UsageError, match="has none"):
        Risk(recipe, model_of(recipe), Words())
