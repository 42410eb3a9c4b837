"""What training starts from: random weights, word vectors of others, or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from nmt.bundle import load_bundle
from nmt.config import Recipe
from nmt.copied_words import copies_unknown_words
from nmt.errors import BundleError
from nmt.models.initial_vectors import fill_embeddings
from nmt.models.layers import matrices_of
from nmt.models.seq2seq import Seq2Seq
from nmt.models.transfer import transfer_weights
from nmt.tokenizer import TokenizerPair
from nmt.word_vectors import initial_vectors


def untrained_model(recipe: Recipe, tokenizers: TokenizerPair) -> Seq2Seq:
    """Builds the network with the random weights of the recipe's seed, and seeds the generators of this process."""
    keras.utils.set_random_seed(recipe.seed)
    mixed = recipe.training.mixed_precision
    with matrices_of("float32" if mixed is None else f"mixed_{mixed}"):
        return Seq2Seq(
            recipe.model,
            tokenizers.source.vocab_size,
            tokenizers.target.vocab_size,
            copies_unknown_words(recipe),
        )


class StartingPoint:
    """Reads what a recipe's model starts from.

    Args:
        recipe: the recipe.
        recipe_folder: what its paths are relative to.
        tokenizers: the vocabularies of the run.

    Attributes:
        summary: lines for the person who waits.
        facts: what the bundle will know about it.

    Raises:
        DataError: a file of vectors cannot be used.
        BundleError: the bundle to start from cannot be read, or has other vocabularies.
    """

    def __init__(self, recipe: Recipe, recipe_folder: Path, tokenizers: TokenizerPair) -> None:
        self._parts = recipe.training.start_parts
        self._vectors = initial_vectors(recipe.model.embedding, recipe_folder, tokenizers)
        self._origin: Seq2Seq | None = None
        self.summary = [f"{side}_vectors: {found.summary()}" for side, found in self._vectors.items()]
        self.facts: dict[str, Any] = {}
        if self._vectors:
            self.facts["vectors"] = {side: found.to_json() for side, found in self._vectors.items()}
        if recipe.training.start_from is not None:
            bundle = load_bundle(recipe_folder / recipe.training.start_from)
            _check_vocabularies(bundle.folder, bundle.tokenizers, tokenizers, self._parts)
            self._origin = bundle.model()
            self.facts["start_from"] = {"recipe": bundle.recipe.name, "parts": self._parts}
            self.summary.append(f"start_from: {' and '.join(self._parts)} of {bundle.recipe.name}")

    def prepare(self, model: Seq2Seq) -> None:
        """Gives a new model the weights that it starts from; word vectors come last."""
        if self._origin is not None:
            transfer_weights(model, self._origin, self._parts)
        fill_embeddings(model, self._vectors)


def _check_vocabularies(folder: Path, theirs: TokenizerPair, ours: TokenizerPair, parts: list[Any]) -> None:
    """Raises BundleError unless the vocabularies of the parts that are taken are the same, or were extended."""
    sides = {"encoder": ("source", theirs.source, ours.source), "decoder": ("target", theirs.target, ours.target)}
    for part in parts:
        side, before, now = sides[part]
        if now.pieces[: before.vocab_size] != before.pieces:
            raise BundleError(
                f"{folder}: its {side} vocabulary is not that of this run, and the {part} starts from its embeddings",
                received=f"a vocabulary of {before.vocab_size} pieces",
                expected="the same pieces with the same ids, perhaps with others behind them",
                action=f"Set tokenizer.{side}_from to this bundle (source_from where the vocabulary is shared)",
            )
