"""Peak memory of training on long documents and of summarizing them, with a pointer-generator with coverage.

    python benchmarks/long_documents.py [--lengths 500 1000 2000 4000]

The model is that of summaries/cnn_dailymail, the documents are drawn at random. Of each length, a process of its own
takes training steps, with coverage on, and searches with the recipe's beam; each does so with one document at a time,
and with batches of as many source tokens as the recipe has. What a process holds before it knows of any document is
shown as well: the rest is what the documents need.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RECIPE = Path(__file__).resolve().parents[1] / "pipelines" / "summaries" / "cnn_dailymail.yaml"
TASKS = ("training", "training, a batch", "search", "search, a batch")
SUMMARY_TOKENS = 100
STEPS = 3
LIMIT_MIB = 4096  # of the issue: a document of 2,000 tokens within 4 GiB
FIRST_TOKEN = 4  # behind the special ones


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", nargs="+", type=int, default=[500, 1000, 2000, 4000], help="source tokens")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(options.task, options.lengths[0])))
        return
    rows = []
    print("| task | source tokens | documents | peak MiB | above the start, KiB per token | seconds |")
    print("|---|---:|---:|---:|---:|---:|")
    for task in TASKS:
        for length in options.lengths:
            command = [sys.executable, __file__, "--task", task, "--lengths", str(length)]
            finished = subprocess.run(command, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, stdout=subprocess.PIPE)
            if finished.returncode:
                raise SystemExit(f"{task}, {length} tokens: the process ended with {finished.returncode}")
            row = {"task": task, "tokens": length} | json.loads(finished.stdout)
            rows.append(row)
            print(
                f"| {task} | {length:,} | {row['documents']} | {row['peak_mib']:,.0f} | {row['kib_per_token']:.1f} |"
                f" {row['seconds']:.2f} |",
                flush=True,
            )
    worst = max(row["peak_mib"] for row in rows if row["tokens"] <= 2000)
    print(f"\nMost for documents of at most 2,000 tokens: {worst:,.0f} MiB; the bar is {LIMIT_MIB:,} MiB.")


def measure(task: str, length: int) -> dict[str, Any]:
    """Returns the peak of this process in MiB, what of it is above the start, and the seconds of a step or a search."""
    import numpy as np
    import tensorflow as tf

    from nmt.config import load_recipe
    from nmt.dataset import Batch
    from nmt.decoding.decoder import BatchDecoder
    from nmt.models.seq2seq import Seq2Seq
    from nmt.tokenizer import BOS, EOS
    from nmt.training.step import TrainStep

    recipe = load_recipe(RECIPE)
    vocab_size = recipe.tokenizer.vocab_size
    model = Seq2Seq(recipe.model, vocab_size, vocab_size)
    if task.startswith("training"):
        tokens = 2 * recipe.dataset.tokens_per_batch
    else:
        tokens = recipe.decoding.tokens_per_batch // recipe.decoding.beam_size
    documents = max(1, tokens // length) if task.endswith("batch") else 1
    generator = np.random.default_rng(1)

    def drawn(steps: int) -> Any:
        return generator.integers(FIRST_TOKEN, vocab_size, size=(documents, steps), dtype=np.int32)

    source, target = drawn(length), drawn(SUMMARY_TOKENS)
    source[:, -1] = target[:, -1] = EOS
    if task.startswith("training"):
        step = TrainStep(recipe, model)
        fed = np.concatenate([np.full_like(target[:, :1], BOS), target[:, :-1]], axis=1)
        batch = Batch(*map(tf.constant, (source, fed, target)))
        late = (recipe.training.coverage_after or 0) + 1

        def run() -> None:
            step.take([batch], late, 1e-3)
    else:
        # Ends are impossible: every summary is as long as one may be.
        model.output_bias.assign(tf.one_hot(EOS, vocab_size) * -30.0)
        limits = {"max_output_tokens": SUMMARY_TOKENS, "min_output_tokens": None}
        decoder = BatchDecoder(model, recipe.decoding.model_copy(update=limits))

        def run() -> None:
            decoder.decode(list(source))

    start = peak_mib()
    run()
    began = time.monotonic()
    for _ in range(STEPS):
        run()
    seconds = (time.monotonic() - began) / STEPS
    above = (peak_mib() - start) * 1024 / (documents * length)
    return {"documents": documents, "peak_mib": peak_mib(), "kib_per_token": above, "seconds": seconds}


def peak_mib() -> float:
    """Returns the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()
