"""Sources of similar length put into padded batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nmt.tokenizer import PAD


def length_batches(
    sources: Sequence[Sequence[int]], tokens_per_batch: int
) -> Iterator[tuple[list[int], npt.NDArray[np.int32]]]:
    """Yields batches of sources, the longest first, as their indices and their ids [B, S], padded on the right.

    Args:
        sources: ids.
        tokens_per_batch: most tokens of a batch, padding included. A longer source is a batch of its own.
    """
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]), reverse=True)
    begin = 0
    while begin < len(order):
        longest = max(len(sources[order[begin]]), 1)
        chosen = order[begin : begin + max(1, tokens_per_batch // longest)]
        begin += len(chosen)
        batch = np.full((len(chosen), longest), PAD, np.int32)
        for row, index in enumerate(chosen):
            batch[row, : len(sources[index])] = sources[index]
        yield chosen, batch
