"""Studies: the recipes of a folder, each with several seeds, as one table and one picture.

A study mirrors an experiment of a paper: its rows are recipes in the order of their names, each usually the one before
with one thing more. Every run is an ordinary run, so a study that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from nmt import textio
from nmt.config import Recipe, load_recipe, shipped_folder
from nmt.errors import RecipeError, UsageError, nearest
from nmt.evaluation.metrics import MetricOptions
from nmt.evaluation.scores import Score, score_lines
from nmt.pipeline.run import print_progress, run_recipe
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import test_names
from nmt.pipeline.workspace import Workspace
from nmt.report.pictures import draw_by_length
from nmt.storage import write_bytes, write_json

_BINS = 6  # groups of test lines by source length


@dataclass(frozen=True)
class Run:
    """One recipe with one seed, done: its scores on the first test set, and the lines of that set."""

    seed: int
    scores: dict[str, Score]
    training_seconds: float | None
    sources: list[str]
    references: list[str]
    hypotheses: list[str]


@dataclass(frozen=True)
class Row:
    """A recipe of a study, and its runs."""

    recipe: Recipe
    runs: list[Run]

    def mean(self, metric: str) -> float:
        """Returns the mean score of the seeds."""
        return mean(run.scores[metric].value for run in self.runs)


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
    close = nearest(name, study_names())
    raise UsageError(
        f"{name}: there is no such study",
        expected=f"a folder of recipes, or one of {', '.join(study_names())}",
        action=f"Did you mean {close}?" if close else None,
    )


def run_study(
    name: str, seeds: int, workspace: Workspace, say: Callable[[str], None] = print_progress
) -> tuple[list[Row], Path]:
    """Runs every recipe of a study with the seeds 1 to ``seeds``, and writes the table and the picture.

    Returns:
        The rows, and the folder with ``table.md``, ``table.json`` and ``length.png``.

    Raises:
        RecipeError: a recipe has no test set, or other metrics than the first.
    """
    folder = study_folder(name)
    recipes = {path: load_recipe(path) for path in sorted(folder.glob("*.yaml"))}
    check_comparable(recipes)
    rows = []
    for path, recipe in recipes.items():
        runs = []
        for seed in range(1, seeds + 1):
            say(f"== {path.stem}, seed {seed}")
            runs.append(_run(path, recipe.name, seed, workspace, say))
        rows.append(Row(recipe, runs))
    output = workspace.root / "studies" / folder.name
    write_bytes(output / "table.md", (markdown(rows) + "\n").encode("utf-8"))
    write_json(output / "table.json", to_json(folder.name, rows))
    metric = rows[0].recipe.evaluation.metrics[0]
    lengths, series = by_length(rows, metric)
    draw_by_length(lengths, series, rows[0].runs[0].scores[metric].label, output / "length.png")
    return rows, output


def check_comparable(recipes: Mapping[Path, Recipe]) -> None:
    """Checks before anything runs that recipes make the rows of one table.

    Raises:
        RecipeError: one has no test set, or other metrics than the first.
    """
    metrics = next(iter(recipes.values())).evaluation.metrics
    for path, recipe in recipes.items():
        if not recipe.corpora.test:
            raise RecipeError(f"{path}: a study compares on a test set", received="none", action="Give corpora.test")
        if recipe.evaluation.metrics != metrics:
            raise RecipeError(
                f"{path}: evaluation.metrics differs from that of the first recipe of the study",
                received=", ".join(recipe.evaluation.metrics),
                expected=", ".join(metrics),
                action="Give all recipes of a study the same metrics",
            )


def _run(path: Path, name: str, seed: int, workspace: Workspace, say: Callable[[str], None]) -> Run:
    # The name of a run is the name of its folder: a study's rows and seeds stand beside one another.
    recipe = load_recipe(path, [f"seed={seed}", f"name={path.parent.name}.{name}.seed-{seed}"])
    folders = {planned.label: planned.artifact for planned in run_recipe(recipe, path, workspace, say=say)}
    test = test_names(recipe)[0]
    record = json.loads((folders["record"] / "record.json").read_bytes())
    scores = {row["name"]: Score.from_json(row) for row in record["scores"][test]}
    sides = side_files(folders["fetch"], f"test/{test}")
    rows = list(textio.read_parallel([*sides, folders["translate"] / f"{test}.txt"]))
    sources, references, hypotheses = (list(column) for column in zip(*rows, strict=True))
    return Run(seed, scores, record["training_seconds"], sources, references, hypotheses)


def by_length(rows: Sequence[Row], metric: str) -> tuple[list[float], dict[str, list[float]]]:
    """Scores the test lines in groups of about equal size by the number of words of their sources.

    Returns:
        The mean length of each group, and for each row its scores, over all seeds together.
    """
    lengths = [len(source.split()) for source in rows[0].runs[0].sources]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    size = -(-len(order) // _BINS)
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    options = MetricOptions.of(rows[0].recipe.evaluation)

    def score(row: Row, group: list[int]) -> float:
        hypotheses = [run.hypotheses[index] for run in row.runs for index in group]
        references = [run.references[index] for run in row.runs for index in group]
        return score_lines(hypotheses, [references], [metric], options)[0].value

    series = {row.recipe.name: [score(row, group) for group in groups] for row in rows}
    return [mean(lengths[index] for index in group) for group in groups], series


def headings(rows: Sequence[Row]) -> list[str]:
    """Returns the headings of the table."""
    labels = [rows[0].runs[0].scores[metric].label for metric in rows[0].recipe.evaluation.metrics]
    return ["system", *(f"{label}, mean" for label in labels), f"{labels[0]}, seed by seed", "gain", "training, min"]


def table(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Returns the cells: means over the seeds, each seed with its interval, the gain over the row above."""
    metrics = rows[0].recipe.evaluation.metrics
    cells = []
    for above, row in zip([None, *rows], rows, strict=False):
        each = "; ".join(run.scores[metrics[0]].format_value() for run in row.runs)
        gain = f"{row.mean(metrics[0]) - above.mean(metrics[0]):+.1f}" if above else ""
        minutes = [run.training_seconds / 60 for run in row.runs if run.training_seconds is not None]
        took = f"{mean(minutes):.1f}" if minutes else ""
        cells.append((row.recipe.name, *(f"{row.mean(metric):.2f}" for metric in metrics), each, gain, took))
    return cells


def markdown(rows: Sequence[Row]) -> str:
    """Returns the table as Markdown, with the signatures below it."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings(rows), *table(rows))]
    lines.insert(1, "|---" + "|---:" * (len(headings(rows)) - 1) + "|")
    signatures = [f"- {score.label}: `{score.signature}`" for score in rows[0].runs[0].scores.values()]
    return "\n".join([*lines, "", *signatures])


def to_json(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Returns the study as JSON: every score of every run."""
    return {
        "study": name,
        "rows": [
            {
                "system": row.recipe.name,
                "description": row.recipe.description,
                "runs": [
                    {
                        "seed": run.seed,
                        "training_seconds": run.training_seconds,
                        "scores": [score.to_json() for score in run.scores.values()],
                    }
                    for run in row.runs
                ],
            }
            for row in rows
        ],
    }
