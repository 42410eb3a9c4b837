"""What hypotheses are ranked by: log-probability, length and coverage.

For an output of n tokens with log-probability log P, and the sums c_s of the attention on source token s::

    score = log P / norm(n) - penalty(c)

    average:  norm(n) = n^a                    wu:  norm(n) = ((5 + n) / 6)^a        (Wu et al. 2016, equation 14)

    summary:  penalty(c) = -b sum_s log min(c_s, 1)                                  (Wu et al. 2016, equation 14)
    stepwise: penalty(c) = b sum_s (max(c_s, 1) - 1)                                 (Gehrmann et al. 2018, section 4)
"""

from __future__ import annotations

import tensorflow as tf

from nmt.decoding_config import CoveragePenaltyConfig, DecodingConfig

_LEAST_COVERAGE = 1e-10  # keeps the logarithm finite


def norm(length: tf.Tensor, config: DecodingConfig) -> tf.Tensor:
    """Returns what divides the log-probabilities of outputs of ``length`` tokens, int32 of any shape."""
    tokens = tf.cast(length, tf.float32)
    return (tokens if config.length_normalization == "average" else (5.0 + tokens) / 6.0) ** config.length_penalty


def coverage_penalty(coverage: tf.Tensor, mask: tf.Tensor, config: CoveragePenaltyConfig) -> tf.Tensor:
    """Returns the penalties [R, W] of hypotheses.

    Args:
        coverage: sums of the attention weights so far, [R, W, S].
        mask: true for real source tokens, [R, S].
        config: form and weight.
    """
    if config.form == "summary":
        missing = -tf.math.log(tf.clip_by_value(coverage, _LEAST_COVERAGE, 1.0))
        penalties = tf.where(mask[:, None], missing, 0.0)
    else:
        penalties = tf.maximum(coverage, 1.0) - 1.0
    return config.weight * tf.reduce_sum(penalties, axis=-1)
