"""What people see in a terminal: tables, downloads, a card, commands to copy; and no library's chatter."""

from __future__ import annotations

import importlib
import logging
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nmt.corpora.cards import CorpusCard, HuggingFaceSplit, split_files, split_sides

_VERIFIED = "yes: fetched, checked and read by the authors of this card"
_NOT_VERIFIED = "no: its files were not at hand when this card was written"
_PIPE_WIDTH = 160  # columns of a table that is not shown on a terminal


def load_tensorflow() -> None:
    """Imports TensorFlow without the start-up messages of its C++ side, which none of its settings turns off.

    They say nothing that a user can act on. If the import fails, they are shown after all. The devices are prepared.

    Raises:
        UsageError: ``NMT_DEVICES`` asks for devices that are not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for the messages after the import
    # Every model that a run trains has a search of its own, which TensorFlow takes for one that is traced too often.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if "tensorflow" not in sys.modules and sys.stderr is not None:  # something to hide, and somebody to hide it from
        _import_silently("tensorflow")
    from nmt.training.distribution import configure_devices

    configure_devices()


def _import_silently(name: str) -> None:
    """Imports a module; what it writes to standard error is shown only if the import fails."""
    sys.stderr.flush()
    real = os.dup(_STANDARD_ERROR)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), _STANDARD_ERROR)
        try:
            importlib.import_module(name)
        except BaseException:
            hidden.seek(0)
            os.write(real, hidden.read())
            raise
        finally:
            os.dup2(real, _STANDARD_ERROR)
            os.close(real)


_STANDARD_ERROR = 2  # the descriptor: C++ knows nothing of sys.stderr


def program() -> str:
    """Returns how the user called this program, so that a command that is shown works when it is copied."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m nmt"
    found = shutil.which("nmt")
    if found and called.exists() and Path(found).samefile(called):
        return "nmt"
    return os.path.relpath(called)


def command_to_continue() -> str:
    """Returns the command that goes on with what this program was called for."""
    return f"{program()} {shlex.join(_without_force(sys.argv[1:]))}"


def _without_force(arguments: list[str]) -> list[str]:
    """Returns the arguments without ``--force STAGE``: continuing must not begin the stage again."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip or argument.startswith("--force="):
            skip = False
        elif argument == "--force":
            skip = True
        else:
            kept.append(argument)
    return kept


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a table to standard output: as wide as the terminal, or wide enough to be read by another program."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


def describe_card(card: CorpusCard) -> str:
    """Returns a corpus card as text."""
    lines = [
        f"{card.id}: {card.title}",
        f"languages  {', '.join(card.languages)}",
        f"licence    {card.licence}",
        f"citation   {card.citation or 'none given'}",
        f"homepage   {card.homepage or 'none'}",
        f"verified   {_VERIFIED if card.verified else _NOT_VERIFIED}",
    ]
    if card.notes:
        lines.append(f"notes      {card.notes}")
    lines.append("splits")
    for name, split in card.splits.items():
        count = "unknown number of pairs" if split.lines is None else f"{split.lines:,} pairs"
        files = ", ".join(split_files(split))
        lines.append(f"  {card.id}/{name}: {count}, {split.format}{f': {files}' if files else ''}")
        lines.append(f"    sides: {', '.join(split_sides(split))}")
        if isinstance(split, HuggingFaceSplit):
            place = split.path or f"{split.dataset} on the hub, revision {split.revision or 'not pinned'}"
            lines.append(f"    {place}")
    if card.files:
        lines.append("files")
    for name, file in card.files.items():
        size = "size unknown" if file.size is None else f"{file.size:,} bytes"
        checked = "" if file.verified else ", not verified"
        lines.append(f"  {name}: {size}, sha256 {file.sha256 or 'unknown'}{checked}")
        lines.append(f"    {file.url or file.path or 'in a mirror only (NMT_MIRROR)'}")
    return "\n".join(lines)


class StatusLine:
    """A line of standard error that says how far something is: rewritten on a terminal, otherwise a line each time.

    Attributes:
        pause: seconds to let pass between two texts.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._open = False
        self.pause = 0.2 if self._terminal else 10.0

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            print(file=sys.stderr, flush=True)
            self._open = False

    def show(self, text: str, last: bool = False) -> None:
        """Shows a text; what is shown after the last one begins a new line."""
        self._open = self._terminal and not last
        end = "" if self._open else "\n"
        print(("\r\x1b[2K" if self._terminal else "") + text, end=end, file=sys.stderr, flush=True)


class DownloadDisplay:
    """Shows downloads on standard error."""

    def __init__(self) -> None:
        self._line = StatusLine()
        self._shown = 0.0
        self._began: dict[str, tuple[float, int]] = {}

    def __call__(self, name: str, received: int, total: int | None) -> None:
        """Reports that ``received`` bytes of ``total`` are there."""
        now = time.monotonic()
        began, first = self._began.setdefault(name, (now, received))
        finished = total is not None and received >= total
        if not finished and now - self._shown < self._line.pause:
            return
        self._shown = now
        rate = (received - first) / max(now - began, 1e-3)
        share = f" of {total / 1e6:,.1f} MB ({received / max(total, 1):.0%})" if total is not None else " MB"
        left = f", {(total - received) / rate:,.0f} s left" if total is not None and rate > 0 and not finished else ""
        self._line.show(f"{name}: {received / 1e6:,.1f}{share}, {rate / 1e6:,.1f} MB/s{left}", finished)
