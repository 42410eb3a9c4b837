"""The verbs that look into a trained model: embed, visualize."""

from __future__ import annotations

import sys
from itertools import islice
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


@visualize.command("attention")
@bundle_argument
@source_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="Where to write."
)
@click.option("--lines", type=click.IntRange(min=1), default=10, show_default=True, help="Most lines that are drawn.")
@click.option(
    "--by", type=click.Choice(["piece", "word"]), default="piece", show_default=True, help="What rows and columns are."
)
@click.option("--beam-size", type=int, help="Hypotheses kept per step; 1 is greedy search.")
def visualize_attention(
    bundle: Path, source: Path | None, output: Path, lines: int, by: Any, beam_size: int | None
) -> None:
    """Draw where the model looks when it translates the first lines of SOURCE, or of standard input.

    Writes attention-1.png for the first line, and so on; blank lines have no picture. The source stands in its own
    order, whichever way the model reads it. Words that a model copied are orange; beside them are p_gen and how much of
    them was copied, and below is the coverage of the source.
    """
    from nmt.bundle import load_bundle
    from nmt.terminal import load_tensorflow
    from nmt.textio import read_input
    from nmt.visualize.attention import attention_map, write_attention

    opened = load_bundle(bundle)
    chosen = list(islice(read_input(no_dash(source)), lines))
    load_tensorflow()
    from nmt.decoding.translate import Translator

    translator = Translator(opened, {} if beam_size is None else {"beam_size": beam_size})
    translator.check_attention("nmt visualize attention")
    found = (attention_map(best, by) for best, *_ in translator.translations(chosen))
    paths, missing = write_attention(output, [(number, each) for number, each in enumerate(found, 1) if each])
    for path in paths:
        print(path)
    if missing:
        print(f"no installed font has these characters: {missing}", file=sys.stderr)
