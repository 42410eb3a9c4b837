"""The verbs of corpora: list, show, fetch, verify."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nmt.cli.options import format_option, print_json, print_table, work_option


@click.group()
def corpora() -> None:
    """The corpus cards: where text comes from, and what it may be used for."""


@corpora.command("list")
@format_option("table", "json")
def corpora_list(form: str) -> None:
    """List the corpus cards."""
    from nmt.corpora.cards import list_cards

    cards = list_cards()
    if form == "json":
        print_json([card.model_dump(mode="json") for card in cards])
    else:
        rows = [
            (c.id, ", ".join(c.languages), "yes" if c.verified else "no", ", ".join(c.splits), c.title) for c in cards
        ]
        print_table(["corpus", "languages", "verified", "splits", "title"], rows)


@corpora.command("show")
@click.argument("corpus")
@format_option("table", "json")
def corpora_show(corpus: str, form: str) -> None:
    """Show the card of CORPUS: splits, files, licence, citation."""
    from nmt.corpora.cards import find_card
    from nmt.terminal import describe_card

    card = find_card(corpus)
    if form == "json":
        print_json(card.model_dump(mode="json"))
    else:
        print(describe_card(card))


@corpora.command("fetch")
@click.argument("corpus")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@work_option
def corpora_fetch(corpus: str, files: tuple[str, ...], work: Path | None) -> None:
    """Download the files of CORPUS, or only the given ones, and verify them."""
    from nmt.corpora.cards import find_card
    from nmt.corpora.fetch import fetch_files
    from nmt.pipeline.workspace import Workspace
    from nmt.terminal import DownloadDisplay

    card = find_card(corpus)
    if not card.files:
        print(f"{card.id} has no files to fetch: a run makes or reads its text when it needs it", file=sys.stderr)
    for path in fetch_files(card, files or list(card.files), Workspace.at(work).corpora, DownloadDisplay()).values():
        print(path)


@corpora.command("verify")
@click.argument("corpus", required=False)
@work_option
def corpora_verify(corpus: str | None, work: Path | None) -> None:
    """Read the downloaded files of CORPUS (default: of every card) and compare them with the card."""
    from nmt.corpora.cards import find_card, list_cards
    from nmt.corpora.fetch import verify
    from nmt.errors import DataError
    from nmt.pipeline.workspace import Workspace

    store = Workspace.at(work).corpora
    rows = [(c.id, *row) for c in ([find_card(corpus)] if corpus else list_cards()) for row in verify(c, store)]
    rows = [row for row in rows if corpus or row[2] != "missing"]
    print_table(["corpus", "file", "state"], rows)
    wrong = [f"{card}/{name}: {state}" for card, name, state in rows if state.startswith("wrong")]
    if wrong:
        raise DataError("; ".join(wrong), action="Remove these files below the workspace and fetch again")
