"""The optimizers against those of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.config import TrainingConfig
from nmt.training.optimizer import Optimizer

REFERENCES = {
    "adam": lambda: keras.optimizers.Adam(0.1, epsilon=1e-8, global_clipnorm=1.0),
    "adamw": lambda: keras.optimizers.AdamW(0.1, epsilon=1e-8, global_clipnorm=1.0, weight_decay=0.05),
    "sgd": lambda: keras.optimizers.SGD(0.1, global_clipnorm=1.0),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_equals_the_one_of_keras_after_clipping(name):
    start = [[1.0, -2.0, 3.0]]
    gradients = [[[0.1, -0.2, 0.3]], [[3.0, 4.0, 0.0]], [[0.5, 0.5, -0.5]]]
    ours, theirs = tf.Variable(start), keras.Variable(start)
    optimizer = Optimizer([ours], TrainingConfig(optimizer=name, gradient_clip=1.0, weight_decay=0.05))
    reference = REFERENCES[name]()
    for gradient in gradients:
        norm = optimizer.apply([tf.constant(gradient)], tf.constant(0.1))
        np.testing.assert_allclose(norm, np.linalg.norm(gradient), rtol=1e-6)
        reference.apply([tf.constant(gradient)], [theirs])
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


def test_weight_decay_leaves_biases_alone():
    matrix, bias = tf.Variable([[1.0]]), tf.Variable([1.0])
    config = TrainingConfig(optimizer="adamw", weight_decay=0.5)
    Optimizer([matrix, bias], config).apply([tf.zeros_like(matrix), tf.zeros_like(bias)], tf.constant(0.1))
    assert float(matrix[0, 0]) == pytest.approx(0.95)
    assert float(bias[0]) == 1.0
