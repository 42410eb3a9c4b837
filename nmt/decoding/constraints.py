"""What is asked of a single output: how it begins, what it must say, and what it must not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.tokenizer import PAD, UNK

Ids = tuple[int, ...]


class Condition(NamedTuple):
    """What is asked of the outputs of one source, in ids of the target.

    Attributes:
        prefix: the output begins with it; it also has what would be forbidden.
        required: phrases that the output has, in any order and anywhere; they may overlap.
        forbidden: phrases that it does not have.
    """

    prefix: Ids = ()
    required: tuple[Ids, ...] = ()
    forbidden: tuple[Ids, ...] = ()

    def unmet(self, ids: Sequence[int]) -> int:
        """Returns how many of the required phrases, and of the prefix if there is one, an output lacks."""
        output = tuple(ids)
        lacking = [phrase for phrase in self.required if not _has(output, phrase)]
        return len(lacking) + (output[: len(self.prefix)] != self.prefix)


class Conditions(NamedTuple):
    """The conditions of a batch, padded with PAD; an empty tuple for a kind that is not asked for."""

    prefix: Any = ()  # int32 [B, P]
    required: Any = ()  # int32 [B, Q, P]
    forbidden: Any = ()  # int32 [B, F, P]


def batch_conditions(conditions: Sequence[Condition]) -> Conditions:
    """Returns the conditions of a batch.

    What has an unknown piece cannot be written: a prefix ends before it, and such phrases are left out. Sizes are
    rounded up to a power of two, so that few differ from batch to batch.
    """
    prefixes = [_known(condition.prefix) for condition in conditions]
    kinds = [[condition.required for condition in conditions], [condition.forbidden for condition in conditions]]
    required, forbidden = (
        [[phrase for phrase in dict.fromkeys(phrases) if phrase and UNK not in phrase] for phrases in kind]
        for kind in kinds
    )
    return Conditions(
        _padded([[prefix] for prefix in prefixes])[:, 0] if any(prefixes) else (),
        _padded(required) if any(required) else (),
        _padded(forbidden) if any(forbidden) else (),
    )


def _known(ids: Ids) -> Ids:
    return ids[: ids.index(UNK)] if UNK in ids else ids


def _has(output: Ids, phrase: Ids) -> bool:
    return any(output[begin : begin + len(phrase)] == phrase for begin in range(len(output) - len(phrase) + 1))


def _padded(phrases: Sequence[Sequence[Ids]]) -> npt.NDArray[np.int32]:
    """Returns the phrases of every source as an array [B, X, P]."""
    most = max(map(len, phrases))
    longest = max(len(phrase) for own in phrases for phrase in own)
    padded = np.full((len(phrases), _rounded(most), _rounded(longest)), PAD, np.int32)
    for row, own in enumerate(phrases):
        for place, phrase in enumerate(own):
            padded[row, place, : len(phrase)] = phrase
    return padded


def _rounded(number: int) -> int:
    return 1 << (number - 1).bit_length()
