"""The learning rate as a function of the step."""

from __future__ import annotations

import math

from nmt.config import TrainingConfig


def scheduled(config: TrainingConfig, step: int, last_step: int) -> float:
    """Returns the factor of ``training.learning_rate`` at a step, 0 to 1.

    It rises linearly over w = ``warmup_steps``; then, with x = (step - w) / (last_step - w) going from 0 to 1, it stays
    at 1, or falls as 1 - x (linear) or (1 + cos(pi x)) / 2 (cosine; Loshchilov and Hutter 2017, equation 5).

    Args:
        step: counted from 1.
        last_step: the step at the end of ``max_epochs``; later ones are treated like it.
    """
    if step < config.warmup_steps:
        return step / config.warmup_steps
    if config.decay == "none":
        return 1.0
    done = min(1.0, (step - config.warmup_steps) / max(1, last_step - config.warmup_steps))
    # Epochs differ by a few batches, so the last steps of a run can lie beyond the last step: not all of it is lost.
    return max(1e-3, 1.0 - done if config.decay == "linear" else 0.5 * (1.0 + math.cos(math.pi * done)))
