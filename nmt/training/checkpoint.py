"""Checkpoints: the state of a training run as two files, the last one and the one before it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from nmt.errors import BundleError
from nmt.models.weights import load_arrays, save_arrays
from nmt.storage import sync_folder

Restored = TypeVar("Restored")


class Checkpoints:
    """The checkpoints in a folder. A damaged last one falls back to the one before.

    Args:
        folder: where they lie.
        say: shows a line to the person who waits.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._last = folder / "checkpoint.npz"
        self._before = folder / "checkpoint-before.npz"
        self._next = folder / "checkpoint-next.npz"
        self._say = say

    def save(self, arrays: Mapping[str, Any]) -> None:
        """Writes the state. At no moment is there less than one whole checkpoint; a full disk leaves all as it is."""
        save_arrays(self._next, arrays)
        if self._last.exists():
            os.replace(self._last, self._before)
        os.replace(self._next, self._last)
        sync_folder(self._last.parent)

    def restore(self, use: Callable[[Mapping[str, Any]], Restored]) -> Restored | None:
        """Hands the arrays of the newest checkpoint that is whole to ``use``, and returns what that makes of them.

        A checkpoint that cannot be read, or that ``use`` finds incomplete, is said and removed.

        Returns:
            None where there is no checkpoint at all.

        Raises:
            BundleError: there are checkpoints, and all are damaged.
        """
        found = [path for path in (self._last, self._before) if path.exists()]
        for path in found:
            try:
                return use(load_arrays(path))
            except (BundleError, KeyError, ValueError, TypeError) as error:
                path.unlink()
                self._say(f"{path}: the checkpoint is damaged and was removed ({error})")
        if found:
            raise BundleError(
                f"{found[0]}: the checkpoint is damaged and was removed, and there is no whole one before it",
                action="Run the same command again: training starts from the beginning",
            )
        return None
