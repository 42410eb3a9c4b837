"""Weights that go from one model to another: fine-tuning, and encoders that were trained before."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from nmt.errors import BundleError
from nmt.models.seq2seq import Seq2Seq


def transfer_weights(model: Seq2Seq, origin: Seq2Seq, parts: Sequence[str]) -> int:
    """Gives the parts of a new model the weights of another one, and returns how many matrices and vectors these are.

    The ``encoder`` takes the source's embeddings with it, the ``decoder`` those of target and output. Matrices are
    found by what they are for, not by their names, so a model of tied embeddings can serve one whose are not.

    Args:
        model: the new model.
        origin: where the weights come from; its vocabularies must be the same.
        parts: encoder, decoder, or both.

    Raises:
        BundleError: a weight of these parts has no counterpart of its shape in ``origin``.
    """
    count = 0
    for part in parts:
        there = _weights(origin, part)
        for role, weight in _weights(model, part).items():
            if role not in there or there[role].shape != weight.shape:
                raise BundleError(
                    f"training.start_from: the {part} of that bundle does not fit, first at {role}",
                    received=tuple(there[role].shape) if role in there else "no such weight",
                    expected=tuple(weight.shape),
                    action="Give the model the sizes of the bundle's recipe, or leave the part out of start_parts",
                )
            weight.assign(there[role])
            count += 1
    return count


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
