"""Times the ranking of systems by the paired bootstrap against sacreBLEU's, which compares them with the first only.

    python benchmarks/significance_speed.py REFERENCE HYPOTHESES... [--metric bleu] [--samples 1000] [--segments 1000]

Both take the processor's time of one process and have the references prepared only once; every p value is compared.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from nmt.evaluation.metrics import open_metric
from nmt.evaluation.significance import pairwise_bootstrap, ranks
from nmt.textio import read_lines

Systems = dict[str, list[str]]


def rank_here(metric: str, reference: list[str], systems: Systems, samples: int) -> tuple[list[float], list[int]]:
    own = open_metric(metric, [reference])
    statistics = [own.statistics(lines) for lines in systems.values()]
    p_values = pairwise_bootstrap(own, statistics, samples)
    values = [own.corpus_score(rows) for rows in statistics]
    return p_values[0, 1:].tolist(), ranks(values, p_values, lower_is_better=metric == "ter")


def compare_by_sacrebleu(metric: str, reference: list[str], systems: Systems, samples: int) -> list[float]:
    kinds: dict[str, Any] = {
        "bleu": lambda: BLEU(references=[reference]),
        "chrf": lambda: CHRF(references=[reference]),
        "chrf++": lambda: CHRF(word_order=2, references=[reference]),
        "ter": lambda: TER(case_sensitive=True, references=[reference]),
    }
    test = PairedTest(list(systems.items()), {metric: kinds[metric]()}, None, "bs", samples, n_jobs=1)
    _, results = test()
    [compared] = [results[name] for name in results if name != "System"]
    return [result.p_value for result in compared[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("hypotheses", type=Path, nargs="+")
    parser.add_argument("--metric", action="append", choices=["bleu", "chrf", "chrf++", "ter"])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--segments", type=int, default=1000)
    arguments = parser.parse_args()
    reference = list(read_lines(arguments.reference))[: arguments.segments]
    systems = {path.name: list(read_lines(path))[: arguments.segments] for path in arguments.hypotheses}
    print(f"{len(systems)} systems, {len(reference)} segments, {arguments.samples} resamples")
    for metric in arguments.metric or ["bleu", "chrf"]:
        began = time.process_time()
        found, _ = rank_here(metric, reference, systems, arguments.samples)
        here = time.process_time() - began
        began = time.process_time()
        expected = compare_by_sacrebleu(metric, reference, systems, arguments.samples)
        other = time.process_time() - began
        off = max(abs(own - its) for own, its in zip(found, expected, strict=True))
        print(
            f"{metric}: nmt {here:.2f} s, sacreBLEU {other:.2f} s, ratio {here / other:.2f}; p values differ by {off:g}"
        )


if __name__ == "__main__":
    main()
