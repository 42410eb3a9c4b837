"""The loss: cross-entropy with label smoothing, without a second pass over the vocabulary."""

from __future__ import annotations

import tensorflow as tf

from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import PAD


def token_losses(
    model: Seq2Seq, readout: tf.Tensor, target_out: tf.Tensor, label_smoothing: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sums the loss over the real target tokens of a batch.

    With smoothing e the target distribution is (1 - e) on the reference token plus e / V on every token (Szegedy et al.
    2016), which gives

        loss = NLL + e (logit_y - mean(logits)),    logit_y - mean(logits) = r . (E_y - mean(E)) + b_y - mean(b)

    The second form needs only the rows of the reference tokens and one mean row, not another pass over [N, V].

    Args:
        readout: [B, T, E].
        target_out: ids [B, T]; PAD is left out.

    Returns:
        The smoothed loss, the negative log-likelihood, both summed over N tokens, in nats, and N.
    """
    real = tf.not_equal(target_out, PAD)
    vectors = tf.boolean_mask(readout, real)  # [B, T, E] -> [N, E]
    labels = tf.boolean_mask(target_out, real)  # -> [N]
    logits = model.logits(vectors)
    likelihoods = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    nll = tf.reduce_sum(likelihoods)
    loss = nll
    if label_smoothing:
        embedding, bias = model.output_embedding, tf.convert_to_tensor(model.output_bias)
        mean = tf.reduce_mean(tf.convert_to_tensor(embedding.table), axis=0)
        gaps = tf.reduce_sum(vectors * (embedding.rows(labels) - mean), axis=-1)
        gaps += tf.gather(bias, labels) - tf.reduce_mean(bias)
        loss = nll + label_smoothing * tf.reduce_sum(gaps)
    return loss, nll, tf.size(labels)
