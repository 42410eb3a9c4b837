"""What the user of a finished run reads: scores, samples, and where everything is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from nmt.config import Recipe
from nmt.evaluation.scores import Score
from nmt.pipeline.workspace import Workspace
from nmt.terminal import print_table

_SAMPLES = 4  # sample translations that are printed


def score_rows(scores: Sequence[Score]) -> list[tuple[str, str, str, str]]:
    """Returns metric, score, interval and signature of each score, as text."""
    return [
        (
            score.label,
            f"{score.value:.2f}",
            "" if score.low is None or score.high is None else f"{score.low:.2f} to {score.high:.2f}",
            score.signature,
        )
        for score in scores
    ]


def print_summary(recipe: Recipe, record: Path, workspace: Workspace, program: str) -> None:
    """Prints the scores, some translations, the places of the report and the bundle, and how to go on.

    Args:
        recipe: what was run.
        record: the artifact of the last stage.
        workspace: where it was run.
        program: the command by which the user called ``nmt``.
    """
    scores = json.loads((record / "record.json").read_bytes())["scores"]
    for rows in json.loads((record / "samples.json").read_bytes()).values():
        for source, reference, hypothesis in rows[:_SAMPLES]:
            print(f"  source      {source}\n  reference   {reference}\n  hypothesis  {hypothesis}\n")
    table = [(name, *row) for name, rows in scores.items() for row in score_rows([Score.from_json(r) for r in rows])]
    print_table(["test set", "metric", "score", "95% interval", "signature"], table)
    folder = workspace.run_folder(recipe.name)
    bundle = shlex.quote(str(folder / "bundle"))
    elsewhere = "" if workspace.root == Workspace.at(None).root else f" --work {shlex.quote(str(workspace.root))}"
    example = _example(record)
    print(f"Report:      {folder / 'report.html'}")
    print(f"Leaderboard: {program} leaderboard {shlex.quote(recipe.board)}{elsewhere}")
    print(f"Your own:    echo {shlex.quote(example)} | {program} translate {bundle}")


def _example(record: Path) -> str:
    """Returns a source that the user may replace by one of their own: the shortest of the samples."""
    samples = json.loads((record / "samples.json").read_bytes())
    sources = [str(source) for rows in samples.values() for source, *_ in rows if source]
    return min(sources, key=len, default="a sentence of your own")
