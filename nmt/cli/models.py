"""The verbs of a trained model: translate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmt.cli.options import no_dash


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True), required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="Write here instead of standard output."
)
@click.option("--beam-size", type=int, help="Hypotheses kept per step; 1 is greedy search.")
@click.option("--length-penalty", type=float, help="Exponent a of length^a that divides scores.")
@click.option("--tokens-per-batch", type=int, help="Most source tokens of a batch.")
def translate(bundle: Path, source: Path | None, output: Path | None, **options: Any) -> None:
    """Translate or summarize the lines of SOURCE, or of standard input, with the model in BUNDLE.

    N lines in, N lines out; a blank line stays blank.
    """
    from nmt.bundle import load_bundle
    from nmt.decoding.translate import translate_command
    from nmt.terminal import load_tensorflow

    overrides = {name: value for name, value in options.items() if value is not None}
    opened = load_bundle(bundle)
    load_tensorflow()
    translate_command(opened, no_dash(source), no_dash(output), overrides)
