"""Signals that wait for the end of a training step.

An exception in the middle of one, raised wherever Python happens to be, can leave TensorFlow's threads with memory that
is no longer there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether the user or the system has asked the program to stop."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, number: int, frame: Any) -> None:
        """Handles a signal: the first one is remembered, the second one interrupts at once."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def deferred_interruption() -> Iterator[Interruption]:
    """Remembers SIGINT and SIGTERM instead of raising, inside of the block; only the main thread can do it."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.signal(number, interruption.request) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
