"""The verbs of recipes and runs: run, plan, status, recipes, schema."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import engine_option, force_option, format_option, print_json, print_table, set_option, work_option

if TYPE_CHECKING:
    from nmt.config import Recipe
    from nmt.pipeline.forecast import Forecast, NotYet
    from nmt.pipeline.workspace import Workspace


def _of_a_recipe(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb the arguments and options that choose a recipe, its stages and the workspace."""
    stages = click.argument("stages", nargs=-1, metavar="[STAGE]...")
    for decorate in (work_option, force_option, set_option, stages, click.argument("recipe")):
        verb = decorate(verb)
    return verb


@contextmanager
def continuable() -> Iterator[None]:
    """Turns SIGINT, SIGTERM and the loss of a worker inside of the block into the error that tells how to go on."""
    from nmt.errors import LostWorker
    from nmt.pipeline.run import interrupted
    from nmt.terminal import command_to_continue

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:
        raise interrupted(command_to_continue()) from error
    except LostWorker as error:
        facts = {"received": error.received, "expected": error.expected}
        raise LostWorker(error.problem, **facts, action=f"{error.action}:\n  {command_to_continue()}") from error


@click.command()
@_of_a_recipe
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that clean and encode a large corpus; no result depends on it.  [default: $NMT_JOBS, or all CPUs]",
)
@engine_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="With --engine ray: most workers that train.  [default: one for each GPU; without GPUs, for each machine]",
)
def run(
    recipe: str,
    stages: tuple[str, ...],
    overrides: tuple[str, ...],
    force: tuple[str, ...],
    work: Path | None,
    jobs: int | None,
    engine: str,
    workers: int | None,
) -> None:
    """Run RECIPE (a name or a path), or only the given STAGEs and what they read.

    Stages: fetch, synthesize (where the recipe has synthetic pairs), clean, tokenizer, encode, train, translate,
    evaluate, examine, record. A stage whose inputs have not changed since it was last built is skipped. Teachers of
    synthetic pairs are trained first.

    With --engine ray a Ray cluster cleans and encodes large corpora, and its workers train; the other stages run here.
    For training, the workspace is on a file system that all machines see, or NMT_STORE names a store that they share.
    """
    from nmt.errors import UsageError
    from nmt.parallel import usable_processes
    from nmt.pipeline.run import run_recipe
    from nmt.terminal import program
    from nmt.training.workers import Workers

    if workers is not None and engine == "local":
        raise UsageError("--workers is for a cluster", action="Add --engine ray, or leave it out")
    if jobs is not None and engine == "ray":
        raise UsageError("--jobs is for this machine alone", action="Leave it out, or --engine ray")
    with continuable():
        loaded, path, workspace = _prepare(recipe, overrides, work)
        how: dict[str, Any] = {"processes": "ray" if engine == "ray" else usable_processes(jobs)}
        if engine == "ray":
            from nmt.pipeline.cluster import train_on_ray

            how["train"] = partial(train_on_ray, workers=workers)
        plan = run_recipe(loaded, path, workspace, stages, force, **how)
    if not Workers.of_environment().is_chief:
        return
    if not any(planned.reasons for planned in plan):
        print(f"Nothing to do: all stages of {loaded.name} are up to date.", file=sys.stderr)
    if plan[-1].stage.name == "record":
        from nmt.pipeline.summary import print_summary

        print_summary(loaded, plan[-1].artifact, workspace, program())
    else:
        print(plan[-1].artifact)


@click.command()
@_of_a_recipe
@click.option(
    "--forecast/--no-forecast",
    default=True,
    help="Measure what training will need, where it would run: some seconds.  [default: --forecast]",
)
@format_option("table", "json")
def plan(
    recipe: str,
    stages: tuple[str, ...],
    overrides: tuple[str, ...],
    force: tuple[str, ...],
    work: Path | None,
    forecast: bool,
    form: str,
) -> None:
    """Show which stages of RECIPE would run, and why, and what they need. Nothing is built or downloaded.

    "take" stands for what a run would take from NMT_STORE.

    Where training would run, a forecast follows: tokens and steps, memory, disk and time, from the text at hand and a
    few training steps of the model.
    """
    from nmt.pipeline.plan import make_plan
    from nmt.pipeline.store import Store, can_take

    loaded, path, workspace = _prepare(recipe, overrides, work)
    planned = make_plan(loaded, path, workspace, stages, force)
    store = Store.of_environment()
    states = ["take" if can_take(stage, store) else "run" if stage.reasons else "done" for stage in planned]
    trains = any(stage.label == "train" and state == "run" for stage, state in zip(planned, states, strict=True))
    if form == "table":
        rows_shown = [
            (stage.label, state, "; ".join(stage.reasons) or str(stage.artifact))
            for stage, state in zip(planned, states, strict=True)
        ]
        print_table(["stage", "state", "reason, or artifact"], rows_shown)
    expected = None
    if forecast and trains:
        from nmt.pipeline.forecast import make_forecast
        from nmt.pipeline.run import print_progress

        sys.stdout.flush()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the probe ends as well
        expected = make_forecast(planned, loaded, workspace, print_progress)
    if form == "json":
        rows = [stage.to_json() | {"state": state} for stage, state in zip(planned, states, strict=True)]
        facts = {"recipe": loaded.name, "path": str(path), "workspace": str(workspace.root), "stages": rows}
        print_json(facts | {"forecast": expected.to_json() if expected else None})
    elif expected:
        _print_forecast(expected, recipe)


def _print_forecast(expected: Forecast | NotYet, recipe: str) -> None:
    from nmt.pipeline.forecast import NotYet
    from nmt.pipeline.forecast_table import figure_rows, missing_rows, stage_rows
    from nmt.terminal import program

    if isinstance(expected, NotYet):
        if expected.missing:
            print_table(["to download", "size"], missing_rows(expected))
        pairs = "" if expected.text_pairs is None else f" ({expected.text_pairs:,} pairs)"
        text = f"The text{pairs} is not at hand" if expected.stage == "fetch" else "The synthetic pairs are not made"
        print(f"{text}. A plan measures after: {program()} run {recipe} {expected.stage}")
    else:
        print_table(["forecast", "value", "from"], figure_rows(expected))
        print_table(["stage", "disk", "time", "measured with"], stage_rows(expected))


@click.command()
@work_option
@format_option("table", "json")
def status(work: Path | None, form: str) -> None:
    """Show the runs of the workspace: stages done, running and missing."""
    from nmt.pipeline.status import workspace_status
    from nmt.pipeline.workspace import Workspace

    rows = workspace_status(Workspace.at(work))
    if form == "json":
        print_json(rows)
    elif not rows:
        print("No runs yet. Begin with: nmt run demo")
    else:
        shown = [(row["recipe"], row["time"], row["state"], row["bundle"] or "") for row in rows]
        print_table(["recipe", "last run (UTC)", "state", "bundle"], shown)


@click.command()
@format_option("table", "json")
def recipes(form: str) -> None:
    """List the recipes that come with the project."""
    from nmt.config import load_recipe, shipped_folder

    folder = shipped_folder("pipelines")
    rows = []
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        rows.append({"recipe": name, "description": load_recipe(path).description.strip(), "path": str(path)})
    if form == "json":
        print_json(rows)
    else:
        print_table(["recipe", "description"], [(row["recipe"], row["description"]) for row in rows])


@click.command()
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from nmt.config import json_schema

    print_json(json_schema())


def _prepare(recipe: str, overrides: tuple[str, ...], work: Path | None) -> tuple[Recipe, Path, Workspace]:
    from nmt.config import find_recipe, load_recipe
    from nmt.pipeline.workspace import Workspace

    path = find_recipe(recipe)
    return load_recipe(path, list(overrides)), path, Workspace.at(work)
