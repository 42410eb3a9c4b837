"""Embedding matrices that start from word vectors of others, and may stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

from nmt.models.seq2seq import Seq2Seq
from nmt.word_vectors import InitialVectors


def fill_embeddings(model: Seq2Seq, vectors: Mapping[str, InitialVectors]) -> None:
    """Puts the found rows into the matrices of their sides, and freezes these where the model's config says so.

    Pieces that were not found keep their random rows. A frozen matrix is no longer among ``model.trainable_weights``,
    but still among ``model.weights``.

    Args:
        model: a new model.
        vectors: rows [F, E] by side, ``source`` or ``target``.
    """
    layers = {"source": model.source_embedding, "target": model.target_embedding}
    for side, found in vectors.items():
        layer = layers[side]
        table = layer.table.numpy()
        table[found.ids] = found.rows
        layer.table.assign(table)
        layer.trainable = not model.config.embedding.freeze
