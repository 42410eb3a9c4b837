"""The GRU against the Keras layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.models.gru import Gru, GruState

BATCH, STEPS, DEPTH, UNITS = 5, 7, 6, 8
LENGTHS = np.array([7, 1, 3, 7, 4])
MASK = np.arange(STEPS) < LENGTHS[:, None]


@pytest.fixture
def layers():
    """Ours and theirs with equal weights; Keras has two rows of biases, of which ours needs one and a part."""
    keras.utils.set_random_seed(3)
    ours = Gru(DEPTH, UNITS, "ours")
    generator = np.random.default_rng(5)
    ours.bias.assign(generator.normal(size=3 * UNITS))
    ours.candidate_bias.assign(generator.normal(size=UNITS))
    theirs = keras.layers.GRU(UNITS, return_sequences=True, return_state=True, reset_after=True)
    theirs.build((None, None, DEPTH))
    recurrent_bias = np.concatenate([np.zeros(2 * UNITS), ours.candidate_bias.numpy()])
    biases = np.stack([ours.bias.numpy(), recurrent_bias])
    theirs.set_weights([ours.kernel.numpy(), ours.recurrent_kernel.numpy(), biases])
    return ours, theirs


@pytest.fixture
def data():
    generator = np.random.default_rng(4)
    shapes = ((BATCH, STEPS, DEPTH), (BATCH, UNITS), (BATCH, STEPS, UNITS))
    inputs, hidden, weights = (generator.normal(size=shape).astype("float32") for shape in shapes)
    return tf.Variable(inputs), tf.Variable(hidden), tf.constant(weights * MASK[:, :, None])


def results(run, weights, variables):
    with tf.GradientTape() as tape:
        outputs, hidden = run()
        loss = tf.reduce_sum(outputs * weights) + tf.reduce_sum(hidden * weights[:, 0])
    gradients = [gradient.numpy() for gradient in tape.gradient(loss, variables)]
    return [outputs.numpy() * (weights.numpy() != 0), hidden.numpy()], gradients


def test_equals_the_keras_layer_in_outputs_and_gradients(layers, data):
    ours, theirs = layers
    inputs, hidden, weights = data

    @tf.function
    def run_ours():
        outputs, state = ours.sequence(inputs.value(), tf.constant(MASK), GruState(hidden.value()))
        return outputs, state.hidden

    own = [w.value for w in (ours.kernel, ours.recurrent_kernel, ours.bias, ours.candidate_bias)]
    mine = results(run_ours, weights, [inputs, hidden, *own])
    reference = results(
        lambda: theirs(inputs, mask=tf.constant(MASK), initial_state=hidden),
        weights,
        [inputs, hidden, *(weight.value for weight in theirs.weights)],
    )
    biases = reference[1].pop()
    reference[1].extend([biases[0], biases[1, 2 * UNITS :]])
    for got, expected in zip(mine[0] + mine[1], reference[0] + reference[1], strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_steps_equal_the_sequence(layers, data):
    ours, _ = layers
    inputs, hidden, _ = data
    state = GruState(hidden.value())
    outputs, last = ours.sequence(inputs.value(), tf.ones([BATCH, STEPS], tf.bool), state)
    for step in range(STEPS):
        state = ours.step(ours.project(inputs[:, step]), state)
        np.testing.assert_allclose(outputs[:, step], state.hidden, atol=1e-6)
    np.testing.assert_allclose(last.hidden, state.hidden, atol=1e-6)


def test_an_empty_sequence_keeps_its_state(layers, data):
    ours, _ = layers
    inputs, hidden, _ = data
    with tf.GradientTape() as tape:
        _, last = ours.sequence(inputs.value(), tf.zeros([BATCH, STEPS], tf.bool), GruState(hidden.value()))
        loss = tf.reduce_sum(last.hidden)
    np.testing.assert_array_equal(last.hidden, hidden)
    np.testing.assert_array_equal(tape.gradient(loss, hidden), np.ones((BATCH, UNITS)))
