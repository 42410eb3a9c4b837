"""The plan of a run: for each stage whether it must be built, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.config import Recipe
from nmt.errors import UsageError, nearest
from nmt.pipeline.digest import differences, digest_of, stage_facts
from nmt.pipeline.stage import Stage
from nmt.pipeline.stages import STAGES
from nmt.pipeline.workspace import Workspace


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a plan.

    Attributes:
        stage: the stage.
        facts: what decides its artifact.
        digest: the digest of these facts.
        artifact: the folder of the artifact.
        reasons: why it must be built; empty when the artifact is there.
        existed: whether the artifact was there when the plan was made.
    """

    stage: Stage
    facts: dict[str, Any]
    digest: str
    artifact: Path
    reasons: tuple[str, ...]
    existed: bool

    def to_json(self) -> dict[str, Any]:
        """Returns what ``nmt plan --format json`` shows of the stage."""
        return {
            "stage": self.stage.name,
            "state": "run" if self.reasons else "done",
            "reasons": list(self.reasons),
            "digest": self.digest,
            "artifact": str(self.artifact),
        }


def make_plan(
    recipe: Recipe,
    recipe_path: Path,
    workspace: Workspace,
    only: Sequence[str] = (),
    force: Sequence[str] = (),
) -> list[PlannedStage]:
    """Plans a run. Nothing is built or fetched.

    Args:
        recipe: the recipe.
        recipe_path: its file.
        workspace: where the artifacts lie.
        only: stages that are wanted, with all that they read; all stages when empty.
        force: stages that are built again, with all that read them.

    Raises:
        UsageError: there is no stage of this name.
        DataError: a file of the user's own cannot be read.
    """
    _check_names([*only, *force])
    wanted = _with_inputs(only) if only else {stage.name for stage in STAGES}
    for name in force:
        if name not in wanted:
            raise UsageError(
                f"--force {name}: the stages that are asked for do not need {name}",
                received=", ".join(only),
                action=f"Ask for {name} as well, or leave the stages out",
            )
    before = workspace.last_run(recipe.name).get("stages", {})
    planned: dict[str, PlannedStage] = {}
    for stage in STAGES:
        if stage.name not in wanted:
            continue
        facts = stage_facts(stage, recipe, recipe_path, {name: planned[name].digest for name in stage.inputs})
        digest = digest_of(facts)
        reasons = _reasons(stage, facts, digest, workspace, before, planned)
        if stage.name in force:
            reasons = ["forced", *reasons]
        existed = workspace.manifest(stage.name, digest) is not None
        artifact = workspace.artifact(stage.name, digest)
        planned[stage.name] = PlannedStage(stage, facts, digest, artifact, tuple(reasons), existed)
    return list(planned.values())


def _reasons(
    stage: Stage,
    facts: dict[str, Any],
    digest: str,
    workspace: Workspace,
    before: dict[str, str],
    planned: dict[str, PlannedStage],
) -> list[str]:
    rebuilt = [f"{name} is built again" for name in stage.inputs if planned[name].reasons]
    if workspace.manifest(stage.name, digest):
        damage = workspace.damage(stage.name, digest)
        return ([f"the artifact is damaged: {damage}"] if damage else []) + rebuilt
    last = before.get(stage.name)
    if last == digest:
        return ["the artifact was removed"]
    manifest = workspace.manifest(stage.name, last) if last else None
    if manifest is None:
        return ["not built yet"]
    changed = differences(manifest, facts)
    renewed = [f"{name} has changed" for name in stage.inputs if manifest["inputs"].get(name) != planned[name].digest]
    return changed + renewed


def _check_names(names: Sequence[str]) -> None:
    known = [stage.name for stage in STAGES]
    for name in names:
        if name not in known:
            close = nearest(name, known)
            raise UsageError(
                f"{name}: there is no such stage",
                expected=f"one of {', '.join(known)}",
                action=f"Did you mean {close}?" if close else None,
            )


def _with_inputs(names: Sequence[str]) -> set[str]:
    stages = {stage.name: stage for stage in STAGES}
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(stages[name].inputs)
    return wanted
