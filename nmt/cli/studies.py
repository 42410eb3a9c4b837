"""The verbs of studies: papers, ablate."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import format_option, print_json, print_table, set_option, work_option
from nmt.cli.runs import continuable

if TYPE_CHECKING:
    from nmt.pipeline.studies import Study


def _of_a_study(seeds: int) -> Callable[..., Any]:
    """Gives a verb the options of all studies; ``seeds`` is the default number of seeds."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        number = click.option(
            "--seeds",
            type=click.IntRange(1),
            default=seeds,
            show_default=True,
            help="Every system with seeds 1 to this.",
        )
        for option in (format_option("table", "json", "markdown"), work_option, number):
            verb = option(verb)
        return verb

    return decorate


@click.command()
@click.argument("study")
@_of_a_study(seeds=2)
def papers(study: str, seeds: int, work: Path | None, form: str) -> None:
    """Run the recipes of STUDY (a folder of recipes, or a name among pipelines/papers), and show them as one table.

    Each recipe is compared with the one above it. Writes the table and a picture of the score against the length of the
    source below studies/ in the workspace. What has been run before is not run again.
    """
    from nmt.pipeline.studies import study_of_folder

    _run_and_show(study_of_folder(study), seeds, work, form)


@click.command()
@click.argument("recipe")
@click.option(
    "--over", multiple=True, required=True, metavar="KEY=VALUE,VALUE", help="Settings to compare; can be repeated."
)
@set_option
@_of_a_study(seeds=3)
def ablate(
    recipe: str, over: tuple[str, ...], overrides: tuple[str, ...], seeds: int, work: Path | None, form: str
) -> None:
    """Run RECIPE with all combinations of the settings of --over, and show them as one table.

    Each is compared with the first: mean and standard deviation of the seeds, p values, time and parameters. Writes the
    table and a picture of the score against the length of the source below studies/ in the workspace. What has been run
    before is not run again, so an ablation that was interrupted goes on.
    """
    from nmt.config import find_recipe
    from nmt.pipeline.studies import ablation

    _run_and_show(ablation(find_recipe(recipe), over, overrides), seeds, work, form)


def _run_and_show(study: Study, seeds: int, work: Path | None, form: str) -> None:
    from nmt.pipeline.studies import run_study
    from nmt.pipeline.study_table import differences, explanation, headings, markdown, table, to_json
    from nmt.pipeline.workspace import Workspace

    with continuable():
        rows, folder = run_study(study, seeds, Workspace.at(work))
    if form == "json":
        print_json(to_json(study.name, rows, study.baseline))
    elif form == "markdown":
        print(markdown(rows, study.baseline))
    else:
        print_table(headings(rows), table(rows))
        if more := differences(rows):
            print_table(list(more[0]), more[1:])
        print(explanation(study.baseline))
    print(f"Written to {folder}", file=sys.stderr)
