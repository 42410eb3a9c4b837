"""Trains with two workers on this machine, kills one, goes on with one alone, then with two, and compares every loss.

    python benchmarks/two_workers.py --recipe demo --steps 50

The losses of two workers on their shares, of one that goes on from their checkpoint, and of two that go on from its,
are compared with those of one that was left alone, without dropout. How long the other worker takes to notice that one
is lost is measured as well.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

TOLERANCE = 1e-5  # relative, of one step's loss


def main() -> None:
    """Trains three times and compares; exit code 1 where a loss differs by more than rounding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--set", nargs="*", default=(), metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600.0, help="most that each training may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        (one,) = train(options, alone, 1)
        ends = [options.steps * share // 5 for share in (5, 6, 7)]  # of each part of the training
        expected = losses_of(alone, ends[-1], [one], options.seconds)
        stop([one])
        chief, other = train(options, together, 2)
        losses_of(together, ends[0], [chief, other], options.seconds)
        other.kill()
        began = time.monotonic()
        code = chief.wait(timeout=120)
        ended = time.monotonic() - began
        stop([chief, other])
        got = known_losses(together)
        for workers, end in zip((1, 2), ends[1:], strict=True):
            processes = train(options, together, workers)
            resumed = losses_of(together, end, processes, options.seconds)
            stop(processes)
    worst = report("two workers", got, expected)
    print(f"a worker was killed after step {max(got)}: the other ended after {ended:.1f} s with exit code {code}")
    worst = max(worst, report("two workers, then one, then two", resumed, expected))
    sys.exit(worst > TOLERANCE or code != 4)


def train(options: argparse.Namespace, workspace: Path, workers: int) -> list[subprocess.Popen[bytes]]:
    """Starts a training of so many workers in a workspace."""
    settings = ["model.dropout=0", "training.history_every=1", "training.checkpoint_every=10", *options.set]
    arguments = [sys.executable, "-m", "nmt", "run", options.recipe, "train", "--work", str(workspace)]
    arguments += [part for setting in settings for part in ("--set", setting)]
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(workers)]
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    processes = []
    for index in range(workers):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "CUDA_VISIBLE_DEVICES": ""}
        processes.append(subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL))
    return processes


def losses_of(
    workspace: Path, steps: int, processes: list[subprocess.Popen[bytes]], seconds: float
) -> dict[int, float]:
    """Waits until a training has taken so many steps; returns their losses."""
    until = time.monotonic() + seconds
    while max(known_losses(workspace), default=0) < steps:
        if time.monotonic() > until or any(process.poll() for process in processes):
            stop(processes)
            sys.exit(f"{workspace.name}: step {steps} was not reached")
        time.sleep(0.1)
    return {step: loss for step, loss in known_losses(workspace).items() if step <= steps}


def known_losses(workspace: Path) -> dict[int, float]:
    """Returns the losses in the history of a workspace's training, by step."""
    lines = [line for path in workspace.glob("*/train*/**/history.jsonl") for line in path.read_text().split("\n")]
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ends processes as a crash would."""
    for process in processes:
        process.kill()
        process.wait()


def report(name: str, got: dict[int, float], expected: dict[int, float]) -> float:
    """Prints and returns the largest relative difference of a step's loss."""
    steps = sorted(got.keys() & expected.keys())
    worst = max(abs(got[step] / expected[step] - 1.0) for step in steps)
    print(f"{name}: the losses of steps {steps[0]} to {steps[-1]} are those of one worker to {worst:.1e}, relative")
    return worst


if __name__ == "__main__":
    main()
