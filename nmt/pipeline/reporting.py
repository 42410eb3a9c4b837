"""Gathers from the artifacts of a run what its report shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmt import textio
from nmt.bundle import Bundle
from nmt.config import Recipe
from nmt.evaluation.findings import Finding
from nmt.evaluation.scores import Score
from nmt.evaluation.text_statistics import TextStatistics
from nmt.pipeline.examine import ATTENTION, DIAGNOSIS, STATISTICS
from nmt.pipeline.stage import SYNTHESIZE, side_files
from nmt.pipeline.stages import test_names
from nmt.pipeline.synthesize import read_index
from nmt.pipeline.workspace import Workspace
from nmt.report.page import RunReport, read_history
from nmt.report.samples import choose_samples


def gather_report(
    recipe: Recipe, inputs: Mapping[str, Path], workspace: Workspace, bundle: Bundle, scores: dict[str, list[Score]]
) -> RunReport:
    """Returns the report of a run.

    Args:
        recipe: what was run.
        inputs: the artifacts of its stages.
        workspace: where they lie.
        bundle: what was trained.
        scores: per test set.
    """
    digests = {name: folder.name for name, folder in inputs.items()}
    trained = workspace.timing("train", digests["train"])
    diagnosis, maps, statistics = (_json(inputs["examine"] / name) for name in (DIAGNOSIS, ATTENTION, STATISTICS))
    synthetic = inputs.get(SYNTHESIZE)
    return RunReport(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        time=workspace.timing("evaluate", digests["evaluate"]).get("time", ""),
        training=bundle.facts | {"training_seconds": trained.get("training_seconds")},
        history=read_history(inputs["train"] / "history.jsonl"),
        cleaning=_json(inputs["clean"] / "report.json"),
        corpora=_json(inputs["fetch"] / "corpora.json") | (_synthetic_corpora(synthetic) if synthetic else {}),
        statistics={
            split: {side: TextStatistics.from_json(fields) for side, fields in sides.items()}
            for split, sides in statistics.items()
        },
        scores=scores,
        samples={name: choose_samples(*_columns(inputs, name)) for name in test_names(recipe)},
        attention=maps,
        findings=[Finding(**fields) for fields in diagnosis["findings"]],
        left_out=diagnosis["left_out"],
        environment=trained.get("environment", {}),
        digests=digests,
        translate_command=f"nmt translate {workspace.run_folder(recipe.name) / 'bundle'} FILE",
    )


def _columns(inputs: Mapping[str, Path], test: str) -> tuple[list[str], list[str], list[str]]:
    """Returns the sources, references and hypotheses of a test set."""
    files = [*side_files(inputs["fetch"], f"test/{test}"), inputs["translate"] / f"{test}.txt"]
    rows = list(textio.read_parallel(files))
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _synthetic_corpora(folder: Path) -> dict[str, Any]:
    """Returns, by the names of the synthetic parts, the corpora that their text comes from."""
    return {part["name"]: part["text"] for part in read_index(folder)}


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())
