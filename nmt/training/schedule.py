"""The batches of an epoch, and the learning rate as a function of the step."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nmt.config import Recipe, TrainingConfig
from nmt.dataset import EncodedCorpus, plan_epoch


def training_plan(recipe: Recipe, corpus: EncodedCorpus, epoch: int) -> list[npt.NDArray[np.int64]]:
    """Returns the batches of an epoch of training: the indices of their pairs."""
    risk = recipe.training.risk
    outputs = 1 if risk is None else risk.samples + 1  # of every source
    tokens_per_batch = max(1, recipe.dataset.tokens_per_batch // outputs)
    return plan_epoch(corpus.source.lengths, corpus.target.lengths - 1, tokens_per_batch, recipe.seed, epoch)


def steps_of_epoch(recipe: Recipe, corpus: EncodedCorpus) -> int:
    """Returns the steps of the first epoch; the others have about as many."""
    return -(-len(training_plan(recipe, corpus, 0)) // recipe.training.accumulate)


def scheduled(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """Returns the factor of ``training.learning_rate`` at a step, 0 to 1.

    It rises linearly over w = ``warmup_steps``. Then, with x going from 0 there to 1 at the end of ``max_epochs``:

    ================  ====================================================================================
    ``none``          1
    ``linear``        1 - x
    ``cosine``        (1 + cos(pi x)) / 2                             Loshchilov and Hutter 2017, equation 5
    ``inverse_sqrt``  sqrt(w / step)                                  Vaswani et al. 2017, equation 3
    ``halving``       1/2 for every ``halve_every`` epochs begun after ``halve_after``   Sutskever et al. 2014, 3.4
    ================  ====================================================================================

    Args:
        step: counted from 1.
        steps_per_epoch: batches of an epoch. Epochs differ by a few, so the last steps can lie beyond x = 1: they keep
            a thousandth of the learning rate.
    """
    if step < config.warmup_steps:
        return step / config.warmup_steps
    after_warmup = step - config.warmup_steps
    done = min(1.0, after_warmup / max(1, steps_per_epoch * config.max_epochs - config.warmup_steps))
    match config.decay:
        case "linear":
            return max(1e-3, 1.0 - done)
        case "cosine":
            return max(1e-3, 0.5 * (1.0 + math.cos(math.pi * done)))
        case "inverse_sqrt":
            return math.sqrt(max(1, config.warmup_steps) / step)
        case "halving":
            late = (step - 1) / steps_per_epoch - config.halve_after
            return 1.0 if late < 0 else 0.5 ** (1 + math.floor(late / config.halve_every))
    return 1.0
