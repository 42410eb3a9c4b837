"""How long the first translation of a new process takes, beside the import of TensorFlow alone.

    python benchmarks/cold_start.py work/runs/demo/bundle one_line.txt

Runs ``nmt translate BUNDLE`` for one line and ``python -c "import tensorflow"`` in turn, and shows the medians of the
time on the clock and of the time of the processor, and their ratios. The latter counts all threads, and is the one to
trust on a machine that has other work.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 1.5
IMPORT = [sys.executable, "-c", "import tensorflow"]


def main() -> None:
    """Measures; exit code 1 where the ratio of processor times is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("source", type=Path, help="a file of one line")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    translate = [sys.executable, "-m", "nmt", "translate", str(options.bundle), str(options.source)]
    times: dict[str, list[tuple[float, float]]] = {"import tensorflow": [], "nmt translate": []}
    for _ in range(options.runs):
        times["import tensorflow"].append(run(IMPORT))
        times["nmt translate"].append(run(translate))
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in times.items()}
    for name, (clock, processor) in medians.items():
        print(f"{name:20} {clock:6.2f} s on the clock {processor:6.2f} s of the processor")
    ratios = [ours / alone for ours, alone in zip(*reversed(medians.values()), strict=True)]
    print(f"{'ratio':20} {ratios[0]:6.2f}                {ratios[1]:6.2f}    at most {LIMIT}")
    sys.exit(ratios[1] > LIMIT)


def run(command: list[str]) -> tuple[float, float]:
    """Returns the seconds on the clock and of the processor that a command takes."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
