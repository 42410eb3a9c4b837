"""Compares the speed of translation with that of the same network, weights and search written plainly in PyTorch.

    python benchmarks/decoding_speed.py work/runs/multi30k-en-de/bundle SOURCE REFERENCE

SOURCE and REFERENCE are files, or sides of a corpus card such as multi30k/test_2016_flickr:de.

Both read the same lines and write lines; each lives in a process of its own and waits while the other is timed. They
take turns, and ratios are medians over the rounds. The ladder prints every step from the plain search to the fastest
with its BLEU; the last part translates single sentences.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turns import Contestant, answer_in_turn

_PLAIN = {"beam_size": 5, "project_tokens": False}
_SHORT = {"shortlist": 20, "matrices": "bfloat16"}
LADDER: dict[str, tuple[str, dict[str, Any]]] = {
    "PyTorch greedy": ("torch", {"beam_size": 1}),
    "greedy": ("nmt", {"beam_size": 1}),
    "PyTorch beam 5": ("torch", {"beam_size": 5}),
    "beam 5, every product at every step": ("nmt", _PLAIN),
    "beam 5": ("nmt", {"beam_size": 5}),
    "beam 5, matrices of bfloat16": ("nmt", {"beam_size": 5, "matrices": "bfloat16"}),
    "beam 5, shortlist of 20": ("nmt", {"beam_size": 5, "shortlist": 20}),
    "beam 5, both": ("nmt", {"beam_size": 5} | _SHORT),
    "beam 3, both": ("nmt", {"beam_size": 3} | _SHORT),
    "beam 2, both": ("nmt", {"beam_size": 2} | _SHORT),
    "greedy, both": ("nmt", {"beam_size": 1} | _SHORT),
}
"""The rows of the table: who translates, and with which settings of ``decoding``."""

SINGLE: dict[str, tuple[str, dict[str, Any]]] = {
    "PyTorch beam 5": ("torch", {"beam_size": 5}),
    "beam 5": ("nmt", {"beam_size": 5}),
    "beam 5, compiled": ("nmt", {"beam_size": 5, "compile": True}),
}
"""Who translates single sentences."""


def main() -> None:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("source")
    parser.add_argument("reference")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", nargs="+", choices=LADDER, default=list(LADDER), help="only these")
    parser.add_argument("--sentences", type=int, default=50, help="that are translated one by one; 0: none")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--contestant", choices=("nmt", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        maker = nmt_translator if options.contestant == "nmt" else torch_translator
        return serve(maker(options), options)
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return None


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Starts both contestants, lets them take turns, prints and returns the figures."""
    weights = folder / "weights.npz"
    workers = {
        name: Contestant([__file__, *sys.argv[1:], "--contestant", name, "--weights", str(weights)])
        for name in ("nmt", "torch")
    }
    # The twin waits for the weights, which the other one writes.
    for name, worker in workers.items():
        if not worker.ready():
            raise SystemExit(f"{name}: it could not be started")
    seconds: dict[str, list[float]] = {name: [] for name in options.rows}
    alone: dict[str, list[list[float]]] = {name: [] for name in SINGLE}
    outputs: dict[str, list[str]] = {}
    for number in range(options.rounds + 1):  # the first is a warm-up
        for name in options.rows:
            who, settings = LADDER[name]
            answer = workers[who].ask({"settings": settings, "alone": False})
            if number:
                seconds[name].append(answer["seconds"])
            outputs[name] = answer["lines"]
        for name in alone if options.sentences else ():
            who, settings = SINGLE[name]
            answer = workers[who].ask({"settings": settings, "alone": True})
            if number:
                alone[name].append(answer["seconds"])
        print(f"round {number} of {options.rounds}", file=sys.stderr, flush=True)
    for worker in workers.values():
        worker.leave()
    return report(options, seconds, alone, outputs)


def report(
    options: argparse.Namespace,
    seconds: dict[str, list[float]],
    alone: dict[str, list[list[float]]],
    outputs: dict[str, list[str]],
) -> dict[str, Any]:
    """Prints the tables and returns their figures."""
    from nmt.evaluation.scores import score_lines

    references = read_text(options.reference)
    words = sum(len(line.split()) for line in read_text(options.source))
    twins = [name for name in options.rows if LADDER[name][0] == "torch"]
    ladder = {}
    for name in options.rows:
        (score,) = score_lines(outputs[name], [references], ["bleu"])
        ladder[name] = {"words_per_second": words / statistics.median(seconds[name]), "bleu": score.value} | {
            f"faster than {twin}": statistics.median(b / a for a, b in zip(seconds[name], seconds[twin], strict=True))
            for twin in twins
        }
    print(
        f"\n| {len(references):,} sentences | source words/s | BLEU |", *(f" times {twin} |" for twin in twins), sep=""
    )
    print("|---|---:|---:|" + "---:|" * len(twins))
    for name, row in ladder.items():
        ratios = " | ".join(f"{row[f'faster than {twin}']:.2f}" for twin in twins)
        print(f"| {name} | {row['words_per_second']:,.0f} | {row['bleu']:.2f} | {ratios} |")
    for name in ("greedy", "beam 5"):
        if {name, f"PyTorch {name}"} <= set(options.rows):
            pairs = zip(outputs[name], outputs[f"PyTorch {name}"], strict=True)
            same = sum(ours == theirs for ours, theirs in pairs)
            print(f"{name}: {same:,} of {len(references):,} lines are those of PyTorch")
    single = {}
    if options.sentences:
        print(f"\n| one sentence of {options.sentences} | median ms | slowest ms |\n|---|---:|---:|")
        for name, rounds in alone.items():
            times = [statistics.median(sentence) for sentence in zip(*rounds, strict=True)]
            single[name] = {"median_ms": statistics.median(times) * 1e3, "slowest_ms": max(times) * 1e3}
            print(f"| {name} | {single[name]['median_ms']:.1f} | {single[name]['slowest_ms']:.1f} |")
    return {"ladder": ladder, "single": single}


def read_text(name: str) -> list[str]:
    """Returns the lines of a file, or of a side of a corpus card."""
    from nmt.pipeline.named_texts import read_source
    from nmt.pipeline.workspace import Workspace

    return list(read_source(name, Workspace.at(None).corpora).lines)


Translate = Callable[[list[str], dict[str, Any]], list[str]]


def serve(translate: Translate, options: argparse.Namespace) -> None:
    """The process of one contestant."""
    lines = read_text(options.source)

    def answer(question: Any) -> Any:
        if not question["alone"]:
            began = time.perf_counter()
            outputs = translate(lines, question["settings"])
            return {"seconds": time.perf_counter() - began, "lines": outputs}
        times = []
        for line in lines[:: max(1, len(lines) // options.sentences)][: options.sentences]:
            began = time.perf_counter()
            translate([line], question["settings"])
            times.append(time.perf_counter() - began)
        return {"seconds": times}

    answer_in_turn(answer)


def nmt_translator(options: argparse.Namespace) -> Translate:
    """This project."""
    from torch_twin import save_weights

    from nmt.bundle import load_bundle
    from nmt.decoding.translate import Translator

    bundle = load_bundle(options.bundle)
    loaded: dict[str, Translator] = {}

    def translate(lines: list[str], settings: dict[str, Any]) -> list[str]:
        key = json.dumps(settings)
        if key not in loaded:
            loaded[key] = Translator(bundle, settings)
        return list(loaded[key].translate(lines))

    save_weights(bundle.model(), options.weights)
    return translate


def torch_translator(options: argparse.Namespace) -> Translate:
    """The twin. Text becomes ids and back as it does in this project."""
    import torch
    from torch_twin import Twin

    from nmt.bundle import load_bundle
    from nmt.decoding.batches import encode_filled

    bundle = load_bundle(options.bundle)
    while not options.weights.is_file():
        time.sleep(0.5)
    twin = Twin(options.weights).eval()
    decoding = bundle.recipe.decoding

    def translate(lines: list[str], settings: dict[str, Any]) -> list[str]:
        filled, sources = encode_filled([bundle.normalize(line) for line in lines], bundle.tokenizers.source)
        limits = [
            min(int(len(source) * decoding.max_length_ratio) + decoding.max_length_extra, decoding.max_output_tokens)
            for source in sources
        ]
        beam = settings["beam_size"]
        with torch.inference_mode():
            found = twin.decode(sources, beam, decoding.length_penalty, limits, decoding.tokens_per_batch)
        texts = dict(zip(filled, bundle.tokenizers.target.decode(found), strict=True))
        return [texts.get(index, "") for index in range(len(lines))]

    return translate


if __name__ == "__main__":
    main()
