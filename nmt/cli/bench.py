"""The verb bench: how fast does a recipe train here."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.options import format_option, print_json, print_table, set_option, work_option


@click.command()
@click.argument("recipe", default="demo")
@set_option
@work_option
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True, help="Training steps to time.")
@format_option("table", "json")
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def bench(recipe: str, overrides: tuple[str, ...], work: Path | None, steps: int, form: str) -> None:
    """Time training steps of RECIPE (by default demo) on this machine, its GPUs included.

    Shows tokens per second, their share of the rate of a plain matrix product on the same device, and how much of the
    time training waits for data. What training reads is built first, where it is not there; nothing is trained that
    stays.
    """
    from nmt.config import find_recipe, load_recipe
    from nmt.pipeline.bench import bench as measure
    from nmt.pipeline.bench import bench_rows
    from nmt.pipeline.workspace import Workspace

    path = find_recipe(recipe)
    found = measure(load_recipe(path, list(overrides)), path, Workspace.at(work), steps)
    if form == "json":
        print_json(found)
    else:
        print_table(["measured", "value"], bench_rows(found))
