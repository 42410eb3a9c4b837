"""Memory and speed of preparing a large corpus: cleaning, vocabulary, ids.

    python benchmarks/large_corpus.py --pairs 10000000 --processes 2
    python benchmarks/large_corpus.py --pairs 1000000 --compare

The pairs are generated: two phrases of the demo's grammar each, one pair in 50 a repetition. The stages run as ``nmt
run`` runs them, at a tenth of the pairs and at all of them. Said are the peak memory of all processes together (Linux:
their proportional set size, read five times a second), the time of each stage, bytes on the disk, the pairs per second
and core without the time that SentencePiece needs to encode the same lines, and what encoding takes above that.
``--compare`` measures instead how much faster two processes clean and encode than one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

MEMORY_LIMIT, GROWTH_LIMIT = 2560, 1.2  # MiB, and of the memory at a tenth
RATE_LIMIT, ENCODING_LIMIT, SPEED_LIMIT = 40_000, 1.3, 1.7
BLOCK = 10_000  # pairs
BATCH_LINES = 1_000_000  # that SentencePiece encodes in one call
RECIPE = """\
name: large
corpora:
  source: en
  target: de
  train: [{source: train.en, target: train.de}]
  valid: [{source: valid.en, target: valid.de}]
tokenizer: {kind: unigram, vocab_size: 1000, shared: true}
"""


class Run(NamedTuple):
    """What a process and those that it started needed: seconds, seconds of CPU, MiB."""

    seconds: float
    cpu: float
    memory: float


def main() -> None:
    """Measures; exit code 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the files go, and stay; they are removed otherwise")
    parser.add_argument("--compare", action="store_true", help="two processes against one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        if options.compare:
            kept = compare(folder / str(options.pairs), options.pairs)
        else:
            sizes = [options.pairs // 10, options.pairs]
            memory = [prepare(folder / str(pairs), pairs, options.processes) for pairs in sizes]
            print(f"memory {memory[1] / memory[0]:.2f} times that of a tenth, at most {GROWTH_LIMIT}")
            kept = memory[1] <= min(MEMORY_LIMIT, GROWTH_LIMIT * memory[0])
    sys.exit(not kept)


def generate(folder: Path, pairs: int) -> None:
    """Writes the pairs and a recipe, unless they are there."""
    from nmt.corpora.phrases import generate as generate_phrases

    if (folder / "large.yaml").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    phrases = list(generate_phrases("train", 1, 20_000))
    chance = random.Random(1)
    for split, count in (("train", pairs), ("valid", 2000)):
        with (folder / f"{split}.en").open("w") as source, (folder / f"{split}.de").open("w") as target:
            for begin in range(0, count, BLOCK):
                chosen = chance.choices(phrases, k=2 * BLOCK)
                chosen[: BLOCK // 25] = phrases[: BLOCK // 25]  # the same pairs in every block
                rows = list(zip(chosen[::2], chosen[1::2], strict=True))[: count - begin]
                source.writelines([f"{first[0]} {second[0]}\n" for first, second in rows])
                target.writelines([f"{first[1]} {second[1]}\n" for first, second in rows])
    (folder / "large.yaml").write_text(RECIPE)


def prepare(folder: Path, pairs: int, processes: int) -> float:
    """Prepares a corpus of so many pairs, prints what it needs, and returns the peak memory."""
    generate(folder, pairs)
    print(f"{pairs:,} pairs, {processes} processes", flush=True)
    runs = {"fetch": nmt_run(folder, "fetch", processes)}
    start = nmt_run(folder, "fetch", processes, force=False)  # nothing to do: digests of the files, and imports
    for stage in ("clean", "tokenizer", "encode"):
        runs[stage] = nmt_run(folder, stage, processes)
        seconds, cpu, memory = runs[stage]
        size = sum(path.stat().st_size for path in artifact(folder, stage).rglob("*") if path.is_file()) / pairs
        rates = f"{seconds:.1f} s, {pairs / seconds:,.0f} pairs/s, CPU {cpu - start.cpu:.1f} s"
        print(f"  {stage}: {rates}, {memory:,.0f} MiB, {size:.1f} bytes/pair", flush=True)
    fetch = runs["fetch"]
    print(f"  not counted: fetch {fetch.seconds:.1f} s, {fetch.memory:,.0f} MiB; each start CPU {start.cpu:.1f} s")
    own = encoding_seconds(folder)
    cpu = sum(runs[stage].cpu - start.cpu for stage in ("clean", "tokenizer", "encode"))
    print(
        f"  {pairs / (cpu - own):,.0f} pairs per second and core without that of SentencePiece, at least {RATE_LIMIT:,}"
    )
    ratio = (runs["encode"].cpu - start.cpu) / own
    print(f"  encoding takes {ratio:.2f} times SentencePiece's own {own:.1f} s, at most {ENCODING_LIMIT}")
    peak = max(run.memory for run in runs.values())
    print(f"  peak memory {peak:,.0f} MiB, at most {MEMORY_LIMIT:,}", flush=True)
    return peak


def compare(folder: Path, pairs: int) -> bool:
    """Cleans and encodes with one process and with two, in turn; returns whether two are as fast as they should be."""
    generate(folder, pairs)
    nmt_run(folder, "tokenizer", 2, force=False)
    seconds: dict[int, float] = {}
    for processes in (1, 2, 1, 2):
        taken = []
        for stage in ("clean", "encode"):
            nmt_run(folder, stage, processes)
            timing = next((folder / "work" / "timings").glob(f"{stage}-*.json"))
            taken.append(json.loads(timing.read_bytes())["seconds"])
        print(f"{processes} processes: clean {taken[0]:.1f} s, encode {taken[1]:.1f} s", flush=True)
        seconds[processes] = min(seconds.get(processes, sum(taken)), sum(taken))
    ratio = seconds[1] / seconds[2]
    print(f"two processes are {ratio:.2f} times as fast as one, at least {SPEED_LIMIT}")
    return ratio >= SPEED_LIMIT


def artifact(folder: Path, stage: str) -> Path:
    """Returns what a stage has made."""
    return next((folder / "work" / "artifacts" / stage).iterdir())


def nmt_run(folder: Path, stage: str, processes: int, force: bool = True) -> Run:
    """Runs a recipe up to a stage, which is built anew unless told otherwise."""
    command = [sys.executable, "-m", "nmt", "run", "large.yaml", stage, "--work", "work", "--jobs", str(processes)]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, *(["--force", stage] if force else [])],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read()))  # type: ignore[union-attr]
    reader.start()
    peak = 0.0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        peak = max(peak, memory_of_tree(process.pid))
        time.sleep(0.2)
    reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(b"".join(said).decode())
    return Run(time.monotonic() - began, usage.ru_utime + usage.ru_stime, peak)


def memory_of_tree(root: int) -> float:
    """Returns the memory of a process and all that descend from it, in MiB; what they share is counted once."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(name)] = int(Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    family, total = {root}, 0
    for process in sorted(parents):  # children come after their parents
        if process in family or parents[process] in family:
            family.add(process)
            try:
                lines = Path("/proc", str(process), "smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def encoding_seconds(folder: Path) -> float:
    """Returns the CPU seconds in which SentencePiece alone encodes the clean lines, in few calls, with one thread."""
    import sentencepiece

    model = artifact(folder, "tokenizer") / "shared.model"
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    seconds = 0.0
    for side in ("source", "target"):
        with (artifact(folder, "clean") / f"train.{side}.txt").open("rb") as stream:
            while lines := [line.removesuffix(b"\n") for line in islice(stream, BATCH_LINES)]:
                began = time.process_time()
                processor.encode(lines, out_type=int, num_threads=1)
                seconds += time.process_time() - began
    return seconds


if __name__ == "__main__":
    main()
