"""Teachers: the models that write the synthetic pairs of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.bundle import bundle_digest, load_bundle
from nmt.config import Recipe, load_recipe
from nmt.corpora_config import BackTranslationConfig, SyntheticConfig
from nmt.errors import RecipeError

_TURNED = "turned"


@dataclass(frozen=True)
class Teacher:
    """A model that translates for a recipe.

    Attributes:
        name: that of its recipe in the plan; ``turned`` for the one that is made by turning a recipe around, so that
            another name of that recipe changes nothing.
        recipe: what it is or was trained by.
        place: its recipe's file, or its bundle's folder.
        trained: whether it is a bundle; otherwise the recipe's run trains it first.
    """

    name: str
    recipe: Recipe
    place: Path
    trained: bool

    @property
    def identity(self) -> Any:
        """What decides, beside the weights of one that is still to be trained, what it writes; JSON."""
        if self.trained:
            return bundle_digest(self.place)
        return self.recipe.decoding.with_beam(1).model_dump(mode="json", exclude={"beam_size"}, exclude_none=True)


def teachers_of(step: SyntheticConfig, recipe: Recipe, recipe_path: Path) -> list[Teacher]:
    """Returns the teachers of a step of ``synthetic``.

    Raises:
        RecipeError: one cannot be had, or does not translate in the step's direction.
        BundleError: there is no bundle, or it is damaged.
    """
    if step.teacher is None:
        return [Teacher(_TURNED, turned(recipe, recipe_path), recipe_path, trained=False)]
    names = [step.teacher] if isinstance(step.teacher, str) else step.teacher
    teachers = [_teacher(name, recipe_path) for name in names]
    sides = recipe.corpora.source, recipe.corpora.target
    wanted = sides[::-1] if isinstance(step, BackTranslationConfig) else sides
    for name, teacher in zip(names, teachers, strict=True):
        _check_direction(f"{recipe_path}: synthetic, {step.method}: the teacher {name}", teacher.recipe, wanted)
    return teachers


def teachers_to_train(recipe: Recipe, recipe_path: Path) -> dict[str, Teacher]:
    """Returns the teachers of a recipe that its run trains, by their names.

    Raises:
        RecipeError: as :func:`teachers_of`, or two of them have one name.
        BundleError: as :func:`teachers_of`.
    """
    found: dict[str, Teacher] = {}
    for step in recipe.synthetic:
        for teacher in teachers_of(step, recipe, recipe_path):
            if not teacher.trained and found.setdefault(teacher.name, teacher) != teacher:
                raise RecipeError(
                    f"{recipe_path}: synthetic: two teachers are called {teacher.name}",
                    received=f"{found[teacher.name].place} and {teacher.place}",
                    action="Give one of them another name",
                )
    return found


def _teacher(name: str, recipe_path: Path) -> Teacher:
    place = recipe_path.parent / name
    if place.suffix in (".yaml", ".yml"):
        recipe = load_recipe(place)
        return Teacher(recipe.name, recipe, place, trained=False)
    recipe = load_bundle(place).recipe
    return Teacher(recipe.name, recipe, place, trained=True)


def _check_direction(problem: str, teacher: Recipe, wanted: tuple[str, str]) -> None:
    received = teacher.corpora.source, teacher.corpora.target
    if received != wanted:
        raise RecipeError(
            f"{problem} translates in another direction",
            received=f"from {received[0]} to {received[1]}",
            expected=f"from {wanted[0]} to {wanted[1]}",
            action="Give another teacher, or call the sides alike in corpora.source and corpora.target",
        )
    if teacher.model.encoder.input == "vectors":
        raise RecipeError(
            f"{problem} takes vectors", expected="a model that translates text", action="Give another teacher"
        )


def turned(recipe: Recipe, recipe_path: Path) -> Recipe:
    """Returns the recipe of the other direction: all that is said of one side is said of the other, nothing synthetic.

    Raises:
        RecipeError: the recipe starts from a bundle, which is a model of its own direction.
    """
    _refuse_bundles(recipe, recipe_path)
    tree = recipe.model_dump(mode="json", exclude_unset=True, exclude={"synthetic"})
    tree["name"] = f"{recipe.name}.{_TURNED}"
    corpora = tree["corpora"]
    _swap(corpora, "source", "target")
    for reference in (*corpora["train"], *corpora["valid"], *corpora.get("test", [])):
        if isinstance(reference, dict):
            _swap(reference, "source", "target")
    for step in tree.get("cleaning", []):
        for settings in step.values():
            if settings.get("on") in _OTHER_SIDE:
                settings["on"] = _OTHER_SIDE[settings["on"]]
    dataset = tree.get("dataset", {})
    _swap(dataset, "max_source_tokens", "max_target_tokens")
    if mix := dataset.pop("mix", None):
        # The weights of the human parts; their epochs were arranged around the synthetic ones.
        weights = [entry.get("weight", 1.0) for entry in mix[: len(corpora["train"])]]
        if any(weights):
            dataset["mix"] = [{"weight": weight} for weight in weights]
    embedding = tree.get("model", {}).get("embedding", {})
    _swap(embedding, "source_vectors", "target_vectors")
    return Recipe.model_validate(tree)


_OTHER_SIDE = {"source": "target", "target": "source"}


def _swap(section: dict[str, Any], first: str, second: str) -> None:
    """Gives each of two keys the other's value, where it has one."""
    values = {first: section.pop(second, None), second: section.pop(first, None)}
    section |= {key: value for key, value in values.items() if value is not None}


def _refuse_bundles(recipe: Recipe, recipe_path: Path) -> None:
    bundles = {
        "training.start_from": recipe.training.start_from,
        "tokenizer.source_from": recipe.tokenizer.source_from,
        "tokenizer.target_from": recipe.tokenizer.target_from,
    }
    for key, value in bundles.items():
        if value is not None:
            raise RecipeError(
                f"{recipe_path}: synthetic, back_translation: this recipe cannot be turned around to train a teacher",
                received=f"{key} {value}, which is of this direction",
                expected="a recipe that starts from nothing",
                action="Give a teacher: a bundle or a recipe of the other direction",
            )
