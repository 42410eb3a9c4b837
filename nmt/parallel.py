"""Work on the pieces of something large, in several processes or in one, with the same result.

Pieces are given out and results are given back in order, and no more of either is held than the processes need, so
memory does not grow with the number of pieces.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import Any, Generic, Literal, Self, TypeVar

from nmt.engine import in_order_on_ray
from nmt.errors import NmtError, UsageError

PROCESSES_VARIABLE = "NMT_JOBS"
FEW_PIECES = 8
"""Fewer pieces than these are not worth the start of other processes."""

_PIECES_PER_PROCESS = 2  # one is worked on, and one waits
_OBJECTS_BETWEEN_COLLECTIONS = 200_000

Processes = int | Literal["ray"]
"""How many processes of this machine work beside this one; ``ray`` stands for those of a cluster."""
Piece = TypeVar("Piece")
Result = TypeVar("Result")


def usable_processes(asked: int | None = None) -> int:
    """Returns how many processes work on text: as many as asked for, as ``$NMT_JOBS`` says, or one for each CPU.

    Only the CPUs count that this process may use. The number changes no result.

    Raises:
        UsageError: the variable is not a number from 1.
    """
    if asked is not None:
        return asked
    if value := os.environ.get(PROCESSES_VARIABLE):
        if not (value.isascii() and value.isdigit() and int(value)):
            raise UsageError(
                f"{PROCESSES_VARIABLE}: not a number of processes", received=value, expected="a number from 1"
            )
        return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers(Generic[Piece, Result]):
    """Does a piece of work again and again, in other processes once there are many pieces; a context manager.

    Args:
        work: takes a piece; for other processes it is pickled once each, pieces and results always.
        processes: that work where there are enough pieces; 1 is this one alone.
    """

    def __init__(self, work: Callable[[Piece], Result], processes: Processes = 1) -> None:
        self._work = work
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def in_order(self, pieces: Iterable[Piece]) -> Iterator[Result]:
        """Yields what comes of each piece, in their order; they are read as they are needed.

        Raises:
            NmtError: a process was killed from outside, and whatever the work raises.
        """
        pieces = iter(pieces)
        first = deque(islice(pieces, FEW_PIECES if self._processes != 1 else 0))
        if self._processes == 1 or len(first) < FEW_PIECES:
            yield from map(self._work, chain(first, pieces))
            return
        if self._processes == "ray":
            yield from in_order_on_ray(self._work, chain(_emptied(first), pieces))
            return
        # Not forked: this process may have threads, of numpy or TensorFlow, which a copy of it would wait for.
        self._pool = pool = self._pool or ProcessPoolExecutor(
            self._processes, get_context("spawn"), _begin, (self._work,)
        )
        results: deque[Future[Result]] = deque()
        try:
            for piece in chain(_emptied(first), pieces):
                with _interruption_held_back():  # in new processes it stays so
                    results.append(pool.submit(_work, piece))
                if len(results) == self._processes * _PIECES_PER_PROCESS:
                    yield results.popleft().result()
            while results:
                yield results.popleft().result()
        except BrokenProcessPool as error:
            raise NmtError(
                "one of the processes that work on the text has ended, most probably because memory ran out",
                received=f"{self._processes} processes",
                action=f"Run again with fewer: --jobs 1, or {PROCESSES_VARIABLE}=1",
            ) from error


@contextmanager
def _interruption_held_back() -> Iterator[None]:
    """Lets SIGINT wait for the end of the block, where the system can do that (Windows cannot)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _emptied(items: deque[Piece]) -> Iterator[Piece]:
    while items:
        yield items.popleft()


_task: Callable[[Any], Any]  # of a process that works for another


def _begin(task: Callable[[Any], Any]) -> None:
    """Makes a new process ready to work for the one that started it."""
    global _task
    _task = task
    # Pieces are lists of many small things, none of which refers to another: looking for cycles would take a tenth of
    # the time.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other one hears of it too, and ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, even if that was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(piece: Any) -> Any:
    return _task(piece)
