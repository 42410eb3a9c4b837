"""The ``nmt`` command: parse, call, print. Heavy imports happen inside the verbs."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import click

import nmt
from nmt.cli import (
    bench,
    corpora,
    doctor,
    export,
    leaderboard,
    models,
    robustness,
    runs,
    scores,
    studies,
    summarize,
    translate,
    tune,
)
from nmt.errors import NmtError

_EXIT_CODES = """
Exit codes: 0 success; 1 failure; 2 the command line or the recipe; 3 the data, a download or a bundle;
4 interrupted, can be continued.

Environment: NMT_WORK the workspace (default: ./work); NMT_MIRROR a folder or URL that is searched for corpora first;
NMT_STORE a URL where finished artifacts are shared; NMT_CACHE copies of bundles that are named by URL; NMT_OFFLINE=1
forbids downloads; NMT_CARDS folders of your own corpus cards.
"""


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(nmt.__version__, prog_name="nmt")
def cli() -> None:
    """Neural machine translation and text summarization, from a parallel corpus to a leaderboard."""


for _verb in (
    runs.run,
    runs.plan,
    studies.papers,
    studies.ablate,
    runs.status,
    runs.recipes,
    runs.schema,
    corpora.corpora,
    doctor.doctor,
    bench.bench,
    robustness.robustness,
    translate.translate,
    summarize.summarize,
    translate.score_pairs,
    tune.tune,
    export.export,
    models.embed,
    models.visualize,
    scores.score,
    scores.compare,
    leaderboard.leaderboard,
):
    cli.add_command(_verb)


def main() -> None:
    """Runs the command, and turns every expected error into one message and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character shows its number
    try:
        cli.main(prog_name="nmt", standalone_mode=False)
    except NmtError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.Abort:
        _fail("interrupted", 4)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 4)
    except BrokenPipeError:
        # The reader of our output has gone; that is its right. Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}. Check the path, the rights and the space on the disk.", 1)


def _fail(message: str, code: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
