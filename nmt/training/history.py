"""What happened during training: rows of numbers on disk, on TensorBoard, and lines for the person who waits."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf


class History:
    """Appends rows to a JSONL file and to TensorBoard.

    Args:
        path: the JSONL file; rows later than ``step`` are dropped, for they will happen again.
        tensorboard: folder of the event files.
        step: the step that training continues from.
    """

    def __init__(self, path: Path, tensorboard: Path, step: int) -> None:
        self._path = path
        kept = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").split("\n"):
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if row["step"] <= step:
                    kept.append(line + "\n")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(kept), encoding="utf-8")
        self._writer = tf.summary.create_file_writer(str(tensorboard))

    def add(self, row: dict[str, Any]) -> None:
        """Records one row; it has a ``step``."""
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        with self._writer.as_default(step=row["step"]):
            for name, value in row.items():
                if isinstance(value, int | float) and name != "step":
                    tf.summary.scalar(name, value)
        self._writer.flush()


class TrainingProgress:
    """Shows steps, rate and time left: one rewritten line on a terminal, otherwise a line now and then.

    Args:
        total: steps of the whole training.
        interval: seconds between plain lines.
        silent: show nothing: another process does.
    """

    def __init__(self, total: int, interval: float = 15.0, silent: bool = False) -> None:
        self._total = total
        self._silent = silent
        self._terminal = sys.stderr.isatty()
        self._interval = 0.5 if self._terminal else interval
        self._began = self._shown = time.monotonic()
        self._steps = self._tokens = 0

    def update(self, step: int, tokens: int, loss: float, learning_rate: float) -> None:
        """Counts one step; ``tokens`` are its target tokens."""
        self._steps += 1
        self._tokens += tokens
        now = time.monotonic()
        if now - self._shown < self._interval:
            return
        elapsed = now - self._began
        left = (self._total - step) * elapsed / self._steps
        text = (
            f"step {step}/{self._total}  loss {loss:.3f}  learning rate {learning_rate:.2e}  "
            f"{self._tokens / elapsed:,.0f} target tokens/s  at most {left / 60:.0f} min left"
        )
        self.say(text, end="\r" if self._terminal else "\n")
        self._shown = now

    def say(self, text: str, end: str = "\n") -> None:
        """Prints a line."""
        if self._silent:
            return
        print(("\x1b[2K" if self._terminal else "") + text, end=end, file=sys.stderr, flush=True)
