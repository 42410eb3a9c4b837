"""Every error a user can meet.

::

    NmtError               exit 1
    |-- UsageError         exit 2   the command line
    |   `-- RecipeError    exit 2   the recipe
    |-- DataError          exit 3   the text, the corpora
    |   |-- FetchError     exit 3   a download, a hash
    |   `-- BundleError    exit 3   a trained model on disk
    `-- InterruptedRun     exit 4   stopped by a signal, can be continued
        `-- LostWorker     exit 4   another machine has gone, can be continued

A message has four parts, in this order: where it happened and what is wrong, what was received, what was expected,
and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NmtError(Exception):
    """Base of all errors raised on purpose.

    Args:
        problem: where it happened and what is wrong, as one sentence without its full stop.
        received: what was found there.
        expected: what would have been right.
        action: what the user can do, as an imperative sentence.
    """

    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        received: object = None,
        expected: object = None,
        action: str | None = None,
    ) -> None:
        self.problem = problem
        self.received = received
        self.expected = expected
        self.action = action
        parts = [problem if problem.endswith((".", "?")) else f"{problem}."]
        if received is not None:
            parts.append(f"Received: {received}.")
        if expected is not None:
            parts.append(f"Expected: {expected}.")
        if action is not None:
            # A command that is to be copied ends the message as it is.
            parts.append(action if action.endswith((".", "?")) or "\n" in action else f"{action}.")
        super().__init__(" ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # From another process an error comes with all its parts, and with its message as it was.
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[NmtError], arguments: tuple[object, ...], facts: dict[str, object]) -> NmtError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(facts)
    return error


class UsageError(NmtError):
    """The command line asks for something that does not exist or does not fit."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be read or does not validate."""


class DataError(NmtError):
    """Text that breaks the line contract, a missing or empty corpus."""

    exit_code = 3


class FetchError(DataError):
    """A file that could not be downloaded, or whose size or hash is not the card's."""


class BundleError(DataError):
    """A bundle that is damaged, incomplete or of a newer version."""


class InterruptedRun(NmtError):
    """The run was stopped by a signal after its state was saved."""

    exit_code = 4


class LostWorker(InterruptedRun):
    """Another process of a training on several machines has gone; checkpoints are kept."""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Returns the candidate that a misspelt ``name`` most probably meant, or None."""
    matches = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return matches[0] if matches else None


def suggestion(name: str, candidates: Iterable[str], otherwise: str | None = None) -> str | None:
    """Returns what to do about an unknown ``name``: the nearest candidate, or ``otherwise`` where none is near."""
    close = nearest(name, candidates)
    return f"Did you mean {close}?" if close else otherwise
