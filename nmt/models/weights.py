"""Weights as named arrays: what checkpoints and bundles hold, without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nmt.errors import BundleError
from nmt.storage import atomic_file

Arrays = dict[str, npt.NDArray[np.float32]]


def weights_of(model: keras.layers.Layer) -> Arrays:
    """Returns the model's weights by name, those that are not trained included."""
    return {weight.path: weight.numpy() for weight in model.weights}


def assign_weights(model: keras.layers.Layer, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Gives a model the weights that ``weights_of`` returned for one of the same shape.

    Raises:
        BundleError: a weight is missing, unknown, or has another shape.
    """
    expected = {weight.path: tuple(weight.shape) for weight in model.weights}
    received = {name: tuple(array.shape) for name, array in arrays.items()}
    if expected != received:
        names = sorted(name for name in expected | received if expected.get(name) != received.get(name))
        raise BundleError(
            f"the weights do not fit the model, first at {names[0]}",
            received=received.get(names[0], "nothing"),
            expected=expected.get(names[0], "no such weight"),
            action="The weights belong to another recipe; train or copy the bundle again",
        )
    for weight in model.weights:
        weight.assign(arrays[weight.path])


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Writes named arrays to one file, atomically; equal arrays give equal bytes."""
    with atomic_file(path) as stream:
        named: dict[str, Any] = {name.replace("/", "|"): array for name, array in arrays.items()}
        np.savez(stream, **named)


def load_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Reads what ``save_arrays`` wrote. Nothing in the file is executed.

    Raises:
        BundleError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name.replace("|", "/"): archive[name] for name in archive.files}
    except Exception as error:
        raise BundleError(
            f"{path}: the arrays cannot be read ({error})",
            expected="a file written by this project",
            action="Restore or train it again",
        ) from error
