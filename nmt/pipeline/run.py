"""The run: builds what the plan says is missing."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nmt.config import Recipe
from nmt.errors import DataError, InterruptedRun, UsageError
from nmt.evaluation.scores import check_metrics
from nmt.parallel import Processes
from nmt.pipeline.plan import PlannedStage, make_plan
from nmt.pipeline.stage import StageContext
from nmt.pipeline.store import Store, bring_artifact, take_artifact, take_folder
from nmt.pipeline.workspace import Workspace
from nmt.storage import remove_folder, replace_folder
from nmt.terminal import load_tensorflow
from nmt.training.workers import Workers

Build = Callable[[PlannedStage, Workspace, Callable[[str], None], Processes], float]
"""Builds one artifact, with so many processes that work on text, and returns the seconds that it took."""


def print_progress(text: str) -> None:
    """Shows a line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def run_recipe(
    recipe: Recipe,
    recipe_path: Path,
    workspace: Workspace,
    only: Sequence[str] = (),
    force: Sequence[str] = (),
    say: Callable[[str], None] = print_progress,
    processes: Processes = 1,
    train: Build | None = None,
) -> list[PlannedStage]:
    """Builds every stage of a recipe whose artifact is missing, and returns the plan that was carried out.

    Where ``TF_CONFIG`` names several workers, the chief does that; the others only take part in training.

    Args:
        recipe: the recipe.
        recipe_path: its file.
        workspace: where the artifacts go.
        only: stages that are wanted, with all that they read; all stages when empty.
        force: stages that are built again.
        say: shows a line of progress.
        processes: that work on text; no artifact depends on it.
        train: builds what is trained, where this process does not.

    Raises:
        NmtError: a stage failed; what was built before it stays, and the next run goes on from there.
    """
    plan = make_plan(recipe, recipe_path, workspace, only, force)
    workers = Workers.of_environment()
    if not workers.is_chief:
        _take_part(plan, workers, workspace, say)
        return plan
    store = Store.of_environment()
    for planned in plan:
        if planned.reasons:
            check_metrics(planned.recipe.evaluation)
    for planned in plan:
        if planned.existed and planned.reasons:
            _discard(planned, workspace, forced=planned.label in force)
    if workers.count > 1 and _trainings(plan):
        _join(workers, say)
    done = dict(workspace.last_run(recipe.name).get("stages", {}))
    for planned in plan:
        label = planned.label
        if planned.reasons:
            say(f"[{label}] {'; '.join(planned.reasons)}")
            _remember(workspace, recipe, recipe_path, done, planned)
            if not (store and take_artifact(planned, workspace, store, say)):
                build = train if train and planned.stage.name == _TRAIN else _build
                seconds = build(planned, workspace, say, processes)
                say(f"[{label}] done in {_duration(seconds)}")
        if store:
            bring_artifact(planned, workspace, store, say)
        if done.get(label) != planned.digest or planned.reasons:
            done[label] = planned.digest
            _remember(workspace, recipe, recipe_path, done, None)
    if plan[-1].stage.name == _RECORD:
        _publish(plan[-1].artifact, workspace.run_folder(recipe.name))
    return plan


def _discard(planned: PlannedStage, workspace: Workspace, forced: bool) -> None:
    """Removes an artifact that will be built again, so that a run that is killed meanwhile does not believe in it."""
    stage, digest = planned.stage.name, planned.digest
    with workspace.locked(stage, digest):
        if forced:
            shutil.rmtree(workspace.scratch(stage, digest), ignore_errors=True)
        remove_folder(planned.artifact)


def _build(planned: PlannedStage, workspace: Workspace, say: Callable[[str], None], processes: Processes) -> float:
    """Builds one artifact, unless another process made it meanwhile; returns the seconds that it took."""
    stage, digest = planned.stage, planned.digest
    began = time.monotonic()

    def say_here(text: str) -> None:
        say(f"[{planned.label}] {text}")

    if workspace.is_locked(stage.name, digest):
        say_here("another process is building it: waiting")
    with workspace.locked(stage.name, digest):
        if not planned.existed and workspace.manifest(stage.name, digest):
            return time.monotonic() - began
        scratch = workspace.scratch(stage.name, digest)
        output = scratch / "output"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        context = StageContext(
            planned.recipe, planned.recipe_path, digest, planned.inputs, output, workspace, scratch, say_here, processes
        )
        if stage.name == _TRAIN:
            _meet(digest)
        stage.build(context)
        seconds = time.monotonic() - began
        workspace.write_manifest(output, planned.facts)
        workspace.add_timing(stage.name, digest, {"time": _now(), "seconds": round(seconds, 2)})
        replace_folder(output, planned.artifact)
        shutil.rmtree(scratch, ignore_errors=True)
    return seconds


def _trainings(plan: Sequence[PlannedStage]) -> list[PlannedStage]:
    """Returns the stages that all workers build together."""
    return [planned for planned in plan if planned.reasons and planned.stage.name == _TRAIN]


def _take_part(
    plan: Sequence[PlannedStage], workers: Workers, workspace: Workspace, say: Callable[[str], None]
) -> None:
    """Does what a worker does that is not the chief: waits for all that training reads, and trains.

    Raises:
        DataError: the worker does not see what the chief has built.
        UsageError: the worker has another recipe than the chief.
        LostWorker: the chief, or another worker, has gone.
    """
    trainings = _trainings(plan)
    if trainings:
        _join(workers, say)
    for planned in trainings:
        say(f"[{planned.label}] {workers.name} waits until the chief has built what training reads")
        _meet(planned.digest)
        for label, artifact in planned.inputs.items():
            see(label, artifact, workers.name)
        with tempfile.TemporaryDirectory(prefix="nmt-worker-") as temporary:
            output, scratch = Path(temporary, "output"), Path(temporary, "scratch")
            output.mkdir()
            scratch.mkdir()
            say(f"[{planned.label}] {workers.name} takes part")
            context = StageContext(
                planned.recipe, planned.recipe_path, planned.digest, planned.inputs, output, workspace, scratch, say
            )
            planned.stage.build(context)
    say(f"{workers.name}: there is nothing {'more ' if trainings else ''}to train; the chief does the rest")


def build_together(planned: PlannedStage, workspace: Workspace, say: Callable[[str], None] = print_progress) -> None:
    """Builds a training in the processes that ``TF_CONFIG`` names, of which this is one; what it reads is built.

    Raises:
        DataError: this process does not see what training reads, and it is in no store.
        LostWorker: another worker has gone.
        NmtError: the training cannot go on.
    """
    store, workers = Store.of_environment(), Workers.of_environment()
    stage, digest = planned.stage.name, planned.digest
    anew = "forced" in planned.reasons
    if workspace.manifest(stage, digest) or (store and not anew and store.has(stage, digest)):
        return  # it was finished before the workers were started again
    for label, artifact in planned.inputs.items():
        if not (store and take_folder(artifact.parent.name, artifact.name, workspace, store)):
            see(label, artifact, workers.name if workers.count > 1 else "the only worker")
    if not workers.is_chief:
        _take_part([planned], workers, workspace, say)
        return
    say(f"[{planned.label}] workers that train now: {workers.count}")
    if workers.count > 1:
        _join(workers, say)
    _build(planned, workspace, say, 1)
    if store:
        bring_artifact(planned, workspace, store, say)


def _join(workers: Workers, say: Callable[[str], None]) -> None:
    """Becomes one of the workers of a training; TensorFlow asks for it before it computes anything."""
    say(f"{workers.name} waits for the other {workers.count - 1}")
    load_tensorflow()
    from nmt.training.distribution import join

    join(say)


def _meet(digest: str) -> None:
    """Waits until all workers are about to build a training, where there are several."""
    load_tensorflow()
    from nmt.training.distribution import join

    distribution = join()
    with distribution.explained():
        expected = distribution.bytes_from_chief(digest.encode()).decode()
    if digest != expected:
        raise UsageError(
            f"{distribution.workers.name}: its training is not that of the chief",
            received=f"the digest {digest}",
            expected=expected,
            action="Start all workers with the same recipe, options, files and version, in the same workspace",
        )


def see(label: str, artifact: Path, who: str) -> None:
    """Waits until an artifact that another process has built is visible here: shared file systems may take a moment.

    Raises:
        DataError: it does not become visible.
    """
    until = time.monotonic() + _VISIBLE_SECONDS
    while not artifact.is_dir():
        if time.monotonic() > until:
            raise DataError(
                f"{who}: the artifact of {label} is not there, although another machine has built it",
                received=str(artifact),
                expected="one workspace for all workers, on a file system that they share",
                action="Set NMT_WORK or --work on every machine to a shared folder, or NMT_STORE to a shared store",
            )
        time.sleep(0.5)


_TRAIN = "train"
_RECORD = "record"  # it is never in a store: it also writes into this workspace's leaderboard
_VISIBLE_SECONDS = 60.0


def _remember(
    workspace: Workspace, recipe: Recipe, recipe_path: Path, done: dict[str, str], building: PlannedStage | None
) -> None:
    """Writes down how far the run is, for ``nmt status`` and for the reasons of the next plan."""
    facts = {"recipe": str(recipe_path), "time": _now(), "stages": done, "building": None}
    if building:
        facts["building"] = {"label": building.label, "stage": building.stage.name, "digest": building.digest}
    workspace.write_run(recipe.name, facts)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _publish(record: Path, folder: Path) -> None:
    """Gives the results of a finished run a place whose name does not change: ``runs/<recipe>/``."""
    if all(_same(folder / name, record / name) for name in ("report.html", "bundle/bundle.json")):
        return
    temporary = folder / ".bundle"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(record / "bundle", temporary)
    shutil.copy(record / "report.html", folder / "report.html")
    replace_folder(temporary, folder / "bundle")


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and one.read_bytes() == other.read_bytes()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def interrupted(command: str) -> InterruptedRun:
    """Returns the error of a run that a signal stopped; it names the command that continues it."""
    return InterruptedRun(
        "the run was interrupted; finished stages and checkpoints are kept", action=f"Continue:\n  {command}"
    )
