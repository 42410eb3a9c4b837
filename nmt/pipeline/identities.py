"""What stages depend on beside their keys: bundles and files that a recipe names, and what only some recipes have.

What most recipes do not have is left out of theirs, so that their artifacts keep their digests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmt.config import Recipe
from nmt.pipeline.synthesize import marks


def start_identity(recipe: Recipe, recipe_path: Path) -> Any:
    """Returns the digests of what the weights start from: the user's word vectors, a bundle."""
    from nmt.corpora.materialize import own_sha256
    from nmt.word_vectors import vector_files

    files = vector_files(recipe.model.embedding, recipe_path.parent)
    vectors = {f"{side}_vectors": own_sha256(path) for side, path in files.items()}
    return vectors | _bundle_digests(recipe_path, start_from=recipe.training.start_from) or None


def comparing_identity(recipe: Recipe, _: Path) -> Any:
    """Returns that training pairs are compared with all references of a test set, where targets are and it has more."""
    comparing = any(step.decontaminate and step.decontaminate.on != "source" for step in recipe.cleaning)
    several = any(not isinstance(test, str) and test.references for test in recipe.corpora.test)
    return {"all_references": True} if comparing and several else None


def kept_identity(recipe: Recipe, recipe_path: Path) -> Any:
    """Returns the digests of the bundles whose vocabularies are kept."""
    kept = {"source_from": recipe.tokenizer.source_from, "target_from": recipe.tokenizer.target_from}
    return _bundle_digests(recipe_path, **kept) | _marks_identity(recipe) or None


def _marks_identity(recipe: Recipe) -> dict[str, Any]:
    """Returns which parts of the training set are marked, where one is."""
    return {"marks": marks(recipe)} if any(marks(recipe)) else {}


def reading_identity(recipe: Recipe, _: Path) -> Any:
    """Returns what is marked; how sources that are too long are cut, where they are; and whether words are copied."""
    from nmt.copied_words import copies_unknown_words

    found, long_sources = _marks_identity(recipe), recipe.dataset.long_sources
    if long_sources != "leave_out":
        found["long_sources"] = long_sources
    if copies_unknown_words(recipe):
        found["copied_words"] = True
    return found or None


def _bundle_digests(recipe_path: Path, **bundles: str | None) -> dict[str, str]:
    """Returns the digests of the bundles that a recipe names, by its keys."""
    from nmt.bundle import bundle_digest

    return {key: bundle_digest(recipe_path.parent / path) for key, path in bundles.items() if path is not None}
