"""The verbs that put a trained model to work: translate, score-pairs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from nmt.cli.options import bundle_argument, engine_option, ensemble_options, format_option, no_dash, source_argument
from nmt.cli.search_options import long_option, request_options, search_options


@click.command()
@bundle_argument
@source_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="Write here instead of standard output."
)
@click.option("--resume", is_flag=True, help="Go on with what an interrupted translation to --output has left.")
@engine_option
@search_options
@long_option
@request_options
@click.option(
    "--replace-unknown/--keep-unknown",
    "replace_unknown",
    default=None,
    help="Write unknown words, each as the source word that attention points at.",
)
@click.option(
    "--dictionary",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --replace-unknown: what is written for some source words; word, tab, translation on each line.",
)
@format_option("text", "jsonl")
@click.option(
    "--n-best", type=click.IntRange(min=1), metavar="N", help="Up to N translations: LINE ||| TEXT ||| SCORE."
)
@click.option("--scores", is_flag=True, help="Behind the text: its score.")
@click.option("--word-scores", is_flag=True, help="Behind that: the log-probability of each word, and of the end.")
@click.option(
    "--alignment",
    type=click.Choice(["none", "hard", "soft"]),
    default="none",
    show_default=True,
    help="Behind that: links of source and target words, 0-0 1-2, or the weights of all.",
)
@click.option("--flags", is_flag=True, help="Behind that: what makes the translation suspect.")
@ensemble_options
def translate(
    bundle: Path,
    source: Path | None,
    output: Path | None,
    resume: bool,
    engine: Any,
    ensemble: tuple[Path, ...],
    weight: tuple[float, ...],
    combination: Any,
    settings: tuple[str, ...],
    prefix: Path | None,
    require: Path | None,
    forbid: Path | None,
    glossary: Path | None,
    form: str,
    n_best: int | None,
    scores: bool,
    word_scores: bool,
    alignment: Any,
    flags: bool,
    dictionary: Path | None,
    **options: Any,
) -> None:
    """Translate or summarize the lines of SOURCE, or of standard input, with the model in BUNDLE.

    N lines in, N lines out; a blank line stays blank. For a model of vectors SOURCE is an .npz file: N arrays, N lines.
    Only --n-best, as text, writes more: up to N lines for each. Fields behind the text stand between " ||| "; --format
    jsonl has all of them in one object per line. Words stand between white space, in the source after normalisation.
    Standard input is answered as it arrives. A file is translated in flat memory, however large it is; when that is
    interrupted, the same command with --resume goes on, and the file becomes what it would have become. Where SOURCE is
    a folder, each file in it is translated to one of the same name in the folder --output.
    """
    from nmt.bundle import load_bundle
    from nmt.decoding.output import OutputFormat
    from nmt.decoding.requests import Requests
    from nmt.decoding.shards import translate_in_shards
    from nmt.decoding.stream import translate_command
    from nmt.decoding_config import overridden
    from nmt.progress import Progress
    from nmt.terminal import StatusLine, load_tensorflow

    opened, *others = map(load_bundle, (bundle, *ensemble))
    overrides = overridden(opened.recipe.decoding, options, settings)
    asked = (prefix, require, forbid, glossary)
    requests = Requests(*asked) if any(asked) else None
    load_tensorflow()
    votes = {"others": others, "weights": weight, "combination": combination, "requests": requests}
    layout = OutputFormat(
        jsonl=form == "jsonl",
        n_best=n_best,
        scores=scores,
        word_scores=word_scores,
        alignment=alignment,
        flags=flags,
        summary=opened.recipe.task == "summarization",
    )
    target = no_dash(output)
    with StatusLine() as line, continuable(target):
        progress = Progress(line.show, line.pause) if target else None
        options = {"layout": layout, "dictionary": dictionary, "resume": resume, "progress": progress}
        if engine != "local" or (source is not None and source.is_dir()):
            report = translate_in_shards(opened, no_dash(source), target, overrides, engine=engine, **options, **votes)
        else:
            report = translate_command(opened, no_dash(source), target, overrides, **options, **votes)
    if report:
        print(report, file=sys.stderr)


@contextmanager
def continuable(target: Path | None) -> Iterator[None]:
    """Turns what interrupts the writing of a file inside of the block into the error that tells how to go on."""
    from nmt.errors import InterruptedRun, NmtError
    from nmt.terminal import command_to_continue

    if target is None:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = command_to_continue()
    going_on = f"Continue:\n  {command if '--resume' in command.split() else f'{command} --resume'}"
    try:
        yield
    except KeyboardInterrupt as error:
        raise InterruptedRun(f"{target}: interrupted; the lines that are done are kept", action=going_on) from error
    except OSError as error:
        raise NmtError(
            f"{target}: {error.strerror or error}; the lines that are done are kept",
            action=f"Check the rights and the space on the disk. {going_on}",
        ) from error


@click.command("score-pairs")
@bundle_argument
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="Write here instead of standard output."
)
@click.option("--length-penalty", type=float, help="Exponent a of length^a that divides scores.")
@click.option("--words", is_flag=True, help="Add the log-probability of each word, and of the end.")
@format_option("tsv", "jsonl")
@ensemble_options
def score_pairs(
    bundle: Path,
    source: Path,
    target: Path,
    output: Path | None,
    words: bool,
    form: str,
    ensemble: tuple[Path, ...],
    weight: tuple[float, ...],
    combination: Any,
    **options: Any,
) -> None:
    """Score the lines of TARGET as translations of the lines of SOURCE, with the model in BUNDLE.

    N pairs in, N lines out: the log-probability of the target, in nats, a tab, and the same normalised by its length;
    --words adds a column. --format jsonl has alignments as well.
    """
    from nmt.bundle import load_bundle
    from nmt.terminal import load_tensorflow

    overrides = {name: value for name, value in options.items() if value is not None}
    opened, *others = map(load_bundle, (bundle, *ensemble))
    load_tensorflow()
    from nmt.decoding.score_pairs import score_pairs_command

    votes = {"others": others, "weights": weight, "combination": combination}
    jsonl = form == "jsonl"
    score_pairs_command(opened, source, target, no_dash(output), overrides, words=words, jsonl=jsonl, **votes)
