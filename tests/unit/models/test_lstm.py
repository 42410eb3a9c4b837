"""The CPU form of the LSTM against the Keras layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.models.lstm import Lstm, LstmState

BATCH, STEPS, DEPTH, UNITS = 5, 7, 6, 8
LENGTHS = np.array([7, 1, 3, 7, 4])


def keras_order(weights):
    """Ours is i, f, o, g; Keras has i, f, g, o."""
    input_gate, forget_gate, output_gate, candidate = np.split(np.asarray(weights), 4, axis=-1)
    return np.concatenate([input_gate, forget_gate, candidate, output_gate], axis=-1)


@pytest.fixture
def layers():
    keras.utils.set_random_seed(3)
    ours = Lstm(DEPTH, UNITS, "ours")
    theirs = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
    theirs.build((None, None, DEPTH))
    theirs.set_weights([keras_order(w.numpy()) for w in (ours.kernel, ours.recurrent_kernel, ours.bias)])
    return ours, theirs


@pytest.fixture
def data():
    generator = np.random.default_rng(4)
    mask = np.arange(STEPS) < LENGTHS[:, None]
    arrays = [
        generator.normal(size=shape).astype("float32") for shape in ((BATCH, STEPS, DEPTH), *[(BATCH, UNITS)] * 2)
    ]
    weights = generator.normal(size=(BATCH, STEPS, UNITS)).astype("float32") * mask[:, :, None]
    return [tf.Variable(array) for array in arrays], tf.constant(mask), tf.constant(weights)


def outputs_and_gradients(run, variables, weights, parameters):
    with tf.GradientTape() as tape:
        outputs, hidden, cell = run()
        loss = tf.reduce_sum(outputs * weights) + tf.reduce_sum(hidden * weights[:, 0])
        loss += tf.reduce_sum(cell * weights[:, 1])
    gradients = tape.gradient(loss, [*variables, *parameters])
    return [outputs.numpy() * (weights.numpy() != 0), hidden.numpy(), cell.numpy()], [g.numpy() for g in gradients]


def test_equals_the_keras_layer_in_outputs_and_gradients(layers, data):
    ours, theirs = layers
    (inputs, hidden, cell), mask, weights = data

    def run_ours():
        outputs, state = ours.sequence(inputs.value(), mask, LstmState(hidden.value(), cell.value()))
        return outputs, *state

    variables = [inputs, hidden, cell]
    mine = outputs_and_gradients(
        tf.function(run_ours), variables, weights, [ours.kernel.value, ours.recurrent_kernel.value, ours.bias.value]
    )
    reference = outputs_and_gradients(
        lambda: theirs(inputs, mask=mask, initial_state=[hidden, cell]),
        variables,
        weights,
        [weight.value for weight in theirs.weights],
    )
    for got, expected in zip(mine[0], reference[0], strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    for index, (got, expected) in enumerate(zip(mine[1], reference[1], strict=True)):
        np.testing.assert_allclose(keras_order(got) if index >= 3 else got, expected, atol=1e-5)


def test_padding_changes_neither_state_nor_real_outputs(layers, data):
    ours, _ = layers
    (inputs, hidden, cell), mask, _ = data
    state = LstmState(hidden.value(), cell.value())
    outputs, last = ours.sequence(inputs.value(), mask, state)
    for row, length in enumerate(LENGTHS):
        alone = LstmState(*(part[row : row + 1] for part in state))
        expected, expected_last = ours.sequence(inputs[row : row + 1, :length], mask[row : row + 1, :length], alone)
        np.testing.assert_allclose(outputs[row, :length], expected[0], atol=1e-6)
        np.testing.assert_allclose(last.cell[row], expected_last.cell[0], atol=1e-6)


def test_steps_equal_the_sequence(layers, data):
    ours, _ = layers
    (inputs, hidden, cell), _, _ = data
    state = LstmState(hidden.value(), cell.value())
    outputs, last = ours.sequence(inputs.value(), tf.ones([BATCH, STEPS], tf.bool), state)
    for step in range(STEPS):
        state = ours.step(ours.project(inputs[:, step]), state)
        np.testing.assert_allclose(outputs[:, step], state.hidden, atol=1e-6)
    np.testing.assert_allclose(last.cell, state.cell, atol=1e-6)
