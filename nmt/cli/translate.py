"""The verbs that put a trained model to work: translate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmt.cli.options import bundle_argument, no_dash, source_argument


@click.command()
@bundle_argument
@source_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="Write here instead of standard output."
)
@click.option("--beam-size", type=int, help="Hypotheses kept per step; 1 is greedy search.")
@click.option("--length-penalty", type=float, help="Exponent a of length^a that divides scores.")
@click.option("--tokens-per-batch", type=int, help="Most source tokens of a batch.")
@click.option(
    "--ensemble",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="BUNDLE",
    help="Another model of the same vocabulary that votes on every token; can be repeated.",
)
@click.option("--weight", type=float, multiple=True, help="Of BUNDLE and of each --ensemble, in this order.")
@click.option(
    "--combination",
    type=click.Choice(["linear", "log_linear"]),
    default="log_linear",
    show_default=True,
    help="Mean of the probabilities, or of their logarithms.",
)
def translate(
    bundle: Path,
    source: Path | None,
    output: Path | None,
    ensemble: tuple[Path, ...],
    weight: tuple[float, ...],
    combination: Any,
    **options: Any,
) -> None:
    """Translate or summarize the lines of SOURCE, or of standard input, with the model in BUNDLE.

    N lines in, N lines out; a blank line stays blank. For a model of vectors SOURCE is an .npz file: N arrays, N lines.
    """
    from nmt.bundle import load_bundle
    from nmt.decoding.translate import translate_command
    from nmt.terminal import load_tensorflow

    overrides = {name: value for name, value in options.items() if value is not None}
    opened, *others = map(load_bundle, (bundle, *ensemble))
    load_tensorflow()
    votes = {"others": others, "weights": weight, "combination": combination}
    translate_command(opened, no_dash(source), no_dash(output), overrides, **votes)
