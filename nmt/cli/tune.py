"""The verb tune: settings of the search by their score on validation pairs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import format_option, print_json, print_table, work_option
from nmt.cli.runs import continuable

if TYPE_CHECKING:
    from nmt.pipeline.tune import Candidate


@click.command()
@click.argument("bundle")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE REFERENCE]")
@click.option(
    "--over",
    multiple=True,
    metavar="KEY=VALUE,VALUE",
    help="Values of a key of decoding; can be repeated  [default: beam_size and length_penalty].",
)
@click.option("-m", "--metric", help="[default: that by which training selected]")
@click.option(
    "--pairs", type=click.IntRange(1), default=1000, show_default=True, help="At most so many, spread evenly."
)
@click.option("--write/--no-write", default=True, help="Write the best settings into the bundle.  [default: --write]")
@work_option
@format_option("table", "json")
def tune(
    bundle: str,
    files: tuple[Path, ...],
    over: tuple[str, ...],
    metric: str | None,
    pairs: int,
    write: bool,
    work: Path | None,
    form: str,
) -> None:
    """Find the settings of the search with the best score on validation pairs, and write them into BUNDLE.

    BUNDLE is a folder, or the name of a run. The pairs are those that its run was validated on, or SOURCE and
    REFERENCE. All combinations of the values of --over are measured; of equal scores the first wins. What was measured
    before is not measured again, so a tuning that was interrupted goes on.
    """
    from nmt.bundle import settle_decoding
    from nmt.errors import UsageError
    from nmt.pipeline.run import print_progress
    from nmt.pipeline.tune import DEFAULT_GRID, best_of, find_bundle, main_metric, read_pairs, validation_pairs
    from nmt.pipeline.tune import tune as measure
    from nmt.pipeline.workspace import Workspace
    from nmt.terminal import load_tensorflow

    if len(files) not in (0, 2):
        raise UsageError("tune: a text has two files", received=len(files), expected="SOURCE REFERENCE")
    with continuable():
        workspace = Workspace.at(work)
        opened, run = find_bundle(bundle, workspace)
        load_tensorflow()
        chosen = (read_pairs(opened, *files) if files else validation_pairs(opened, run)).spread(pairs)
        name = metric or main_metric(opened.recipe)
        candidates = measure(opened, chosen, over or DEFAULT_GRID, name, workspace, print_progress)
    best = best_of(candidates)
    if form == "json":
        print_json([candidate.to_json() | {"best": candidate is best} for candidate in candidates])
    else:
        print_table([*best.varied, best.score.label, "words/s", ""], [_row(each, each is best) for each in candidates])
    if best.current:
        print("The bundle has the best of these settings.", file=sys.stderr)
    elif write:
        settle_decoding(opened, best.decoding, {"tuning": best.to_json() | {"pairs": chosen.digest}})
        print(f"Written to {opened.folder}. A run of the recipe with them: {best.options}", file=sys.stderr)


def _row(candidate: Candidate, is_best: bool) -> tuple[Any, ...]:
    remarks = ["the bundle's"] * candidate.current + ["best"] * is_best
    figures = f"{candidate.score.value:.2f}", f"{candidate.words_per_second:,.0f}"
    values = ("" if value is None else value for value in candidate.varied.values())
    return *values, *figures, ", ".join(remarks)
