"""Kills a run at random moments until it has ended, and compares it with one that was left alone.

    python benchmarks/kills.py --kills 20

Both runs are of one recipe, each in a workspace of its own. Every life of the disturbed one lasts a random time, so
that kills meet every stage, and most of them training. What must be equal, byte for byte: bundle and translations.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO

# Small enough for many lives, with a checkpoint now and then, validations, and a moving average.
SETTINGS = (
    "training.max_epochs=2",
    "training.checkpoint_every=20",
    "training.validate_every=60",
    "training.average=0.99",
    "training.average_checkpoints=2",
)


def main() -> None:
    """Runs both and compares; exit code 1 where they differ, or where there were too few kills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--set", nargs="*", default=SETTINGS, metavar="KEY=VALUE")
    parser.add_argument("--kills", type=int, default=20, help="fewer are not enough")
    parser.add_argument("--life", type=float, nargs=2, default=(1.0, 20.0), metavar="SECONDS", help="least and most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone, disturbed = Path(folder) / "alone", Path(folder) / "disturbed"
        began = time.monotonic()
        subprocess.run(command(options, alone), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"left alone: {time.monotonic() - began:.0f} s", flush=True)
        met = disturb(command(options, disturbed), options)
        kills = sum(met.values())
        print(f"{kills} kills: " + ", ".join(f"{count} in {stage}" for stage, count in met.items()))
        differing = compare(alone, disturbed)
    print(f"differing: {', '.join(differing)}" if differing else "bundle and translations are equal, byte for byte")
    sys.exit(bool(differing) or kills < options.kills)


def command(options: argparse.Namespace, workspace: Path) -> list[str]:
    """Returns the command line of a run in a workspace."""
    settings = [part for setting in options.set for part in ("--set", setting)]
    return [sys.executable, "-m", "nmt", "run", options.recipe, *settings, "--work", str(workspace)]


def disturb(arguments: list[str], options: argparse.Namespace) -> Counter[str]:
    """Starts a run and kills it, again and again until it ends by itself; returns how often in which stage."""
    chance = random.Random(options.seed)
    met: Counter[str] = Counter()
    while True:
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=log)
            try:
                status = process.wait(timeout=chance.uniform(*options.life))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                met[stage_of(log)] += 1
                continue
            if status:
                log.seek(0)
                sys.exit(log.read().decode())
            return met


def stage_of(log: IO[bytes]) -> str:
    """Returns the stage that a run was in, by the last line that names one."""
    log.seek(0)
    lines = [line for line in log.read().decode().split("\n") if line.startswith("[")]
    return lines[-1][1:].partition("]")[0] if lines else "the start"


def compare(alone: Path, disturbed: Path) -> list[str]:
    """Returns the files of bundle and translations that differ."""
    differing = []
    for pattern in ("artifacts/train/*/bundle/*", "artifacts/translate/*/*.txt"):
        files = {path.relative_to(alone) for path in alone.glob(pattern)}
        files |= {path.relative_to(disturbed) for path in disturbed.glob(pattern)}
        if not files:
            differing.append(f"{pattern} (there are none)")
        for path in sorted(files):
            ours, theirs = (root / path for root in (alone, disturbed))
            if not (ours.is_file() and theirs.is_file() and ours.read_bytes() == theirs.read_bytes()):
                differing.append(os.fspath(path))
    return differing


if __name__ == "__main__":
    main()
