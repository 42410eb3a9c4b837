"""Writes the README's tables from the records of runs and the figures of the benchmark.

python benchmarks/readme.py          # after copying work/leaderboards/*.jsonl to benchmarks/results, or results/tasks,
                                     # and work/studies/* to results/studies
nmt compare RUN [RUN...] --format json               # of summaries, to benchmarks/results/summaries/RUN.json
python benchmarks/training_speed.py --json benchmarks/results/training_speed.json
python benchmarks/decoding_speed.py BUNDLE SOURCE REFERENCE --json benchmarks/results/decoding_speed.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from nmt.leaderboard.records import Record, read_records
from nmt.storage import write_bytes

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"


def main() -> None:
    """Rewrites the README in place."""
    text = README.read_text(encoding="utf-8")
    write_bytes(README, with_tables(text).encode("utf-8"))


def with_tables(text: str) -> str:
    """Returns the README with its tables made anew."""
    sections = {"results": results_table(), "tasks": tasks_table()}
    sections |= {"summaries": summaries_table(), "speed": speed_table(), "decoding": decoding_table()}
    sections |= {f"study {path.name}": study_table(path) for path in sorted((RESULTS / "studies").iterdir())}
    for name, table in sections.items():
        section = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text, count = section.subn(lambda match, table=table: f"{match[1]}\n{table}\n{match[2]}", text)
        if count != 1:
            raise ValueError(f"{README}: there must be one section of {name}")
    return text


def results_table() -> str:
    """Returns one row per record and test set, and the signatures."""
    lines = [
        "| recipe | test set | BLEU | chrF | epochs, at most | training, min | parameters |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    signatures: dict[str, str] = {}
    for record in all_records(RESULTS):
        lines += [row(record, test) for test in record.scores]
        signatures |= {score.label: score.signature for scores in record.scores.values() for score in scores}
    notes = [f"- {label}: `{signature}`" for label, signature in signatures.items()]
    return "\n".join(
        [*lines, "", "In brackets: 95% interval, bootstrap (Koehn 2004). Trained on 2 CPU cores.", "", *notes]
    )


def all_records(folder: Path) -> Iterator[Record]:
    """Yields the records of runs on every board in a folder."""
    for board in sorted(folder.glob("*.jsonl")):
        records, problems = read_records(board)
        if problems:
            raise ValueError("\n".join(problems))
        yield from (record for record in records if record.origin == "run")


def tasks_table() -> str:
    """Returns one row per task and test set."""
    lines = ["| recipe | test set | exact match | training, min | parameters |", "|---|---|---:|---:|---:|"]
    for record in all_records(RESULTS / "tasks"):
        for test, scores in record.scores.items():
            exact = next(score for score in scores if score.name == "exact")
            minutes = f"{(record.training_seconds or 0) / 60:.1f}"
            cells = [f"tasks/{record.system}", test, exact.format_value(), minutes, f"{record.parameters:,}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def summaries_table() -> str:
    """Returns one row per test set and system: a trained one, the baselines, and the other trained ones."""
    lines = [
        "| test set | system | ROUGE-1 | ROUGE-2 | ROUGE-L | p | novel 2-grams, % | repeated 3-grams, % |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for path in sorted((RESULTS / "summaries").glob("*.json")):
        for comparison in json.loads(path.read_bytes()):
            rows = {(row["system"], row["score"]["name"]): row for row in comparison["rows"]}
            for system in dict.fromkeys(system for system, _ in rows):
                own = [rows[system, name] for name in ("rouge1", "rouge2", "rougeL")]
                values = [f"{row['score']['value']:.2f}" for row in own]
                test = own[-1]["tests"].get("randomisation")
                measures = comparison["summaries"][system]
                shares = [f"{100 * measures[name]:.1f}" for name in ("novel_bigrams", "repeated_trigrams")]
                p_value = "" if test is None else f"{test['p_value']:.4f}"
                lines.append(f"| {' | '.join([comparison['test'], system, *values, p_value, *shares])} |")
    return "\n".join(lines)


def study_table(folder: Path) -> str:
    """Returns the tables that ``nmt papers`` wrote, without what stands below them."""
    parts = (folder / "table.md").read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(part for part in parts if part.startswith("|"))


def row(record: Record, test: str) -> str:
    """Returns the row of one record on one test set."""
    scores = {score.name: score.format_value() for score in record.scores[test]}
    minutes = "" if record.training_seconds is None else f"{record.training_seconds / 60:.0f}"
    epochs = record.recipe["training"]["max_epochs"]
    cells = [record.system, test, scores.get("bleu", ""), scores.get("chrf", ""), epochs, minutes]
    cells.append(f"{record.parameters:,}")
    return f"| {' | '.join(map(str, cells))} |"


def speed_table() -> str:
    """Returns one row per contestant, model and shape of batches."""
    figures = json.loads((RESULTS / "training_speed.json").read_bytes())
    lines = [
        "| units, vocabulary | pairs x tokens per side | training step | ms | share of the matrix product's rate "
        "| nmt is faster by |",
        "|---|---|---|---:|---:|---:|",
    ]
    timed = (
        (model, shape, name, figure)
        for model, shapes in figures.items()
        for shape, contestants in shapes.items()
        for name, figure in contestants.items()
        if name != "matrix product"
    )
    for model, shape, name, figure in timed:
        units, vocabulary = map(int, model.split("x"))
        lines.append(
            f"| {units}, {vocabulary:,} | {shape} | {name} | {figure['milliseconds']:.0f} "
            f"| {figure['share_of_matrix_product']:.0%} | {figure['nmt_is_faster_by']:.2f} |"
        )
    return "\n".join(lines)


def decoding_table() -> str:
    """Returns one row per step of the ladder, and the times of single sentences."""
    figures = json.loads((RESULTS / "decoding_speed.json").read_bytes())
    lines = [
        "| search | source words/s | BLEU | times PyTorch greedy | times PyTorch beam 5 |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in figures["ladder"].items():
        ratios = " | ".join(f"{row[f'faster than {twin}']:.2f}" for twin in ("PyTorch greedy", "PyTorch beam 5"))
        lines.append(f"| {name} | {row['words_per_second']:,.0f} | {row['bleu']:.2f} | {ratios} |")
    lines += ["", "| one sentence at a time | median ms |", "|---|---:|"]
    lines += [f"| {name} | {row['median_ms']:.1f} |" for name, row in figures["single"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
