"""The verbs of leaderboards: leaderboard show, leaderboard add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nmt.cli.options import format_option, no_dash, print_json, print_table, work_option

_path = click.Path(path_type=Path)


class _ShowByDefault(click.Group):
    """A group whose verb may be left out: ``nmt leaderboard BOARD`` shows the board."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        if not arguments or arguments[0] not in (*self.commands, *context.help_option_names):
            arguments = ["show", *arguments]
        return super().parse_args(context, arguments)


@click.group(cls=_ShowByDefault)
def leaderboard() -> None:
    """Show the leaderboard BOARD, best system first, or add systems to it.

    ``nmt leaderboard BOARD`` is short for ``nmt leaderboard show BOARD``; without BOARD, it lists the boards.
    """


@leaderboard.command()
@click.argument("board", required=False)
@work_option
@format_option("table", "json", "markdown", "html")
@click.option("-o", "--output", type=_path, help="Write here instead of standard output.")
def show(board: str | None, work: Path | None, form: str, output: Path | None) -> None:
    """Show the leaderboard BOARD, best system first; without BOARD, list the boards."""
    from nmt.leaderboard.records import board_names
    from nmt.leaderboard.table import render
    from nmt.pipeline.workspace import Workspace
    from nmt.storage import write_bytes

    folder = Workspace.at(work).leaderboards
    if board is None:
        names = board_names(folder)
        if form == "json":
            print_json(names)
        else:
            print("\n".join(names) or "No leaderboards yet. A finished run adds its record: nmt run demo")
        return
    text = render(folder, board, form)
    if output := no_dash(output):
        write_bytes(output, (text + "\n").encode("utf-8"))
    else:
        print(text)


@leaderboard.command()
@click.argument("board")
@click.option("--run", metavar="RUN", help="Enter the last run of this name in the workspace.")
@click.option("--system", metavar="NAME", help="Enter a text that was made elsewhere under this name.")
@click.option("--hypothesis", type=_path, metavar="FILE", help="The text of --system.")
@click.option("--hypotheses", type=_path, metavar="FOLDER", help="Enter every file of a folder, each as a system.")
@click.option(
    "--shared-task",
    type=_path,
    metavar="FOLDER",
    help="Enter a whole shared task: its folders sources, references and system-outputs.",
)
@click.option("--source", type=_path, metavar="FILE", help="Source of the test set; else the board's own.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="[NAME=]FILE",
    help="A reference; can be repeated: then each is scored alone, and all together.",
)
@click.option("--test", metavar="NAME", help="Name of the test set  [default: from the file of the source]")
@click.option("--languages", default="", metavar="PAIR", help="Of source and target, for instance en-de.")
@click.option("--summaries", is_flag=True, help="The hypotheses are summaries: baselines of these enter.")
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    help="Can be repeated  [default: the board's; else bleu and chrf, of summaries ROUGE]",
)
@click.option("--tokenize", help="Tokenizer of BLEU  [default: the board's; that of the language, mostly 13a]")
@click.option("--lowercase", is_flag=True, help="Compare without case.")
@click.option("--bootstrap-samples", type=click.IntRange(0), default=1000, show_default=True, help="For the intervals.")
@click.option("--parameters", type=click.IntRange(0), help="Of --system: trained numbers of its network.")
@click.option("--training-minutes", type=click.FloatRange(0), help="Of --system: how long it was trained.")
@click.option("--words-per-second", type=click.FloatRange(0), help="Of --system: how fast it is.")
@click.option(
    "--published", type=_path, metavar="FILE", help="Compare with a table of scores: pair, system, metric, score."
)
@work_option
def add(work: Path | None, published: Path | None, **options: Any) -> None:
    """Add systems to the leaderboard BOARD, with baselines of their test set.

    Everything is read, checked and scored before anything is added.
    """
    from nmt.leaderboard.additions import Additions, enter_files
    from nmt.pipeline.workspace import Workspace

    workspace = Workspace.at(work)
    additions = Additions(**{name: value for name, value in options.items() if name != "run"})
    if run := options["run"]:
        from nmt.pipeline.entry import enter_run, read_run

        additions.check_only_a_run()
        added = enter_run(workspace.leaderboards, *read_run(workspace, run, additions.board))
    else:
        added, compared = enter_files(workspace.leaderboards, additions, published)
        if compared:
            rows = [(r.metric, f"{r.reproduced} of {r.published}", f"{r.difference:.3f}", r.worst) for r in compared]
            print_table(["published metric", "reproduced to 0.005", "largest difference", "of"], rows)
    names = ", ".join(record.system for record in added) or "nothing: the board has all of it already"
    print(f"Added to {additions.board}: {names}")
