"""Adam (Kingma and Ba 2015) on TensorFlow's fused kernel, which reads and writes each weight once per step."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class Adam(tf.Module):
    """Adam over a fixed list of weights, after clipping the gradient's global norm (Pascanu et al. 2013).

    Args:
        weights: the trainable weights.
        clip: the greatest global norm.
    """

    def __init__(self, weights: Sequence[tf.Variable], clip: float) -> None:
        super().__init__(name="adam")
        self._weights = list(weights)
        self._clip = clip
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        self.first = [tf.Variable(tf.zeros_like(w), trainable=False, name="first") for w in self._weights]
        self.second = [tf.Variable(tf.zeros_like(w), trainable=False, name="second") for w in self._weights]

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor) -> tf.Tensor:
        """Takes one step and returns the gradient's norm before clipping.

        Where the norm is not finite nothing changes: one such step would leave no weight with a value.
        """
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        norm = tf.linalg.global_norm(dense)
        tf.cond(tf.math.is_finite(norm), lambda: self._update(dense, norm, learning_rate), lambda: tf.constant(False))
        return norm

    def _update(self, gradients: Sequence[tf.Tensor], norm: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
        clipped, _ = tf.clip_by_global_norm(gradients, self._clip, use_norm=norm)
        self.steps.assign_add(1)
        power = tf.cast(self.steps, tf.float32)
        for weight, first, second, gradient in zip(self._weights, self.first, self.second, clipped, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(_BETA1, power),
                beta2_power=tf.pow(_BETA2, power),
                lr=learning_rate,
                beta1=_BETA1,
                beta2=_BETA2,
                epsilon=_EPSILON,
                grad=gradient,
            )
        return tf.constant(True)
