"""Contestants of a benchmark: processes that take turns, so that each is timed while the others wait."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any


class Contestant:
    """A process of its own that answers questions, each a JSON value on a line, when it is asked.

    Args:
        arguments: the program and its options, for this Python.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ready(self) -> bool:
        """Waits until it has warmed up; false where it ended instead, for instance for a missing package."""
        return self._process.stdout.readline().strip() == "ready"

    def ask(self, question: Any = None) -> Any:
        """Lets it take its turn; returns its answer."""
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def leave(self) -> None:
        """Tells it that nothing more is asked, and waits for its end."""
        self._process.stdin.close()
        self._process.wait()


def answer_in_turn(answer: Callable[[Any], Any]) -> None:
    """The other side: says that it is ready, then answers every question until there are no more."""
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
