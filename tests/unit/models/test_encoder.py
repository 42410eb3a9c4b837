"""The encoder's reversal of sequences, whose gradient is written by hand, against TensorFlow's."""

import numpy as np
import tensorflow as tf

from nmt.models.encoder import _reverse


def test_sequences_are_reversed_within_their_own_length():
    generator = np.random.default_rng(1)
    values = tf.constant(generator.normal(size=(4, 5, 3)).astype("float32"))
    upstream = generator.normal(size=(4, 5, 3)).astype("float32")
    lengths = tf.constant([5, 3, 1, 0])

    def measure(reverse):
        with tf.GradientTape() as tape:
            tape.watch(values)
            reversed_values = reverse()
            total = tf.reduce_sum(reversed_values * upstream)
        return reversed_values, tape.gradient(total, values)

    found = measure(lambda: _reverse(values, lengths))
    expected = measure(lambda: tf.reverse_sequence(values, lengths, seq_axis=1))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
