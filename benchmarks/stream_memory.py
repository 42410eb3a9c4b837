"""Memory of translating a short and a long file, and a translation that is killed half-way and continued.

    python benchmarks/stream_memory.py

The model is made on the spot and has random weights: what is measured is the stream around it. The long file repeats
the lines of the short one, so that no line of it needs more memory than theirs. Three things are said: the peak memory
of both, their ratio, and whether the continued translation is equal, byte for byte, to the undisturbed one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nmt.bundle import write_bundle
from nmt.config import Recipe, TokenizerConfig
from nmt.terminal import load_tensorflow
from nmt.tokenizer import TokenizerPair

LIMIT = 1.2
WORDS = ["a", "man", "in", "a", "red", "cap", "plays", "guitar", "near", "two", "dogs", "while", "it", "rains"]


def main() -> None:
    """Measures; exit code 1 where memory grows with the file, or the continued translation differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", type=int, default=10_000, metavar="LINES")
    parser.add_argument("--long", type=int, default=1_000_000, metavar="LINES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: what this one has in memory would be counted as that of the processes it starts.
        maker = multiprocessing.get_context("spawn").Process(target=make_bundle, args=(folder / "bundle",))
        maker.start()
        maker.join()
        lines = make_lines(options.short)
        peaks = {}
        for count in (options.short, options.long):
            with (folder / f"{count}.source").open("w") as stream:
                stream.writelines(lines[number % len(lines)] for number in range(count))
            began = time.monotonic()
            peaks[count] = translate(folder, count, f"{count}.target")
            print(f"{count:,} lines: peak {peaks[count]:,.0f} MiB, {time.monotonic() - began:,.0f} s", flush=True)
        ratio = peaks[options.long] / peaks[options.short]
        print(f"ratio {ratio:.3f}, at most {LIMIT}", flush=True)
        done = kill(folder, options.long)
        translate(folder, options.long, "continued.target", "--resume")
        equal = (folder / "continued.target").read_bytes() == (folder / f"{options.long}.target").read_bytes()
        print(f"killed after {done:,} lines and continued: {'equal' if equal else 'different'}")
    sys.exit(ratio > LIMIT or not equal)


def make_bundle(folder: Path) -> None:
    """Writes a small model with random weights, whose translations are short."""
    load_tensorflow()
    import keras

    from nmt.models.seq2seq import Seq2Seq
    from nmt.models.weights import weights_of

    settings = {
        "name": "random",
        "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
        "model": {"embedding": {"size": 16}, "encoder": {"units": 16}, "decoder": {"units": 16}},
        "decoding": {"beam_size": 1, "max_length_ratio": 0.5, "tokens_per_batch": 8192},
    }
    recipe = Recipe.model_validate(settings)
    folder.mkdir()
    text = folder.with_name("text")
    text.write_text(" ".join(WORDS) + "\n")
    config = TokenizerConfig(kind="word", vocab_size=40)
    tokenizers = TokenizerPair.train_pair(text, text, config, seed=1)
    keras.utils.set_random_seed(1)
    network = Seq2Seq(recipe.model, tokenizers.source.vocab_size, tokenizers.target.vocab_size)
    write_bundle(folder, recipe, tokenizers, weights_of(network), {})


def make_lines(count: int) -> list[str]:
    """Returns lines of 1 to 20 words."""
    chance = random.Random(1)
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, 20))) + "\n" for _ in range(count)]


def start(folder: Path, count: int, target: str, *options: str) -> subprocess.Popen[bytes]:
    """Starts the translation of the file with so many lines."""
    files = [str(folder / name) for name in ("bundle", f"{count}.source")]
    command = [sys.executable, "-m", "nmt", "translate", *files, "--output", str(folder / target), *options]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def translate(folder: Path, count: int, target: str, *options: str) -> float:
    """Translates the file with so many lines and returns the peak memory of that, in MiB."""
    process = start(folder, count, target, *options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"nmt translate ended with {process.returncode}")
    return usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)  # elsewhere it counts bytes


def kill(folder: Path, count: int) -> int:
    """Kills a translation half-way and returns how many lines were done."""
    journal = folder / ".continued.target.partial" / "journal.json"
    process = start(folder, count, "continued.target")
    done = 0
    while done < count // 2:
        time.sleep(0.05)
        if process.poll() is not None:
            sys.exit("nmt translate ended before it was killed")
        done = json.loads(journal.read_bytes())["facts"]["lines"] if journal.exists() else 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    return done


if __name__ == "__main__":
    main()
