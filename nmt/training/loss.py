"""The loss: cross-entropy with label smoothing, in as few passes over the vocabulary as it can be had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.models.attention import Memory
from nmt.models.decoder import DecoderOutput
from nmt.models.layers import factor, matrix_gradient, product
from nmt.models.seq2seq import TINY, Seq2Seq
from nmt.pair_alignment import STEPS
from nmt.tokenizer import PAD


class Losses(NamedTuple):
    """Sums over the N real target tokens of a batch, in nats, and N. Only ``loss`` has a gradient."""

    loss: tf.Tensor
    nll: tf.Tensor
    tokens: tf.Tensor


def token_losses(
    model: Seq2Seq,
    output: DecoderOutput,
    memory: Memory,
    target_out: tf.Tensor,
    label_smoothing: float = 0.0,
    coverage_weight: tf.Tensor | float | None = None,
) -> Losses:
    """Sums the loss over the real target tokens of a batch.

    With smoothing e the target distribution is (1 - e) on the reference token plus e / V on every token (Szegedy et al.
    2016), which gives, for logits z and the reference y,

        loss = (1 - e) NLL + e (log sum exp(z) - mean(z)),    NLL = log sum exp(z) - z_y

    With copying, smoothing acts on the distribution that generates. The coverage loss is added on top.

    Args:
        output: of teacher forcing, T steps.
        target_out: ids [B, T]; PAD is left out.
        coverage_weight: lambda of See et al. 2017, equation 13; None leaves the coverage loss out of the graph.
    """
    real = tf.not_equal(target_out, PAD)
    labels = tf.boolean_mask(target_out, real)  # [B, T] -> [N]
    if model.config.decoder.copy_source == "none":
        found, spread = _generated(model, output, real, labels)
        nll = -tf.reduce_sum(found)
    else:
        nll, spread = _copy_nll(model, output, memory, target_out, real, labels)
    loss = nll
    if label_smoothing:
        loss = (1.0 - label_smoothing) * nll + label_smoothing * tf.reduce_sum(spread)
    if coverage_weight is not None:
        loss = loss + coverage_weight * tf.reduce_sum(tf.boolean_mask(coverage_losses(output.weights), real))
    return Losses(loss, nll, tf.size(labels))


def log_likelihoods(model: Seq2Seq, output: DecoderOutput, memory: Memory, target_out: tf.Tensor) -> tf.Tensor:
    """Returns log P of whole targets [N], in nats; the PAD of ``target_out`` [N, T] is left out."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(target_out, model.logits(output, memory))  # [N, T]
    return -tf.reduce_sum(tf.where(target_out == PAD, 0.0, losses), axis=1)


def coverage_losses(weights: tf.Tensor) -> tf.Tensor:
    """Returns sum_s min(a_s, c_s) [B, T] for attention weights a [B, T, S] and their sum c over the steps before.

    See et al. 2017, equation 12.
    """
    covered = tf.cumsum(weights, axis=1, exclusive=True)  # [B, T, S]
    return tf.reduce_sum(tf.minimum(weights, covered), axis=-1)


def guided_alignment_loss(weights: tf.Tensor, links: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of the attention with what it is told to attend to, in nats, summed over all tokens.

    A target token that has n links gives 1 / n to each of them (Chen et al. 2016, section 3.2); one without any counts
    as 0.

    Args:
        weights: attention [B, T, S].
        links: int32 [B, L], target step * ``STEPS`` + source step; -1 is padding.
    """
    shape = tf.shape(weights)
    real = tf.where(links >= 0)  # [N, 2]
    chosen = tf.gather_nd(links, real)  # [N]
    rows, steps, places = tf.cast(real[:, 0], tf.int32), chosen // STEPS, chosen % STEPS
    attended = tf.gather_nd(weights, tf.stack([rows, steps, places], axis=1))  # [N]
    tokens = rows * shape[1] + steps
    counts = tf.math.bincount(tokens, minlength=shape[0] * shape[1], dtype=weights.dtype)
    return -tf.reduce_sum(tf.math.log(attended + TINY) / tf.gather(counts, tokens))


def _copy_nll(
    model: Seq2Seq, output: DecoderOutput, memory: Memory, target_out: tf.Tensor, real: tf.Tensor, labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the negative log-likelihood of what may be copied, and the spread of what generates.

    Only the probability of the reference is formed, never the whole mixture.
    """
    equal = tf.cast(target_out[:, :, None] == memory.tokens[:, None], tf.float32)  # [B, T, S]
    copied = tf.boolean_mask(tf.reduce_sum(output.weights * equal, axis=-1), real)  # [N]
    if not model.generates:
        return -tf.reduce_sum(tf.math.log(copied + TINY)), tf.zeros_like(copied)
    known = model.known(labels)
    found, spread = _generated(model, output, real, known)
    generated = tf.exp(found)  # [N]
    if model.copies_unknown:
        generated = tf.where(known == labels, generated, 0.0)  # no unknown word is generated
    generate = tf.sigmoid(tf.boolean_mask(output.generate, real))
    return -tf.reduce_sum(tf.math.log(generate * generated + (1.0 - generate) * copied + TINY)), spread


def _generated(
    model: Seq2Seq, output: DecoderOutput, real: tf.Tensor, labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what :func:`_log_softmax` does of the real steps [B, T] and their ``labels`` [N]."""
    vectors = tf.boolean_mask(output.readout, real)  # [B, T, E] -> [N, E]
    table = factor(model.output_embedding, model.output_embedding.table)
    found, spread = _log_softmax(vectors, table, tf.convert_to_tensor(model.output_bias), labels)
    return found, spread


@tf.custom_gradient
def _log_softmax(
    vectors: tf.Tensor, table: tf.Tensor, bias: tf.Tensor, labels: tf.Tensor
) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tuple[Any, ...]]]:
    """Returns log softmax(z)_y and log sum exp(z) - mean(z), for logits z = ``vectors table^T + bias``: [N] and [N].

    The softmax [N, V] is not normalised: its divisors are applied to the products, which are much smaller. Only where
    the products are rounded, it is: the sum of a row of exponentials may be more than float16 can hold. All that the
    mean needs is the mean row of the table.

    Args:
        vectors, table, bias: [N, E], [V, E], [V].
        labels: y, int32 [N].
    """
    logits = product(vectors, table, transpose_b=True) + bias  # [N, V]
    largest = tf.reduce_max(logits, axis=1, keepdims=True)  # [N, 1]
    exponentials = tf.exp(logits - largest)
    sums = tf.reduce_sum(exponentials, axis=1, keepdims=True)  # [N, 1]
    mean_row = tf.reduce_mean(tf.cast(table, tf.float32), axis=0, keepdims=True)  # [1, E]
    mean_logits = tf.matmul(vectors, mean_row, transpose_b=True)[:, 0] + tf.reduce_mean(bias)
    whole = (tf.math.log(sums) + largest)[:, 0]  # [N]

    def gradient(d_found: tf.Tensor, d_spread: tf.Tensor) -> tuple[Any, ...]:
        # That of the logits is  d_found onehot(y) + (d_spread - d_found) softmax - d_spread / V.
        d_found, d_spread = d_found[:, None], d_spread[:, None]  # [N, 1]
        rounded = table.dtype != tf.float32
        shares = exponentials / sums if rounded else exponentials
        weights = d_spread - d_found if rounded else (d_spread - d_found) / sums  # [N, 1]
        everywhere = d_spread / tf.cast(tf.shape(table)[0], vectors.dtype)
        label_rows = tf.cast(tf.gather(table, labels), tf.float32)
        d_vectors = product(shares, table) * weights + d_found * label_rows - d_spread * mean_row
        d_table = tf.cast(matrix_gradient(shares, vectors * weights, table), tf.float32)
        d_table -= tf.reduce_sum(everywhere * vectors, axis=0)
        d_bias = tf.matmul(weights, shares, transpose_a=True)[0] - tf.reduce_sum(everywhere)
        rows = labels[:, None]
        return (
            d_vectors,
            tf.cast(tf.tensor_scatter_nd_add(d_table, rows, d_found * vectors), table.dtype),
            tf.tensor_scatter_nd_add(d_bias, rows, d_found[:, 0]),
            None,
        )

    return (tf.gather(logits, labels, batch_dims=1) - whole, whole - mean_logits), gradient
