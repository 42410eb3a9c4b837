"""The loss against its definition."""

import numpy as np
import pytest
import tensorflow as tf

from nmt.config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.training.loss import token_losses

VOCAB = 12
TARGETS = np.array([[4, 5, 3], [7, 3, 0]], np.int32)


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
    loss, nll, tokens = token_losses(model, tf.constant(readout), tf.constant(TARGETS), smoothing)

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
        loss = 3.0 * token_losses(model, inputs[0].value(), tf.constant(TARGETS), smoothing)[0]
        reference = 3.0 * plain(tf.boolean_mask(inputs[0].value(), TARGETS != 0))
    for got, expected in zip(tape.gradient(loss, inputs), tape.gradient(reference, inputs), strict=True):
        np.testing.assert_allclose(got, tf.convert_to_tensor(expected), atol=1e-5)
