"""Optimizers on TensorFlow's fused kernels, which read and write each weight once per step."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from nmt.config import TrainingConfig

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class Optimizer(tf.Module):
    """One of three optimizers over a fixed list of weights, after clipping the gradient's global norm.

    =========  ==============================================================================
    ``adam``   Kingma and Ba 2015
    ``adamw``  the same with decoupled decay of all matrices (Loshchilov and Hutter 2019)
    ``sgd``    plain stochastic gradient descent (Sutskever et al. 2014; Luong et al. 2015)
    =========  ==============================================================================

    Clipping: Pascanu et al. 2013.

    Args:
        weights: the trainable weights.
        config: the ``training`` section: ``optimizer``, ``gradient_clip``, ``weight_decay``.
    """

    def __init__(self, weights: Sequence[tf.Variable], config: TrainingConfig) -> None:
        super().__init__(name="optimizer")
        self._weights = list(weights)
        self._config = config
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        moments = [] if config.optimizer == "sgd" else self._weights
        self.first = [tf.Variable(tf.zeros_like(w), trainable=False, name="first") for w in moments]
        self.second = [tf.Variable(tf.zeros_like(w), trainable=False, name="second") for w in moments]

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor) -> tf.Tensor:
        """Takes one step and returns the gradient's norm before clipping.

        Where the norm is not finite nothing changes: one such step would leave no weight with a value.
        """
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        norm = tf.linalg.global_norm(dense)
        tf.cond(tf.math.is_finite(norm), lambda: self._update(dense, norm, learning_rate), lambda: tf.constant(False))
        return norm

    def reset(self) -> None:
        """Forgets all gradients."""
        for variable in [self.steps, *self.first, *self.second]:
            variable.assign(tf.zeros_like(variable))

    def _update(self, gradients: Sequence[tf.Tensor], norm: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
        clipped, _ = tf.clip_by_global_norm(gradients, self._config.gradient_clip, use_norm=norm)
        # The operations themselves, not methods of variables: these may ask all replicas, here each changes its own.
        tf.raw_ops.AssignAddVariableOp(resource=self.steps.handle, value=tf.constant(1, tf.int64))
        if self._config.optimizer == "sgd":
            for weight, gradient in zip(self._weights, clipped, strict=True):
                tf.raw_ops.ResourceApplyGradientDescent(var=weight.handle, alpha=learning_rate, delta=gradient)
        else:
            self._adam(clipped, learning_rate)
        return tf.constant(True)

    def _adam(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor) -> None:
        power = tf.cast(self.steps, tf.float32)
        for weight, first, second, gradient in zip(self._weights, self.first, self.second, gradients, strict=True):
            if self._config.optimizer == "adamw" and weight.shape.rank > 1:
                decay = learning_rate * self._config.weight_decay * weight
                tf.raw_ops.AssignSubVariableOp(resource=weight.handle, value=decay)
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
