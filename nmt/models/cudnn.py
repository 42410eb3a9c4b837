"""cuDNN's kernels for whole sequences, which recurrent layers run on where there is a GPU.

cuDNN takes the weights of a layer as one row of numbers: the input matrices of all gates, the recurrent ones, each of
them transposed, then the biases of the inputs and those of the recurrent products, gate after gate. Its gates stand in
the order i, f, g, o for LSTM and r, z, n for GRU (cuDNN API, ``cudnnRNNMode_t`` and ``cudnnGetRNNWeightParams``).

Sequences are padded on the right, layers are normalised at their inputs, and dropout is between them, so none of these
keeps a layer from cuDNN; what does is named by :func:`cudnn_notes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf

from nmt.model_config import ModelConfig

_GATES = {"lstm": [0, 1, 3, 2], "gru": [1, 0, 2]}  # cuDNN's gates by their place in ours: i, f, o, g and z, r, n
_plain: list[bool] = []


def uses_cudnn() -> bool:
    """Tells whether sequences run on cuDNN: there is a GPU, and nothing asks for the plain kernels."""
    return not _plain and bool(tf.config.list_logical_devices("GPU"))


@contextmanager
def plain_kernels() -> Iterator[None]:
    """Layers that are traced inside of it run without cuDNN, of whose kernels XLA knows none."""
    _plain.append(True)
    try:
        yield
    finally:
        _plain.pop()


def cudnn_notes(model: ModelConfig) -> list[str]:
    """Returns which options keep which layers of a model from cuDNN, one sentence each; none where there is no GPU."""
    return _obstacles(model) if uses_cudnn() else []


def _obstacles(model: ModelConfig) -> list[str]:
    decoder = model.decoder
    options = {"input_feeding": decoder.input_feeding, "coverage": decoder.coverage}
    why = "every step waits for what attention finds in the one before, so the decoder's layers do not run on cuDNN"
    return [f"model.decoder.{option}: {why}; the GPU is used less" for option, there in options.items() if there]


def cudnn_sequence(
    cell: str,
    inputs: tf.Tensor,
    mask: tf.Tensor,
    states: Sequence[tf.Tensor],
    matrices: tuple[tf.Tensor, tf.Tensor],
    biases: tuple[tf.Tensor, tf.Tensor],
) -> tuple[tf.Tensor, ...]:
    """Runs a layer over right-padded sequences. All of it is computed in the type of the matrices.

    Args:
        cell: lstm or gru; G is 4 or 3.
        inputs: [B, T, I].
        mask: [B, T], true for real steps.
        states: [B, H] each: hidden, and for LSTM cell.
        matrices: of the inputs [I, G*H] and of the hidden state [H, G*H], their gates in the order of our layers.
        biases: of the same two [G*H].

    Returns:
        The outputs [B, T, H], and the states [B, H] after each sequence's last real step, as float32.
    """
    order, data_type = _GATES[cell], matrices[0].dtype

    def blocks(weights: tf.Tensor) -> list[tf.Tensor]:
        gates = tf.split(weights, len(order), axis=-1)
        return [gates[index] for index in order]

    parameters = [tf.reshape(tf.transpose(block), [-1]) for matrix in matrices for block in blocks(matrix)]
    parameters += [tf.cast(block, data_type) for bias in biases for block in blocks(bias)]
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    read = [tf.cast(values, data_type) for values in (inputs, *states)]
    outputs, *after, _, _ = tf.raw_ops.CudnnRNNV3(
        input=read[0],
        input_h=read[1][:, None],
        input_c=read[2][:, None] if cell == "lstm" else tf.zeros([], data_type),
        params=tf.concat(parameters, axis=0),
        sequence_lengths=tf.maximum(lengths, 1),  # cuDNN refuses empty sequences
        rnn_mode=cell,
        time_major=False,
        is_training=True,
    )
    empty = (lengths == 0)[:, None]
    final = [
        tf.where(empty, before, tf.cast(own[:, 0], tf.float32)) for before, own in zip(states, after, strict=False)
    ]
    return tf.cast(outputs, tf.float32), *final
