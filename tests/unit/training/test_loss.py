"""The loss against its definition."""

import numpy as np
import pytest
import tensorflow as tf

from nmt.config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.training.loss import token_losses

VOCAB = 12


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_equals_cross_entropy_with_the_smoothed_distribution(smoothing):
    model = Seq2Seq(ModelConfig.model_validate({"embedding": {"size": 5}}), VOCAB, VOCAB)
    model.output_bias.assign(np.linspace(-1, 1, VOCAB))
    generator = np.random.default_rng(1)
    readout = generator.normal(size=(2, 3, 5)).astype("float32")
    targets = np.array([[4, 5, 3], [7, 3, 0]], np.int32)
    loss, nll, tokens = token_losses(model, tf.constant(readout), tf.constant(targets), smoothing)

    real = targets != 0
    logits = readout[real] @ model.output_embedding.table.numpy().T + model.output_bias.numpy()
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = np.full((5, VOCAB), smoothing / VOCAB) + (1 - smoothing) * np.eye(VOCAB)[targets[real]]
    assert int(tokens) == 5
    np.testing.assert_allclose(float(nll), -log_probabilities[range(5), targets[real]].sum(), rtol=1e-5)
    np.testing.assert_allclose(float(loss), -(wanted * log_probabilities).sum(), rtol=1e-5)
