"""What a run enters on a leaderboard: its record, its texts, and the baselines of its test sets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nmt.cleaning.files import SOURCE_FILE, TARGET_FILE
from nmt.cleaning.filters import comparable
from nmt.config import Recipe
from nmt.errors import UsageError, suggestion
from nmt.evaluation.metrics import MetricOptions, text_metrics
from nmt.leaderboard.entry import Entry, Scoring, TestSet, baselines, enter, make_records, texts_of
from nmt.leaderboard.records import Record, board_path
from nmt.leaderboard.texts import Text
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import references_of, test_names
from nmt.pipeline.workspace import Workspace
from nmt.textio import read_lines, read_parallel


def run_fields(recipe: Recipe, inputs: Mapping[str, Path], tests: Mapping[str, TestSet]) -> dict[str, Any]:
    """Returns what a record says of the data: languages, digests, and how much of the test sets was trained on.

    Args:
        recipe: of the run.
        inputs: the artifacts that the record is made from.
        tests: the run's test sets by name.
    """
    facts = json.loads((inputs["train"] / "bundle" / "bundle.json").read_bytes())["facts"]
    return {
        "languages": _languages(recipe),
        "source_digests": {view.name: view.source.digest for test in tests.values() for view in test.views},
        "reference_digests": {
            view.name: {key: text.digest for key, text in view.references.items()}
            for test in tests.values()
            for view in test.views
        },
        "training_digests": facts.get("training_data", {}),
        "overlap": overlap(tests, inputs["clean"]),
    }


def test_sets(recipe: Recipe, fetched: Path) -> dict[str, TestSet]:
    """Returns the test sets of a run by name, from the artifact of ``fetch``."""
    return {
        name: TestSet(
            name,
            _text(side_files(fetched, f"test/{name}")[0]),
            {key: _text(path) for key, path in references_of(recipe, fetched, name).items()},
            _languages(recipe),
        )
        for name in test_names(recipe)
    }


def overlap(tests: Mapping[str, TestSet], cleaned: Path) -> dict[str, dict[str, int]]:
    """Counts the lines of test sets that occur in the training text, compared without case, punctuation and spaces.

    Args:
        tests: the test sets by name.
        cleaned: the artifact of ``clean``, the text that was trained on.

    Returns:
        Per test set, ``lines`` as many as there are, and of these ``sources``, ``targets`` and ``pairs`` that occur.
    """
    pairs = {
        name: [
            (comparable(source), comparable(target))
            for text in test.references.values()
            for source, target in zip(test.source.lines, text.lines, strict=True)
        ]
        for name, test in tests.items()
    }
    wanted = [{row[side] for rows in pairs.values() for row in rows} - {""} for side in (0, 1)]
    seen: tuple[set[str], set[str], set[tuple[str, str]]] = (set(), set(), set())
    for line in read_parallel([cleaned / SOURCE_FILE, cleaned / TARGET_FILE]):
        source, target = map(comparable, line)
        if source in wanted[0]:
            seen[0].add(source)
            if target in wanted[1]:
                seen[2].add((source, target))
        if target in wanted[1]:
            seen[1].add(target)
    return {
        name: {
            "lines": len(rows),
            "sources": sum(source in seen[0] for source, _ in rows),
            "targets": sum(target in seen[1] for _, target in rows),
            "pairs": sum(row in seen[2] for row in rows),
        }
        for name, rows in pairs.items()
    }


def enter_run(
    leaderboards: Path, record: Record, recipe: Recipe, translated: Path, tests: Mapping[str, TestSet]
) -> list[Record]:
    """Adds a run and the baselines of its test sets to the record's board; returns the records that were new.

    Args:
        leaderboards: the folder of the boards.
        record: of the run.
        recipe: of the run.
        translated: the artifact of ``translate``.
        tests: the run's test sets by name.
    """
    settings = recipe.evaluation
    metrics = text_metrics(settings.metrics)
    scoring = Scoring(metrics, MetricOptions.of(settings), settings.bootstrap_samples)
    records, texts = [record], []
    for name, test in tests.items():
        # Vectors have no text that could be copied.
        own = [] if any(recipe.corpora.with_vectors) or not metrics else list(baselines(test, recipe.task))
        records += make_records(record.board, test, own, scoring)
        run = Entry(record.system, _text(translated / f"{name}.txt"), "run")
        texts += texts_of(test, [run, *own])
    return enter(board_path(leaderboards, record.board), records, texts)


def read_run(workspace: Workspace, run: str, board: str) -> tuple[Record, Recipe, Path, dict[str, TestSet]]:
    """Reads a finished run for ``enter_run``.

    Returns:
        Its record for this board, its recipe, the artifact of ``translate``, and its test sets by name.

    Raises:
        UsageError: there is no such run, or it is not finished.
    """
    folders, record = finished_run(workspace, run)
    recipe = Recipe.model_validate(record.recipe)
    tests = test_sets(recipe, folders["fetch"])
    fields = run_fields(recipe, folders, tests)
    return dataclasses.replace(record, board=board, **fields), recipe, folders["translate"], tests


def finished_run(workspace: Workspace, run: str) -> tuple[dict[str, Path], Record]:
    """Returns the artifacts of the last run of a recipe, by stage, and its record.

    Raises:
        UsageError: there is no such run, or it is not finished.
    """
    stages = workspace.last_run(run).get("stages", {})
    folders = {stage: workspace.artifact(stage, digest) for stage, digest in stages.items()}
    if "record" not in folders or not (folders["record"] / "record.json").is_file():
        finished = list(_finished(workspace))
        raise UsageError(
            f"{run}: there is no finished run of this name in {workspace.root}",
            expected=f"one of {', '.join(finished)}" if finished else "a run, but none is finished",
            action=suggestion(run, finished, f"Run it first: nmt run {run}"),
        )
    return folders, Record.from_json(json.loads((folders["record"] / "record.json").read_bytes()))


def _finished(workspace: Workspace) -> Iterator[str]:
    for path in sorted((workspace.root / "runs").glob("*/run.json")):
        if "record" in workspace.last_run(path.parent.name).get("stages", {}):
            yield path.parent.name


def _languages(recipe: Recipe) -> str:
    return f"{recipe.corpora.source}-{recipe.corpora.target}"


def _text(path: Path) -> Text:
    return Text(str(path), tuple(read_lines(path)))
