"""Adam against the Keras optimizer."""

import keras
import numpy as np
import tensorflow as tf

from nmt.training.optimizer import Adam


def test_equals_keras_adam_after_clipping():
    start, gradients = [1.0, -2.0, 3.0], [[0.1, -0.2, 0.3], [3.0, 4.0, 0.0], [0.5, 0.5, -0.5]]
    ours, theirs = tf.Variable(start), keras.Variable(start)
    adam = Adam([ours], clip=1.0)
    reference = keras.optimizers.Adam(0.1, epsilon=1e-8, global_clipnorm=1.0)
    for gradient in gradients:
        norm = adam.apply([tf.constant(gradient)], tf.constant(0.1))
        np.testing.assert_allclose(norm, np.linalg.norm(gradient), rtol=1e-6)
        reference.apply([tf.constant(gradient)], [theirs])
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)
