"""What training computes, as a number: the operations of the matrix products of a step, and the rate of a plain one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from nmt.models.seq2seq import Seq2Seq

_OF_THE_SOURCE = ("source_map", "encoder_", "key", "value")  # what weights begin with that every source token meets
_OF_THE_SENTENCE = ("bridge",)


def step_operations(model: Seq2Seq, rows: int, source: int, target: int) -> float:
    """Returns the floating-point operations of the matrix products of a training step.

    These are the products forward, and twice as many backward. An operation is a multiplication or an addition; what is
    done element by element is left out.

    Args:
        rows, source, target: the shape of the batch, its padding included: B, S and T.
    """
    cells = 0  # numbers in matrices, each time that they are used
    output = model.output_embedding
    for weight in model.trainable_weights:
        path, size = weight.path, int(np.prod(weight.shape))
        if len(weight.shape) < 2 or path.partition("/")[0].endswith("_embedding"):
            continue
        of_source, of_sentence = path.startswith(_OF_THE_SOURCE), path.startswith(_OF_THE_SENTENCE)
        cells += size * rows * (1 if of_sentence else source if of_source else target)
    if output is not None:
        cells += int(np.prod(output.table.shape)) * rows * target
    if model.decoder.attention is not None:  # scores and contexts
        cells += rows * target * source * (model.config.decoder.units + model.config.encoder.units)
    return 3.0 * 2.0 * cells


def matrix_product(size: int, data_type: str = "float32") -> Callable[[], float]:
    """Returns the yardstick: a function that multiplies two square matrices, and ends when the product is there."""
    left, right = (tf.cast(tf.random.stateless_normal([size, size], [1, seed]), data_type) for seed in (1, 2))
    function = tf.function(lambda: tf.matmul(left, right))
    return lambda: float(function()[0, 0])
