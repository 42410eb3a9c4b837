"""The plan of a run: for each stage whether it must be built, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmt.config import Recipe
from nmt.errors import RecipeError, UsageError, suggestion
from nmt.pipeline.digest import differences, digest_of, stage_facts
from nmt.pipeline.stage import SYNTHESIZE, Stage
from nmt.pipeline.stages import STAGES
from nmt.pipeline.teachers import Teacher, teachers_to_train
from nmt.pipeline.workspace import Workspace


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a plan.

    Attributes:
        label: its name in the plan: the stage's, behind that of a teacher where it trains one.
        stage: the stage.
        recipe: what it is built by.
        recipe_path: the recipe's file.
        facts: what decides its artifact.
        digest: the digest of these facts.
        artifact: the folder of the artifact.
        inputs: the folders of the artifacts that it reads.
        reasons: why it must be built; empty when the artifact is there.
        existed: whether the artifact was there when the plan was made.
    """

    label: str
    stage: Stage
    recipe: Recipe
    recipe_path: Path
    facts: dict[str, Any]
    digest: str
    artifact: Path
    inputs: dict[str, Path]
    reasons: tuple[str, ...]
    existed: bool

    def to_json(self) -> dict[str, Any]:
        """Returns what ``nmt plan --format json`` shows of the stage."""
        return {
            "stage": self.label,
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

    The stages that train a teacher of synthetic pairs come before the stage that needs it.

    Args:
        recipe: the recipe.
        recipe_path: its file.
        workspace: where the artifacts lie.
        only: stages that are wanted, with all that they read; all stages when empty.
        force: stages that are built again, with all that read them; not those of teachers.

    Raises:
        UsageError: there is no stage of this name.
        RecipeError: a teacher cannot be had, or needs to be taught by the recipe itself.
        DataError: a file of the user's own or a bundle cannot be read.
    """
    _check_names([*only, *force], recipe)
    wanted = _with_inputs(only or [stage.name for stage in STAGES])
    for name in force:
        if name not in wanted:
            raise UsageError(
                f"--force {name}: the stages that are asked for do not need {name}",
                received=", ".join(only),
                action=f"Ask for {name} as well, or leave the stages out",
            )
    before = workspace.last_run(recipe.name).get("stages", {})
    return list(_plan(recipe, recipe_path, workspace, wanted, force, before).values())


def _plan(
    recipe: Recipe,
    recipe_path: Path,
    workspace: Workspace,
    wanted: set[str],
    force: Sequence[str],
    before: Mapping[str, str],
    taught: Sequence[Path] = (),
) -> dict[str, PlannedStage]:
    """Returns the planned stages of a recipe and of its teachers by their labels.

    Args:
        before: the digests of the last run, by labels.
        taught: the files of the recipes that this one is a teacher for.
    """
    planned: dict[str, PlannedStage] = {}
    for stage in STAGES:
        if stage.name not in wanted or not stage.belongs_to(recipe):
            continue
        inputs = {name: planned[name] for name in stage.inputs if name in planned}
        if stage.name == SYNTHESIZE:
            for name, teacher in teachers_to_train(recipe, recipe_path).items():
                planned |= _plan_teacher(teacher, workspace, before, [*taught, recipe_path.resolve()])
                inputs[f"{name}/train"] = planned[f"{name}/train"]
        facts = stage_facts(stage, recipe, recipe_path, {name: read.digest for name, read in inputs.items()})
        digest = digest_of(facts)
        reasons = _reasons(stage, facts, digest, workspace, before.get(stage.name), inputs)
        planned[stage.name] = PlannedStage(
            label=stage.name,
            stage=stage,
            recipe=recipe,
            recipe_path=recipe_path,
            facts=facts,
            digest=digest,
            artifact=workspace.artifact(stage.name, digest),
            inputs={name: read.artifact for name, read in inputs.items()},
            reasons=("forced", *reasons) if stage.name in force else tuple(reasons),
            existed=workspace.manifest(stage.name, digest) is not None,
        )
    return planned


def _plan_teacher(
    teacher: Teacher, workspace: Workspace, before: Mapping[str, str], taught: Sequence[Path]
) -> dict[str, PlannedStage]:
    """Returns the planned stages that train a teacher, labelled with its name."""
    if teacher.recipe.synthetic and teacher.place.resolve() in taught:
        raise RecipeError(
            f"{taught[-1]}: synthetic: the teacher {teacher.place} is taught by this recipe itself",
            action="Train one of them without synthetic pairs",
        )
    prefix = f"{teacher.name}/"
    last = {label.removeprefix(prefix): digest for label, digest in before.items() if label.startswith(prefix)}
    stages = _plan(teacher.recipe, teacher.place, workspace, _with_inputs(["train"]), (), last, taught)
    return {prefix + label: replace(planned, label=prefix + label) for label, planned in stages.items()}


def _reasons(
    stage: Stage,
    facts: dict[str, Any],
    digest: str,
    workspace: Workspace,
    last: str | None,
    inputs: Mapping[str, PlannedStage],
) -> list[str]:
    rebuilt = [f"{name} is built again" for name, read in inputs.items() if read.reasons]
    if workspace.manifest(stage.name, digest):
        damage = workspace.damage(stage.name, digest)
        return ([f"the artifact is damaged: {damage}"] if damage else []) + rebuilt
    if last == digest:
        return ["the artifact was removed"]
    manifest = workspace.manifest(stage.name, last) if last else None
    if manifest is None:
        return ["not built yet"]
    changed = differences(manifest, facts)
    renewed = [f"{name} has changed" for name, read in inputs.items() if manifest["inputs"].get(name) != read.digest]
    return changed + renewed


def _check_names(names: Sequence[str], recipe: Recipe) -> None:
    known = [stage.name for stage in STAGES if stage.belongs_to(recipe)]
    for name in names:
        if name not in known:
            raise UsageError(
                f"{name}: the recipe {recipe.name} has no such stage",
                expected=f"one of {', '.join(known)}",
                action=suggestion(name, known),
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
