"""What the verbs share: options, arguments, and how results are printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nmt.engine import ENGINES
from nmt.remote import is_remote

work_option = click.option(
    "--work", type=click.Path(path_type=Path), help="Workspace folder  [default: $NMT_WORK or ./work]"
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Replace a key of the recipe; can be repeated."
)
force_option = click.option(
    "--force", multiple=True, metavar="STAGE", help="Build a stage again, and all that read it; can be repeated."
)


class BundlePath(click.Path):
    """The folder of a bundle; a URL stands for the folder of a copy of what is there."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Returns the folder."""
        if is_remote(str(value)):
            from nmt.bundle import fetch_bundle

            return fetch_bundle(value)
        return super().convert(value, parameter, context)


bundle_argument = click.argument("bundle", type=BundlePath())
source_argument = click.argument("source", type=click.Path(path_type=Path, allow_dash=True), required=False)


engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="local",
    show_default=True,
    help="Work on this machine, or on a Ray cluster: that of RAY_ADDRESS, or the one of this machine.",
)


def ensemble_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of models that vote: ``ensemble``, ``weight`` and ``combination``."""
    options = (
        click.option(
            "--ensemble",
            type=BundlePath(),
            multiple=True,
            metavar="BUNDLE",
            help="Another model of the same vocabulary that votes on every token; can be repeated.",
        ),
        click.option("--weight", type=float, multiple=True, help="Of BUNDLE and of each --ensemble, in this order."),
        click.option(
            "--combination",
            type=click.Choice(["linear", "log_linear"]),
            default="log_linear",
            show_default=True,
            help="Mean of the probabilities, or of their logarithms.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def format_option(*names: str) -> Callable[..., Any]:
    """Returns the option that chooses between forms of output; the first name is the default."""
    return click.option("--format", "form", type=click.Choice(names), default=names[0], show_default=True)


def no_dash(path: Path | None) -> Path | None:
    """Returns the path, or None where it is left out or ``-``: a standard stream."""
    return None if path is None or str(path) == "-" else path


def print_json(value: Any) -> None:
    """Prints a value as indented JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headings: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Prints a table as ``nmt.terminal`` does, which is imported only now."""
    from nmt import terminal

    terminal.print_table(headings, rows)
