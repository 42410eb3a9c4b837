"""The loss against its definition."""

import numpy as np
import pytest
import tensorflow as tf

from nmt.model_config import ModelConfig
from nmt.models.attention import Memory
from nmt.models.decoder import DecoderOutput
from nmt.models.seq2seq import Seq2Seq
from nmt.pair_alignment import STEPS
from nmt.training.loss import coverage_losses, guided_alignment_loss, log_likelihoods, token_losses

VOCAB = 12
TARGETS = np.array([[4, 5, 3], [7, 3, 0]], np.int32)
NO_MEMORY = Memory(*[None] * 5)


def losses_of(model, readout, smoothing):
    return token_losses(model, DecoderOutput(readout, None, None), NO_MEMORY, tf.constant(TARGETS), smoothing)


@pytest.fixture
def model():
    model = Seq2Seq(ModelConfig.model_validate({"embedding": {"size": 5}}), VOCAB, VOCAB)
    model.output_bias.assign(np.linspace(-1, 1, VOCAB))
    return model


@pytest.fixture
def readout():
    return np.random.default_rng(1).normal(size=(2, 3, 5)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_equals_cross_entropy_with_the_smoothed_distribution(smoothing, model, readout):
    loss, nll, tokens = losses_of(model, tf.constant(readout), smoothing)

    real = TARGETS != 0
    logits = readout[real] @ model.output_embedding.table.numpy().T + model.output_bias.numpy()
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = np.full((5, VOCAB), smoothing / VOCAB) + (1 - smoothing) * np.eye(VOCAB)[TARGETS[real]]
    assert int(tokens) == 5
    np.testing.assert_allclose(float(nll), -log_probabilities[range(5), TARGETS[real]].sum(), rtol=1e-5)
    np.testing.assert_allclose(float(loss), -(wanted * log_probabilities).sum(), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_its_gradient_is_that_of_the_plain_formula(smoothing, model, readout):
    def plain(vectors):
        logits = tf.matmul(vectors, weights[0], transpose_b=True) + weights[1]
        labels = TARGETS[TARGETS != 0]
        wanted = smoothing / VOCAB + (1 - smoothing) * tf.one_hot(labels, VOCAB)
        return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))

    weights = [model.output_embedding.table.value, model.output_bias.value]
    inputs = [tf.Variable(readout), *weights]
    with tf.GradientTape(persistent=True) as tape:
        loss = 3.0 * losses_of(model, inputs[0].value(), smoothing)[0]
        reference = 3.0 * plain(tf.boolean_mask(inputs[0].value(), TARGETS != 0))
    for got, expected in zip(tape.gradient(loss, inputs), tape.gradient(reference, inputs), strict=True):
        np.testing.assert_allclose(got, tf.convert_to_tensor(expected), atol=1e-5)


# A pure pointer has no vocabulary to smooth over.
@pytest.mark.parametrize(
    ("kind", "smoothing"), [("pointer_generator", 0.0), ("pointer_generator", 0.1), ("pointer", 0.0)]
)
def test_copying_equals_cross_entropy_of_the_whole_mixture(kind, smoothing):
    config = {"embedding": {"size": 5}, "decoder": {"copy_source": kind, "attention": "additive"}}
    model = Seq2Seq(ModelConfig.model_validate(config), VOCAB, VOCAB)
    source = tf.constant([[7, 4, 5, 4, 3], [7, 3, 0, 0, 0]])
    target_in = tf.constant([[2, 4, 5], [2, 7, 0]])
    real = TARGETS != 0

    def plain():
        """The whole mixture, then the loss."""
        output, memory = model.teacher_forced(source, target_in)
        mixture = tf.boolean_mask(tf.nn.log_softmax(model.logits(output, memory)), real)
        nll = loss = -tf.reduce_sum(tf.gather(mixture, TARGETS[real], batch_dims=1))
        if smoothing:
            generated = tf.nn.log_softmax(model.vocabulary_logits(tf.boolean_mask(output.readout, real)))
            loss = (1 - smoothing) * nll - smoothing * tf.reduce_sum(tf.reduce_mean(generated, axis=1))
        return loss, nll

    def ours():
        output, memory = model.teacher_forced(source, target_in)
        return token_losses(model, output, memory, tf.constant(TARGETS), smoothing)[:2]

    weights = [weight.value for weight in model.trainable_weights]
    values, gradients = [], []
    for measure in (ours, plain):
        with tf.GradientTape() as tape:
            values.append(measure())
        found = tape.gradient(values[-1][0], weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients.append([tf.convert_to_tensor(gradient) for gradient in found])
    np.testing.assert_allclose(*values, rtol=1e-4)
    for own, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-4)


def test_coverage_loss_is_what_is_attended_to_again():
    weights = tf.constant([[[0.7, 0.3], [0.5, 0.5], [0.0, 1.0]]])
    np.testing.assert_allclose(coverage_losses(weights), [[0.0, 0.5 + 0.3, 0.0 + 0.8]], atol=1e-6)


def test_guided_alignment_is_the_cross_entropy_with_even_shares_of_the_links():
    generator = np.random.default_rng(5)
    weights = generator.dirichlet(np.ones(4), size=(2, 3)).astype("float32")  # [B, T, S]
    linked = {0: [(0, 1), (0, 3), (2, 0)], 1: [(1, 2)]}  # of each row: target step, source step
    links = np.array(
        [[t * STEPS + s for t, s in linked[0]], [*(t * STEPS + s for t, s in linked[1]), -1, -1]], np.int32
    )
    expected = -(np.log(weights[0, 0, 1]) + np.log(weights[0, 0, 3])) / 2 - np.log(weights[0, 2, 0])
    expected -= np.log(weights[1, 1, 2])
    assert float(guided_alignment_loss(tf.constant(weights), tf.constant(links))) == pytest.approx(expected, rel=1e-5)
    nothing = tf.fill([2, 0], -1)
    assert float(guided_alignment_loss(tf.constant(weights), nothing)) == 0.0


@pytest.mark.parametrize("kind", ["pointer_generator", "pointer"])
def test_unknown_words_cost_what_copying_them_does(kind):
    config = {"embedding": {"size": 5}, "decoder": {"copy_source": kind, "attention": "additive"}}
    model = Seq2Seq(ModelConfig.model_validate(config), VOCAB, VOCAB, copies_unknown=True)
    source = tf.constant([[7, VOCAB, 5, VOCAB, VOCAB + 1, 3], [VOCAB, 3, 0, 0, 0, 0]])
    targets = np.array([[5, VOCAB, VOCAB + 1, 3], [VOCAB, 3, 0, 0]], np.int32)
    target_in = tf.constant([[2, 5, VOCAB, VOCAB + 1], [2, VOCAB, 0, 0]])
    with tf.GradientTape() as tape:
        output, memory = model.teacher_forced(source, target_in)
        loss, nll, tokens = token_losses(model, output, memory, tf.constant(targets))
    real = targets != 0
    probabilities = tf.exp(model.logits(output, memory)).numpy()[real][range(6), targets[real]]
    np.testing.assert_allclose(float(nll), -np.log(probabilities).sum(), rtol=1e-4)
    copied = output.weights.numpy()[0, 1, [1, 3]].sum()
    share = 1.0 if kind == "pointer" else 1.0 - tf.sigmoid(output.generate).numpy()[0, 1]
    np.testing.assert_allclose(probabilities[1], share * copied, rtol=1e-5)
    np.testing.assert_allclose(
        log_likelihoods(model, output, memory, tf.constant(targets)),
        [-nll_of(probabilities[:4]), -nll_of(probabilities[4:])],
        rtol=1e-4,
    )
    gradients = tape.gradient(loss, model.trainable_weights)
    assert all(np.isfinite(tf.convert_to_tensor(each)).all() for each in gradients if each is not None)
    assert int(tokens) == 6


def nll_of(probabilities):
    return -np.log(probabilities).sum()
