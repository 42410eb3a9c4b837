"""Weights that go from one model to another: fine-tuning, and encoders that were trained before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from nmt.errors import BundleError
from nmt.models.seq2seq import Seq2Seq


def transfer_weights(model: Seq2Seq, origin: Seq2Seq, parts: Sequence[str]) -> int:
    """Gives the parts of a new model the weights of another one, and returns how many matrices and vectors these are.

    The ``encoder`` takes the source's embeddings with it, the ``decoder`` those of target and output. Matrices are
    found by what they are for, not by their names, so a model of tied embeddings can serve one whose are not.

    Where the new model's vocabulary is an extended one, the new pieces start as the mean of the old ones: at first none
    of them is more probable than an average piece, and what the model writes hardly changes (Hewitt 2021, Initializing
    New Word Embeddings for Pretrained Language Models).

    Args:
        model: the new model.
        origin: where the weights come from; the pieces of its vocabularies must be the first ones of the new model's.
        parts: encoder, decoder, or both.

    Raises:
        BundleError: a weight of these parts has no counterpart of its shape in ``origin``.
    """
    count = 0
    for part in parts:
        there = _weights(origin, part)
        for role, weight in _weights(model, part).items():
            start: Any = there.get(role)
            if start is not None and role in _OF_PIECES:
                start = _with_mean_rows(start, weight.shape[0] - start.shape[0])
            if start is None or start.shape != weight.shape:
                raise BundleError(
                    f"training.start_from: the {part} of that bundle does not fit, first at {role}",
                    received="no such weight" if start is None else tuple(there[role].shape),
                    expected=tuple(weight.shape),
                    action="Give the model the sizes of the bundle's recipe, or leave the part out of start_parts",
                )
            weight.assign(start)
            count += 1
    return count


_OF_PIECES = {f"{side}_embedding/table" for side in ("source", "target", "output")} | {"output_bias"}


def _with_mean_rows(weight: keras.Variable, rows: int) -> Any:
    """Returns the weight [V, ...] with so many more rows, if any, each the mean of its own."""
    if rows <= 0:
        return weight
    mean = keras.ops.mean(weight, axis=0, keepdims=True)
    return keras.ops.concatenate([weight, keras.ops.repeat(mean, rows, axis=0)])


def _weights(model: Seq2Seq, part: str) -> dict[str, keras.Variable]:
    """Returns the weights of a part by what they are for."""
    if part == "encoder":
        layers = {"source_embedding": model.source_embedding, "source_map": model.source_map}
        found = {weight.path: weight for weight in model.encoder.weights}
    else:
        layers = {"target_embedding": model.target_embedding, "output_embedding": model.output_embedding}
        found = {weight.path: weight for weight in model.decoder.weights}
        if model.generates:
            found["output_bias"] = model.output_bias
    for role, layer in layers.items():
        if layer is not None:
            found |= {f"{role}/{weight.name}": weight for weight in layer.weights}
    return found
