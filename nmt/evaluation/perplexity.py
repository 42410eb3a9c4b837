"""Perplexity: how well a model predicts the references, exp of the mean loss per token, per word or per character.

Per token, models with other vocabularies do not compare; per word and per character they do. Words stand between
spaces. The end of a line counts as one token, word or character, for it is predicted, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import nmt
from nmt.evaluation.metrics import OF_MODELS, Aggregate, Floats, Lines

_LARGEST = 700.0  # what is larger than any float is shown as the largest


class Perplexity(Aggregate):
    """Perplexity; statistics: negative log-likelihood in nats, and units.

    Args:
        name: perplexity, perplexity-word or perplexity-char.
        units: tokens, words or characters of all references.
    """

    def __init__(self, name: str, units: int) -> None:
        self.name = name
        self._units = units

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        return np.exp(np.minimum(sums[..., 0] / sums[..., 1], _LARGEST))

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        unit = OF_MODELS[self.name]
        resampling = f"bs:{samples}|seed:{seed}|" if samples > 1 else ""
        return f"{resampling}unit:{unit}|{unit}s:{self._units}|version:{nmt.__version__}"


def open_perplexity(
    name: str, nll: Sequence[float], tokens: Sequence[int], references: Lines
) -> tuple[Perplexity, Floats]:
    """Returns a perplexity and the statistics of each line [N, 2].

    Args:
        name: perplexity, perplexity-word or perplexity-char.
        nll: negative log-likelihood of each reference in nats.
        tokens: of each reference, EOS counted.
        references: their text.
    """
    counts: npt.NDArray[Any]
    match OF_MODELS[name]:
        case "token":
            counts = np.array(tokens)
        case "word":
            counts = np.array([len(line.split()) + 1 for line in references])
        case _:
            counts = np.array([len(line) + 1 for line in references])
    return Perplexity(name, int(counts.sum())), np.stack([nll, counts], axis=1).astype(np.float64)
