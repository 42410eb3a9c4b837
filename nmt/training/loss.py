"""The loss: cross-entropy with label smoothing, in as few passes over the vocabulary as it can be had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import PAD


def token_losses(
    model: Seq2Seq, readout: tf.Tensor, target_out: tf.Tensor, label_smoothing: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sums the loss over the real target tokens of a batch.

    With smoothing e the target distribution is (1 - e) on the reference token plus e / V on every token (Szegedy et al.
    2016), which gives, for logits z and the reference y,

        loss = NLL + e (z_y - mean(z)),    NLL = log sum exp(z) - z_y

    Args:
        readout: [B, T, E].
        target_out: ids [B, T]; PAD is left out.

    Returns:
        The smoothed loss, the negative log-likelihood, both summed over N tokens, in nats, and N. Only the first has a
        gradient.
    """
    real = tf.not_equal(target_out, PAD)
    vectors = tf.boolean_mask(readout, real)  # [B, T, E] -> [N, E]
    labels = tf.boolean_mask(target_out, real)  # -> [N]
    table, bias = (tf.convert_to_tensor(w) for w in (model.output_embedding.table, model.output_bias))
    loss, nll = _cross_entropy(vectors, table, bias, labels, tf.constant(label_smoothing, vectors.dtype))
    return loss, nll, tf.size(labels)


@tf.custom_gradient
def _cross_entropy(
    vectors: tf.Tensor, table: tf.Tensor, bias: tf.Tensor, labels: tf.Tensor, smoothing: tf.Tensor
) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tuple[Any, ...]]]:
    """Returns the summed loss and negative log-likelihood of logits ``vectors table^T + bias``.

    The softmax [N, V] is never normalised: its divisors are applied to the products, which are much smaller. All that
    smoothing needs is the mean row of the table.

    Args:
        vectors, table, bias: [N, E], [V, E], [V].
        labels: int32 [N].
        smoothing: e, [].
    """
    logits = tf.matmul(vectors, table, transpose_b=True) + bias  # [N, V]
    largest = tf.reduce_max(logits, axis=1, keepdims=True)  # [N, 1]
    exponentials = tf.exp(logits - largest)
    sums = tf.reduce_sum(exponentials, axis=1, keepdims=True)  # [N, 1]
    label_logits = tf.gather(logits, labels, batch_dims=1)  # [N]
    mean_row = tf.reduce_mean(table, axis=0, keepdims=True)  # [1, E]
    mean_logits = tf.matmul(vectors, mean_row, transpose_b=True)[:, 0] + tf.reduce_mean(bias)
    nll = tf.reduce_sum(tf.math.log(sums) + largest) - tf.reduce_sum(label_logits)
    loss = nll + smoothing * tf.reduce_sum(label_logits - mean_logits)

    def gradient(d_loss: tf.Tensor, _: tf.Tensor) -> tuple[Any, ...]:
        # The gradient of the logits is  softmax - (1 - e) onehot(y) - e / V,  times d_loss.
        inverse = d_loss / sums  # [N, 1]
        on_label, everywhere = (1.0 - smoothing) * d_loss, smoothing * d_loss
        vocab_size = tf.cast(tf.shape(table)[0], vectors.dtype)
        d_vectors = tf.matmul(exponentials, table) * inverse - on_label * tf.gather(table, labels)
        d_table = tf.matmul(exponentials, vectors * inverse, transpose_a=True)
        d_table -= everywhere / vocab_size * tf.reduce_sum(vectors, axis=0)
        d_bias = tf.matmul(inverse, exponentials, transpose_a=True)[0]
        d_bias -= everywhere / vocab_size * tf.cast(tf.size(labels), vectors.dtype)
        rows = labels[:, None]
        return (
            d_vectors - everywhere * mean_row,
            tf.tensor_scatter_nd_sub(d_table, rows, on_label * vectors),
            tf.tensor_scatter_nd_sub(d_bias, rows, tf.fill(tf.shape(labels), on_label)),
            None,
            None,
        )

    return (loss, nll), gradient
