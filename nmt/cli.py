"""The ``nmt`` command: parse, call, print. Heavy imports happen inside the verbs."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import nmt
from nmt.errors import NmtError

if TYPE_CHECKING:
    from nmt.config import Recipe
    from nmt.pipeline.workspace import Workspace

_EXIT_CODES = """
Exit codes: 0 success; 1 failure; 2 the command line or the recipe; 3 the data, a download or a bundle;
4 interrupted, can be continued.

Environment: NMT_WORK the workspace (default: ./work); NMT_MIRROR a folder or URL that is searched for corpora first;
NMT_OFFLINE=1 forbids the network; NMT_CARDS folders of your own corpus cards.
"""

_work_option = click.option(
    "--work", type=click.Path(path_type=Path), help="Workspace folder  [default: $NMT_WORK or ./work]"
)
_set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Replace a key of the recipe; can be repeated."
)
_force_option = click.option(
    "--force", multiple=True, metavar="STAGE", help="Build a stage again, and all that read it; can be repeated."
)


def _format_option(*names: str) -> Callable[..., Any]:
    return click.option("--format", "form", type=click.Choice(names), default=names[0], show_default=True)


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(nmt.__version__, prog_name="nmt")
def cli() -> None:
    """Neural machine translation and text summarization, from a parallel corpus to a leaderboard."""


@cli.command()
@click.argument("recipe")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@_set_option
@_force_option
@_work_option
def run(
    recipe: str, stages: tuple[str, ...], overrides: tuple[str, ...], force: tuple[str, ...], work: Path | None
) -> None:
    """Run RECIPE (a name or a path), or only the given STAGEs and what they read.

    Stages: fetch, clean, tokenizer, encode, train, translate, evaluate, record. A stage whose inputs have not changed
    since it was last built is skipped.
    """
    from nmt.pipeline.run import interrupted, run_recipe
    from nmt.terminal import command_to_continue, program

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    loaded, path, workspace = _prepare(recipe, overrides, work)
    try:
        plan = run_recipe(loaded, path, workspace, stages, force)
    except KeyboardInterrupt as error:
        raise interrupted(command_to_continue()) from error
    if not any(planned.reasons for planned in plan):
        print(f"Nothing to do: all stages of {loaded.name} are up to date.", file=sys.stderr)
    if plan[-1].stage.name == "record":
        from nmt.pipeline.summary import print_summary

        print_summary(loaded, plan[-1].artifact, workspace, program())
    else:
        print(plan[-1].artifact)


@cli.command()
@click.argument("recipe")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@_set_option
@_force_option
@_work_option
@_format_option("table", "json")
def plan(
    recipe: str,
    stages: tuple[str, ...],
    overrides: tuple[str, ...],
    force: tuple[str, ...],
    work: Path | None,
    form: str,
) -> None:
    """Show which stages of RECIPE would run, and why. Nothing is built."""
    from nmt.pipeline.plan import make_plan

    loaded, path, workspace = _prepare(recipe, overrides, work)
    planned = make_plan(loaded, path, workspace, stages, force)
    if form == "json":
        rows = [stage.to_json() for stage in planned]
        _print_json({"recipe": loaded.name, "path": str(path), "workspace": str(workspace.root), "stages": rows})
    else:
        rows_shown = [
            (stage.stage.name, "run" if stage.reasons else "done", "; ".join(stage.reasons) or str(stage.artifact))
            for stage in planned
        ]
        _print_table(["stage", "state", "reason, or artifact"], rows_shown)


@cli.command()
@_work_option
@_format_option("table", "json")
def status(work: Path | None, form: str) -> None:
    """Show the runs of the workspace: stages done, running and missing."""
    from nmt.pipeline.status import workspace_status
    from nmt.pipeline.workspace import Workspace

    rows = workspace_status(Workspace.at(work))
    if form == "json":
        _print_json(rows)
    elif not rows:
        print("No runs yet. Begin with: nmt run demo")
    else:
        shown = [(row["recipe"], row["time"], row["state"], row["bundle"] or "") for row in rows]
        _print_table(["recipe", "last run (UTC)", "state", "bundle"], shown)


@cli.command()
@_format_option("table", "json")
def recipes(form: str) -> None:
    """List the recipes that come with the project."""
    from nmt.config import load_recipe, shipped_folder

    folder = shipped_folder("pipelines")
    rows = []
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        rows.append({"recipe": name, "description": load_recipe(path).description.strip(), "path": str(path)})
    if form == "json":
        _print_json(rows)
    else:
        _print_table(["recipe", "description"], [(row["recipe"], row["description"]) for row in rows])


@cli.command()
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from nmt.config import json_schema

    _print_json(json_schema())


@cli.group()
def corpora() -> None:
    """The corpus cards: where text comes from, and what it may be used for."""


@corpora.command("list")
@_format_option("table", "json")
def corpora_list(form: str) -> None:
    """List the corpus cards."""
    from nmt.corpora.cards import list_cards

    cards = list_cards()
    if form == "json":
        _print_json([card.model_dump(mode="json") for card in cards])
    else:
        rows = [
            (c.id, ", ".join(c.languages), "yes" if c.verified else "no", ", ".join(c.splits), c.title) for c in cards
        ]
        _print_table(["corpus", "languages", "verified", "splits", "title"], rows)


@corpora.command("show")
@click.argument("corpus")
@_format_option("table", "json")
def corpora_show(corpus: str, form: str) -> None:
    """Show the card of CORPUS: splits, files, licence, citation."""
    from nmt.corpora.cards import find_card
    from nmt.terminal import describe_card

    card = find_card(corpus)
    if form == "json":
        _print_json(card.model_dump(mode="json"))
    else:
        print(describe_card(card))


@corpora.command("fetch")
@click.argument("corpus")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@_work_option
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
@_work_option
def corpora_verify(corpus: str | None, work: Path | None) -> None:
    """Read the downloaded files of CORPUS (default: of every card) and compare them with the card."""
    from nmt.corpora.cards import find_card, list_cards
    from nmt.corpora.fetch import verify
    from nmt.errors import DataError
    from nmt.pipeline.workspace import Workspace

    store = Workspace.at(work).corpora
    rows = [(c.id, *row) for c in ([find_card(corpus)] if corpus else list_cards()) for row in verify(c, store)]
    rows = [row for row in rows if corpus or row[2] != "missing"]
    _print_table(["corpus", "file", "state"], rows)
    wrong = [f"{card}/{name}: {state}" for card, name, state in rows if state.startswith("wrong")]
    if wrong:
        raise DataError("; ".join(wrong), action="Remove these files below the workspace and fetch again")


@cli.command()
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
    translate_command(opened, _no_dash(source), _no_dash(output), overrides)


@cli.command()
@click.argument("hypotheses", type=click.Path(path_type=Path))
@click.argument("references", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    default=["bleu", "chrf"],
    show_default=True,
    help="bleu, chrf, chrf++, ter, exact; can be repeated.",
)
@click.option(
    "--tokenize",
    default="13a",
    show_default=True,
    help="Tokenizer of BLEU: 13a, intl, char, zh, ja-mecab, ko-mecab, none.",
)
@click.option("--lowercase", is_flag=True, help="Compare without case.")
@click.option(
    "--bootstrap-samples",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="For the 95% interval; 0: none.",
)
@_format_option("table", "json")
def score(
    hypotheses: Path,
    references: tuple[Path, ...],
    metrics: tuple[str, ...],
    tokenize: str,
    lowercase: bool,
    bootstrap_samples: int,
    form: str,
) -> None:
    """Score a file of HYPOTHESES against one or more files of REFERENCES, line by line."""
    from nmt.config import EvaluationConfig
    from nmt.evaluation.scores import score_files
    from nmt.strict_yaml import read_settings

    settings = read_settings(
        EvaluationConfig,
        {
            "metrics": list(metrics),
            "tokenize": tokenize,
            "lowercase": lowercase,
            "bootstrap_samples": bootstrap_samples,
        },
        "nmt score",
    )
    scores = score_files(
        hypotheses,
        list(references),
        settings.metrics,
        tokenize=settings.tokenize,
        lowercase=settings.lowercase,
        bootstrap_samples=settings.bootstrap_samples,
    )
    if form == "json":
        _print_json([score.to_json() for score in scores])
    else:
        from nmt.pipeline.summary import score_rows

        _print_table(["metric", "score", "95% interval", "signature"], score_rows(scores))


@cli.command()
@click.argument("board", required=False)
@_work_option
@_format_option("table", "json", "markdown", "html")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of standard output.")
def leaderboard(board: str | None, work: Path | None, form: str, output: Path | None) -> None:
    """Show the leaderboard BOARD, best system first; without BOARD, list the boards."""
    from nmt.leaderboard.records import board_names
    from nmt.leaderboard.table import render
    from nmt.pipeline.workspace import Workspace
    from nmt.storage import write_bytes

    folder = Workspace.at(work).leaderboards
    if board is None:
        names = board_names(folder)
        if form == "json":
            _print_json(names)
        else:
            print("\n".join(names) or "No leaderboards yet. A finished run adds its record: nmt run demo")
        return
    text = render(folder, board, form)
    if output := _no_dash(output):
        write_bytes(output, (text + "\n").encode("utf-8"))
    else:
        print(text)


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


def _prepare(recipe: str, overrides: tuple[str, ...], work: Path | None) -> tuple[Recipe, Path, Workspace]:
    from nmt.config import find_recipe, load_recipe
    from nmt.pipeline.workspace import Workspace

    path = find_recipe(recipe)
    return load_recipe(path, list(overrides)), path, Workspace.at(work)


def _no_dash(path: Path | None) -> Path | None:
    return None if path is None or str(path) == "-" else path


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _print_table(headings: list[str], rows: list[tuple[Any, ...]]) -> None:
    from nmt.terminal import print_table

    print_table(headings, rows)
