"""From lines to ids, and sources of similar length put into padded batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt.cleaning.normalize import is_blank
from nmt.tokenizer import EOS, Tokenizer


def encode_filled(normalized: Sequence[str], tokenizer: Tokenizer) -> tuple[list[int], list[list[int]]]:
    """Returns which normalised lines are not blank, and the ids of these as an encoder takes them: behind them EOS."""
    filled = [index for index, text in enumerate(normalized) if not is_blank(text)]
    encoded = tokenizer.encode([normalized[index] for index in filled])
    return filled, [[*ids, EOS] for ids in encoded]


def length_batches(sources: Sequence[Any], tokens_per_batch: int) -> Iterator[tuple[list[int], npt.NDArray[Any]]]:
    """Yields batches of sources, the longest first, as their indices and their content, padded on the right with zeros.

    Args:
        sources: ids [S], which give int32 [B, S], or marked vectors float32 [S, 1 + F], which give [B, S, 1 + F].
        tokens_per_batch: most tokens of a batch, padding included. A longer source is a batch of its own.
    """
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]), reverse=True)
    begin = 0
    while begin < len(order):
        longest = max(len(sources[order[begin]]), 1)
        chosen = order[begin : begin + max(1, tokens_per_batch // longest)]
        begin += len(chosen)
        first = np.asarray(sources[chosen[0]])
        vectors = first.ndim > 1
        batch = np.zeros((len(chosen), longest, *first.shape[1:]), np.float32 if vectors else np.int32)
        for row, index in enumerate(chosen):
            batch[row, : len(sources[index])] = sources[index]
        yield chosen, batch
