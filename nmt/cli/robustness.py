"""The verb robustness: what a model loses on careless text."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.options import format_option, print_json, print_table, work_option


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE REFERENCE]")
@click.option("--test", help="A test set of RUN by its name  [default: the first].")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    help="upper, lower, title, no_final_punctuation, typos, noise; can be repeated  [default: all].",
)
@click.option("-m", "--metric", "metrics", multiple=True, help="Can be repeated  [default: those of the recipe].")
@click.option("--lowercase", is_flag=True, help="Compare without case.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of typos and noise.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Keep variants and translations in this folder.")
@work_option
@format_option("table", "json")
def robustness(
    run: str,
    files: tuple[Path, ...],
    test: str | None,
    variants: tuple[str, ...],
    metrics: tuple[str, ...],
    lowercase: bool,
    seed: int,
    output: Path | None,
    work: Path | None,
    form: str,
) -> None:
    """Translate variants of a test set with RUN, and show what it loses.

    RUN is a run of the workspace by its name, or a bundle by its folder; a bundle needs SOURCE and REFERENCE. Each
    variant is compared with the text as it is, line by line: p is the chance of such a difference between equals
    (approximate randomisation).
    """
    from dataclasses import replace

    from nmt.errors import UsageError
    from nmt.evaluation.metrics import MetricOptions
    from nmt.pipeline.robustness import find_trial, measure_robustness, table
    from nmt.pipeline.workspace import Workspace

    if len(files) not in (0, 2):
        raise UsageError("robustness: a text has two files", received=f"{len(files)}", expected="SOURCE REFERENCE")
    trial = find_trial(run, Workspace.at(work), test, files)
    evaluation = trial.bundle.recipe.evaluation
    options = MetricOptions.of(evaluation)
    chosen = metrics or [metric for metric in evaluation.metrics if metric != "perplexity"]
    options = replace(options, lowercase=lowercase or options.lowercase)
    results = measure_robustness(trial, variants, chosen or ["chrf"], options, seed, output)
    if form == "json":
        rows = [result.to_json() for result in results]
        facts = {"recipe": trial.bundle.recipe.name, "test": trial.test, "seed": seed}
        print_json(facts | {"variants": rows})
    else:
        print_table(*table(results))
