"""The stage that makes synthetic pairs: back-translation and sequence-level knowledge distillation.

Back-translation (Sennrich et al. 2016) pairs text of the target side with its translation to the source side: the
target is human. Distillation (Kim and Rush 2016) pairs the sources of the training set with what a teacher makes of
them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmt import textio
from nmt.config import Recipe
from nmt.corpora_config import BackTranslationConfig, SyntheticConfig
from nmt.pipeline.stage import StageContext, side_files
from nmt.pipeline.teachers import Teacher, teachers_of
from nmt.storage import write_json
from nmt.terminal import load_tensorflow

_INDEX = "synthetic.json"


def synthetic_names(recipe: Recipe) -> list[str]:
    """Returns the names of the parts that the steps make: their methods, with a number from the second of one on."""
    methods = [step.method for step in recipe.synthetic]
    numbers = [methods[:index].count(method) + 1 for index, method in enumerate(methods)]
    return [method if number == 1 else f"{method}-{number}" for method, number in zip(methods, numbers, strict=True)]


def marks(recipe: Recipe) -> list[bool]:
    """Returns of each part of the training set, the synthetic ones last, whether its sources begin with the marker."""
    return [False] * len(recipe.corpora.train) + [step.mark for step in recipe.synthetic]


def read_index(folder: Path) -> list[dict[str, Any]]:
    """Returns, from the stage's artifact, of each part: name, number of pairs, and where its text comes from."""
    rows: list[dict[str, Any]] = json.loads((folder / _INDEX).read_bytes())
    return rows


def write_index(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Writes what ``read_index`` reads."""
    write_json(folder / _INDEX, rows)


def synthesis_identity(recipe: Recipe, recipe_path: Path) -> Any:
    """Returns what the pairs depend on beside the weights of teachers that are still to be trained.

    How the pairs are marked is no part of it: that is a matter of encoding.
    """
    return {"synthetic": [_step_identity(step, recipe, recipe_path) for step in recipe.synthetic]}


def _step_identity(step: SyntheticConfig, recipe: Recipe, recipe_path: Path) -> dict[str, Any]:
    from nmt.corpora.materialize import text_identity

    identity: dict[str, Any] = {"method": step.method, "beam_size": step.beam_size}
    identity["teacher"] = [teacher.identity for teacher in teachers_of(step, recipe, recipe_path)]
    if isinstance(step, BackTranslationConfig):
        folder = recipe_path.parent
        identity["text"] = [text_identity(reference, recipe.corpora.target, folder) for reference in step.text]
    return identity


def synthesize(context: StageContext) -> None:
    """Writes the pairs of every step as a split of its name, and an index."""
    load_tensorflow()
    index = []
    for name, step in zip(synthetic_names(context.recipe), context.recipe.synthetic, strict=True):
        given, made = side_files(context.output, name)
        if isinstance(step, BackTranslationConfig):
            made, given = given, made
        origins = _write_given(context, step, given)
        pairs = _translate(context, name, step, given, made)
        context.say(f"{name}: {pairs:,} pairs")
        index.append({"name": name, "pairs": pairs, "text": origins})
    write_index(context.output, index)


def _write_given(context: StageContext, step: SyntheticConfig, output: Path) -> list[dict[str, Any]]:
    """Writes the lines that the teacher translates and returns where they come from."""
    from nmt.corpora.materialize import materialize_text

    if isinstance(step, BackTranslationConfig):
        side, store = context.recipe.corpora.target, context.workspace.corpora
        return materialize_text(step.text, side, store, output, context.recipe_path.parent)
    sources, _ = side_files(context.inputs["fetch"], "train")
    textio.write_lines(output, (line for line in textio.read_lines(sources) if line.strip()))
    return []  # the corpora of the recipe


def _translate(context: StageContext, name: str, step: SyntheticConfig, given: Path, made: Path) -> int:
    from nmt.bundle import load_bundle
    from nmt.decoding.stream import write_answers
    from nmt.decoding.translate import Translator
    from nmt.progress import Progress

    teachers = teachers_of(step, context.recipe, context.recipe_path)
    first, *others = (load_bundle(_bundle_folder(context, teacher)) for teacher in teachers)
    # A bundle that a run has just trained may have been trained before its recipe's decoding was settled.
    settings = teachers[0].recipe.decoding.with_beam(step.beam_size).model_dump(mode="json")
    translator = Translator(first, settings, others)
    progress = Progress(lambda text: context.say(f"{name}: {text}"))
    progress.total = textio.count_lines(given)
    pairs = write_answers(
        textio.read_lines(given),
        lambda lines, first: translator.translate(lines, first_line=first),
        made,
        translator.identity,
        progress,
        resume=True,
        folder=context.scratch / name,
    )
    if report := translator.long_input.report():
        context.say(f"{name}: {report}")
    return pairs


def _bundle_folder(context: StageContext, teacher: Teacher) -> Path:
    return teacher.place if teacher.trained else context.inputs[f"{teacher.name}/train"] / "bundle"
