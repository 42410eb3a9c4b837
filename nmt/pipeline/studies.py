"""Studies: several systems, each with several seeds, as one table and one picture.

A study of a paper mirrors an experiment: its rows are the recipes of a folder in the order of their names, each usually
the one before with one thing more. An ablation has one recipe, and its rows are all combinations of some settings.
Every run is an ordinary run, so a study that was interrupted goes on where it was, and what two runs have in common is
made once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from nmt import textio
from nmt.config import Recipe, load_recipe, shipped_folder
from nmt.errors import RecipeError, UsageError, suggestion
from nmt.evaluation.metrics import OF_MODELS, MetricOptions
from nmt.evaluation.scores import Score
from nmt.leaderboard.entry import views_of
from nmt.pipeline.run import print_progress, run_recipe
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import references_of, test_names
from nmt.pipeline.study_table import Baseline, Row, Run, by_length, compare, main_metric, markdown, to_json
from nmt.pipeline.workspace import Workspace
from nmt.report.pictures import draw_by_length
from nmt.storage import write_bytes, write_json

_LONGEST_NAME = 60  # characters of a setting in the names of runs


@dataclass(frozen=True)
class System:
    """What makes a row of a study.

    Attributes:
        name: in the table.
        run_name: in the names of its runs.
        path: the recipe's file.
        settings: ``key=value`` that replace keys of it.
        recipe: the file with these settings.
    """

    name: str
    run_name: str
    path: Path
    settings: tuple[str, ...]
    recipe: Recipe


@dataclass(frozen=True)
class Study:
    """Systems that are compared.

    Attributes:
        name: of its folder below ``studies`` in the workspace; the names of its runs begin with it.
        systems: in the order of the table.
        baseline: what each is compared with.
    """

    name: str
    systems: list[System]
    baseline: Baseline


def study_names() -> list[str]:
    """Returns the names of the studies that come with the project."""
    return sorted(path.name for path in (shipped_folder("pipelines") / "papers").iterdir() if path.is_dir())


def study_folder(name: str) -> Path:
    """Returns the folder of a study: one of the project's, by name, or any folder of recipes.

    Raises:
        UsageError: there is none.
    """
    for folder in (shipped_folder("pipelines") / "papers" / name, Path(name)):
        if any(folder.glob("*.yaml")):
            return folder
    raise UsageError(
        f"{name}: there is no such study",
        expected=f"a folder of recipes, or one of {', '.join(study_names())}",
        action=suggestion(name, study_names()),
    )


def study_of_folder(name: str) -> Study:
    """Returns the study whose systems are the recipes of a folder, each compared with the one above it.

    Raises:
        UsageError: there is no such folder.
        RecipeError: a recipe is faulty.
    """
    folder = study_folder(name)
    recipes = {path: load_recipe(path) for path in sorted(folder.glob("*.yaml"))}
    systems = [System(recipe.name, recipe.name, path, (), recipe) for path, recipe in recipes.items()]
    return Study(folder.absolute().name, systems, "above")


def ablation(path: Path, over: Sequence[str], overrides: Sequence[str] = ()) -> Study:
    """Returns the study of a recipe with all combinations of some settings, each compared with the first.

    Args:
        path: the recipe's file.
        over: ``key=value,value,...``; a comma inside of brackets, braces or quotes does not part values.
        overrides: ``key=value`` that replace keys in all systems.

    Raises:
        UsageError: there is nothing to vary, a key comes twice, or it is that of the seed or the name.
        RecipeError: a combination is no valid recipe.
    """
    axes = [axis(text) for text in over]
    keys = [key for key, _ in axes]
    faulty = next((key for key in keys if keys.count(key) > 1 or key in ("seed", "name")), None)
    if not axes or faulty:
        raise UsageError(
            f"--over {faulty}: this key cannot be varied" if faulty else "there is nothing to vary",
            expected="each key once, and neither seed nor name",
            action="Seeds are given by --seeds" if faulty == "seed" else "For instance --over model.dropout=0.1,0.3",
        )
    study = f"{load_recipe(path, list(overrides)).name}.over.{_plain('-'.join(keys))}"
    systems = []
    for number, values in enumerate(product(*(values for _, values in axes)), start=1):
        varied = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
        settings = (f"leaderboard.board={study}", *overrides, *varied)
        name = ", ".join(varied)
        systems.append(System(name, f"{number}-{_plain(name)}", path, settings, load_recipe(path, list(settings))))
    return Study(study, systems, "first")


def axis(text: str) -> tuple[str, list[str]]:
    """Returns the key and the values of ``key=value,value``; see ``ablation``.

    Raises:
        UsageError: it has no such form.
    """
    key, separator, values = text.partition("=")
    parts = split_values(values)
    if not (key and separator and all(parts)):
        raise UsageError(
            f"--over {text}: not a key and its values",
            expected="key=value,value",
            action="For instance --over model.dropout=0.1,0.3",
        )
    return key, parts


def split_values(text: str) -> list[str]:
    """Parts a text at the commas that are not inside of brackets, braces or quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if character == "," and not depth and not quote:
            parts.append("")
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character in "[{") - (character in "]}")
        parts[-1] += character
    return [part.strip() for part in parts]


def run_study(
    study: Study, seeds: int, workspace: Workspace, say: Callable[[str], None] = print_progress
) -> tuple[list[Row], Path]:
    """Runs every system of a study with the seeds 1 to ``seeds``, and writes the table and the picture.

    Returns:
        The rows, and the folder with ``table.md``, ``table.json`` and ``length.png``.

    Raises:
        RecipeError: a recipe has no test set, or is not evaluated as the first.
    """
    check_comparable(study.systems)
    rows: list[Row] = []
    for system in study.systems:
        runs = []
        for seed in range(1, seeds + 1):
            say(f"== {system.name}, seed {seed}")
            runs.append(_run(study.name, system, seed, workspace, say))
        row = Row(system.name, system.recipe, runs)
        if rows:
            row = replace(row, differences=compare(row, rows[-1 if study.baseline == "above" else 0]))
        rows.append(row)
    output = workspace.root / "studies" / study.name
    write_bytes(output / "table.md", (markdown(rows, study.baseline) + "\n").encode("utf-8"))
    write_json(output / "table.json", to_json(study.name, rows, study.baseline))
    metric = main_metric(rows[0])
    if metric not in OF_MODELS:
        lengths, series = by_length(rows, metric)
        draw_by_length(lengths, series, rows[0].runs[0].scores[metric].label, output / "length.png")
    return rows, output


def check_comparable(systems: Sequence[System]) -> None:
    """Checks before anything runs that systems make the rows of one table.

    Raises:
        RecipeError: one has no test set, another one than the first, other metrics or other options of these.
    """
    first = systems[0].recipe
    for system in systems:
        recipe = system.recipe
        if not recipe.corpora.test:
            raise RecipeError(
                f"{system.path}: a study compares on a test set", received="none", action="Give corpora.test"
            )
        for key, received, expected in (
            ("corpora.test", test_names(recipe)[0], test_names(first)[0]),
            ("evaluation.metrics", ", ".join(recipe.evaluation.metrics), ", ".join(first.evaluation.metrics)),
            ("evaluation", MetricOptions.of(recipe.evaluation), MetricOptions.of(first.evaluation)),
        ):
            if received != expected:
                raise RecipeError(
                    f"{system.path}: {key} of {system.name} differs from that of the first system of the study",
                    received=received,
                    expected=expected,
                    action="Evaluate all systems of a study alike",
                )


def _run(study: str, system: System, seed: int, workspace: Workspace, say: Callable[[str], None]) -> Run:
    # The name of a run is the name of its folder: a study's rows and seeds stand beside one another.
    settings = [*system.settings, f"seed={seed}", f"name={study}.{system.run_name}.seed-{seed}"]
    recipe = load_recipe(system.path, settings)
    folders = {planned.label: planned.artifact for planned in run_recipe(recipe, system.path, workspace, say=say)}
    test = test_names(recipe)[0]
    files = references_of(recipe, folders["fetch"], test)
    record = json.loads((folders["record"] / "record.json").read_bytes())
    *_, view = views_of(test, files)  # the last one has all references
    scores = {row["name"]: Score.from_json(row) for row in record["scores"][view]}
    source, _ = side_files(folders["fetch"], f"test/{test}")
    rows = list(textio.read_parallel([source, folders["translate"] / f"{test}.txt", *files.values()]))
    sources, hypotheses, *references = map(list, zip(*rows, strict=True))
    seconds, parameters = record["training_seconds"], record["parameters"]
    return Run(seed, scores, seconds, parameters, sources, references, hypotheses)


def _plain(text: str) -> str:
    """Returns a text in the characters that the name of a run may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:_LONGEST_NAME].rstrip("-.")
