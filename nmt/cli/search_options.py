"""The options of the search, as keys of ``decoding``, and of what is asked of translations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SEARCH = [
    click.option("--beam-size", type=int, help="Hypotheses kept per step; 1 is greedy search."),
    click.option("--length-penalty", type=float, help="Exponent a of what divides scores, length^a by default."),
    click.option("--no-repeat-ngram-size", type=int, metavar="N", help="No N tokens in a row come twice."),
    click.option(
        "--sampling", is_flag=True, default=None, help="Draw from the model instead of searching; so do the next four."
    ),
    click.option("--temperature", type=float, help="Divides the logits: below 1 the probable becomes more so."),
    click.option("--top-k", type=int, help="Draw among so many of the most probable tokens."),
    click.option("--top-p", type=float, help="Draw among the fewest tokens that have this probability together."),
    click.option("--seed", type=int, help="Of what is drawn."),
    click.option("--tokens-per-batch", type=int, help="Most source tokens of a batch."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="decoding.KEY=VALUE",
        help="Replace any key of the section decoding; can be repeated.",
    ),
]
_REQUESTS = [
    click.option("--prefix", type=_FILE, help="How translations begin: one line for each line of SOURCE, or blank."),
    click.option("--require", type=_FILE, help="Phrases that they have: one line for each line, tabs between phrases."),
    click.option("--forbid", type=_FILE, help="Phrases that no translation has, one on each line."),
    click.option(
        "--glossary",
        type=_FILE,
        metavar="FILE.tsv",
        help="Source phrase, tab, target phrase: required wherever the source phrase occurs.",
    ),
]


long_option = click.option(
    "--long",
    type=click.Choice(["split", "truncate", "truncate_sentence", "error"]),
    help="Sources longer than in training: split at ends of sentences, cut behind a word or a sentence, or refused."
    "  [default: as the recipe says; else split for translation, truncate for summarization]",
)


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of the search, and ``--set``."""
    for option in reversed(_SEARCH):
        command = option(command)
    return command


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of what is asked of translations."""
    for option in reversed(_REQUESTS):
        command = option(command)
    return command
