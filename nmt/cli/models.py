"""The verbs that look into a trained model: embed, visualize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmt.cli.options import bundle_argument, no_dash, source_argument

_pooling_option = click.option(
    "--pooling",
    type=click.Choice(["final", "mean"]),
    default="final",
    show_default=True,
    help="The top layer's state after the sentence's end, or the mean of its outputs.",
)


@click.command()
@bundle_argument
@source_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="VECTORS.npy", help="The file to write."
)
@_pooling_option
def embed(bundle: Path, source: Path | None, output: Path, pooling: Any) -> None:
    """Write one vector per line of SOURCE, or of standard input: what the encoder of BUNDLE makes of it.

    The file is a NumPy array, float32, one row per line in their order; that of a blank line is zero.
    """
    from nmt.bundle import load_bundle
    from nmt.terminal import load_tensorflow

    opened = load_bundle(bundle)
    load_tensorflow()
    from nmt.decoding.embed import embed_command

    embed_command(opened, no_dash(source), output, pooling)


@click.group()
def visualize() -> None:
    """Pictures of what a model has learnt."""


@visualize.command("phrases")
@bundle_argument
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="Where to write."
)
@_pooling_option
def visualize_phrases(bundle: Path, source: Path, output: Path, pooling: Any) -> None:
    """Draw the sentence vectors of the lines of SOURCE in the plane, by PCA and by t-SNE.

    Writes phrases.png, and phrases.html to explore in a browser. Blank lines are left out; at most the first 5,000
    others are drawn.
    """
    from nmt.bundle import load_bundle
    from nmt.terminal import load_tensorflow
    from nmt.textio import read_input
    from nmt.visualize.phrases import first_phrases, write_phrases

    opened = load_bundle(bundle)
    phrases = first_phrases(read_input(no_dash(source)), str(source))
    load_tensorflow()
    from nmt.decoding.embed import SentenceEncoder

    vectors = SentenceEncoder(opened, pooling).embed(phrases.lines)
    for path in write_phrases(output, opened.recipe.name, phrases, vectors):
        print(path)
