"""The candidates: the weights of the validated steps from which the result of training is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmt.models.weights import Arrays, load_arrays, save_arrays

Candidate = tuple[int, float]
"""A validated step and its score."""


class Candidates:
    """Keeps the weights of the best step and, where their mean is wanted, of a few more steps, one file each.

    Args:
        folder: where the files lie.
        count: steps whose weights are averaged at the end; 1 for the best alone.
        which: the best steps, or the last ones.
    """

    def __init__(self, folder: Path, count: int, which: Literal["best", "last"]) -> None:
        self._folder = folder
        self._count = count
        self._which = which

    def add(self, kept: Sequence[Candidate], step: int, score: float, weights: Arrays) -> list[Candidate]:
        """Offers a step, and returns what is kept from now on, best first; an earlier step wins a tie."""
        ranked = sorted([*kept, (step, score)], key=lambda candidate: (-candidate[1], candidate[0]))
        last = sorted(ranked)[-self._count :]
        wanted = ranked[: self._count] if self._which == "best" else [c for c in ranked if c in last or c == ranked[0]]
        if (step, score) in wanted:
            save_arrays(self._path(step), weights)
        return wanted

    def best(self, kept: Sequence[Candidate]) -> Arrays:
        """Returns the weights of the best step.

        Raises:
            BundleError: the file is damaged.
        """
        return load_arrays(self._path(kept[0][0]))

    def mean(self, kept: Sequence[Candidate]) -> tuple[Arrays, list[int]]:
        """Returns the mean of the weights, and the steps that it is of."""
        steps = sorted(step for step, _ in kept)
        if self._which == "last":
            steps = steps[-self._count :]
        every = [load_arrays(self._path(step)) for step in steps]
        return {name: _mean([arrays[name] for arrays in every]) for name in every[0]}, steps

    def check(self, kept: Sequence[Candidate]) -> None:
        """Raises BundleError unless all that is kept can be read."""
        for step, _ in kept:
            load_arrays(self._path(step))

    def prune(self, *needed: Sequence[Candidate]) -> None:
        """Removes the files that are in none of ``needed``: what the checkpoints on the disk name."""
        names = {self._path(step).name for kept in needed for step, _ in kept}
        for path in self._folder.glob("candidate-*.npz"):
            if path.name not in names:
                path.unlink()

    def _path(self, step: int) -> Path:
        return self._folder / f"candidate-{step}.npz"


def _mean(arrays: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    # In double precision: the mean of equal weights is that weight.
    return np.asarray(np.mean(arrays, axis=0, dtype=np.float64), np.float32)
