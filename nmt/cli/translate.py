"""The verbs that put a trained model to work: translate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from nmt.cli.options import bundle_argument, no_dash, source_argument
from nmt.cli.search_options import request_options, search_options


@click.command()
@bundle_argument
@source_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="Write here instead of standard output."
)
@click.option("--resume", is_flag=True, help="Go on with what an interrupted translation to --output has left.")
@search_options
@click.option(
    "--long",
    type=click.Choice(["split", "truncate", "error"]),
    help="Lines longer than in training: split at ends of sentences, cut, or refused.  [default: split for translation,"
    " truncate for summarization]",
)
@request_options
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
    resume: bool,
    ensemble: tuple[Path, ...],
    weight: tuple[float, ...],
    combination: Any,
    settings: tuple[str, ...],
    prefix: Path | None,
    require: Path | None,
    forbid: Path | None,
    glossary: Path | None,
    **options: Any,
) -> None:
    """Translate or summarize the lines of SOURCE, or of standard input, with the model in BUNDLE.

    N lines in, N lines out; a blank line stays blank. For a model of vectors SOURCE is an .npz file: N arrays, N lines.
    Standard input is answered as it arrives. A file is translated in flat memory, however large it is; when that is
    interrupted, the same command with --resume goes on, and the file becomes what it would have become.
    """
    from nmt.bundle import load_bundle
    from nmt.decoding.requests import Requests
    from nmt.decoding.stream import Progress, translate_command
    from nmt.decoding_config import overridden
    from nmt.terminal import StatusLine, load_tensorflow

    opened, *others = map(load_bundle, (bundle, *ensemble))
    overrides = overridden(opened.recipe.decoding, options, settings)
    asked = (prefix, require, forbid, glossary)
    requests = Requests(*asked) if any(asked) else None
    load_tensorflow()
    votes = {"others": others, "weights": weight, "combination": combination, "requests": requests}
    target = no_dash(output)
    with StatusLine() as line, _continuable(target):
        progress = Progress(line.show, line.pause) if target else None
        files = no_dash(source), target
        report = translate_command(opened, *files, overrides, resume=resume, progress=progress, **votes)
    if report:
        print(report, file=sys.stderr)


@contextmanager
def _continuable(target: Path | None) -> Iterator[None]:
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
