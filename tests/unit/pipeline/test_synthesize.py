"""Synthetic parts: their names and marks."""

from nmt.config import Recipe
from nmt.pipeline.synthesize import marks, synthetic_names

CORPORA = {"source": "en", "target": "de", "train": ["multi30k/train", "phrases/train"], "valid": ["multi30k/valid"]}
BACK = {"method": "back_translation", "text": ["multi30k/train"]}
DISTILLATION = {"method": "distillation", "teacher": "bundle"}


def recipe_of(*steps) -> Recipe:
    return Recipe.model_validate({"name": "own", "corpora": CORPORA, "synthetic": list(steps)})


def test_parts_are_called_after_their_methods():
    names = synthetic_names(recipe_of(BACK, DISTILLATION, BACK, BACK))
    assert names == ["back_translation", "distillation", "back_translation-2", "back_translation-3"]


def test_only_back_translations_are_marked_and_only_where_that_is_wanted():
    assert marks(recipe_of(BACK, DISTILLATION, BACK | {"mark": False})) == [False, False, True, False, False]
    assert marks(recipe_of()) == [False, False]
