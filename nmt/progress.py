"""How far something is that takes long."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """Tells how far the work on some text is: lines, rate, time left.

    Args:
        show: takes the text.
        pause: seconds from one text to the next.

    Attributes:
        total: number of lines; None where it is not known.
    """

    def __init__(self, show: Callable[[str], None], pause: float = 10.0) -> None:
        self.total: int | None = None
        self._show = show
        self._pause = pause
        self._began = self._shown = time.monotonic()
        self._first = self._done = 0.0

    def resume(self, done: int) -> None:
        """So many lines were done before."""
        self._first = self._done = done
        self._show(f"going on at line {done + 1:,}")

    def skip(self, lines: int) -> None:
        """So many lines more were done before."""
        self._first += lines
        self._done += lines

    def add(self, lines: float) -> None:
        """So many lines more are done."""
        self._done += lines
        now = time.monotonic()
        if now - self._shown < self._pause:
            return
        self._shown = now
        rate = (self._done - self._first) / (now - self._began)
        if self.total is None:
            self._show(f"{self._done:,.0f} lines, {rate:,.0f} lines/s")
        else:
            left = (self.total - self._done) / rate / 60
            self._show(f"{self._done:,.0f} of {self.total:,} lines, {rate:,.0f} lines/s, {left:.1f} min left")
