"""The page of a finished run: one HTML file with all that is known of it, for people who were not there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nmt.charts import CHART_STYLE, Point, curves, heatmap, histogram
from nmt.cleaning.files import settings_text
from nmt.evaluation.findings import Finding
from nmt.evaluation.scores import METRICS, Score
from nmt.evaluation.text_statistics import TextStatistics
from nmt.leaderboard.page import render_page
from nmt.report.samples import Sample
from nmt.report.template import BODY, STYLE
from nmt.storage import write_bytes
from nmt.textio import read_lines

_OFTEN = 60  # loss rows of a history up to which its curve is drawn as it is
_CURVES = {key: METRICS[key] for key in ("bleu", "chrf", "exact")}  # of the validations


@dataclass(frozen=True)
class RunReport:
    """All that the page of a run shows.

    Attributes:
        recipe: the whole recipe as JSON values.
        time: when the run was evaluated, ISO 8601, UTC.
        training: facts: training_seconds, steps, epochs, best_step, best_score, selected_on, parameters, and others.
        history: rows of the training's ``history.jsonl``; see :func:`read_history`.
        cleaning: the report of ``nmt.cleaning.run``: read, kept, steps.
        corpora: per split, what ``nmt.corpora.materialize`` returns.
        statistics: by split and side.
        scores: per test set.
        samples: per test set, by kind: worst, middle, best.
        attention: sentences with ``source``, ``target`` (pieces), ``weights`` [T, S], ``split`` and ``line``.
        findings: of the doctor.
        left_out: what the doctor could not examine, and why.
        environment: versions and machine of the training, by name; empty where that is not known.
        digests: of the run's stages.
        translate_command: how to translate text of one's own.
    """

    recipe: dict[str, Any]
    time: str
    training: dict[str, Any]
    history: Sequence[Mapping[str, Any]]
    cleaning: dict[str, Any]
    corpora: dict[str, Any]
    statistics: dict[str, dict[str, TextStatistics]]
    scores: dict[str, list[Score]]
    samples: dict[str, dict[str, list[Sample]]]
    attention: Sequence[Mapping[str, Any]]
    findings: list[Finding]
    left_out: list[str]
    environment: dict[str, str]
    digests: dict[str, str]
    translate_command: str


def write_report(path: Path, report: RunReport) -> None:
    """Writes the page of a run: one HTML file with everything in it, atomically."""
    files = {
        f"{corpus['id'] or 'own files'}: {name}": digest
        for corpora in report.corpora.values()
        for corpus in corpora
        for name, digest in corpus["files"].items()
    }
    name = report.recipe["name"]
    values = {
        "report": report,
        "name": name,
        "settings_text": settings_text,
        "facts": training_facts(report.training),
        "charts": [chart for chart in (_loss_chart(report.history), _score_chart(report.history)) if chart],
        "validations": [row for row in report.history if "valid_loss" in row],
        "columns": [key for key in _CURVES if any(key in row for row in report.history)],
        "labels": _CURVES,
        "corpora": _in_order(report.corpora),
        "splits": _in_order(report.statistics),
        "lengths": _length_charts(report.statistics),
        "maps": [(sentence, _map(sentence)) for sentence in report.attention],
        "verdicts": {verdict: [f for f in report.findings if f.verdict == verdict] for verdict in _VERDICTS},
        "verdict_words": _VERDICTS,
        "files": files,
        "recipe": json.dumps(report.recipe, indent=2, ensure_ascii=False),
    }
    write_bytes(path, render_page(f"Run of {name}", BODY, values, style=CHART_STYLE + STYLE).encode("utf-8"))


_VERDICTS = {"bad": "bad", "look": "worth a look", "good": "good"}


def training_facts(training: dict[str, Any]) -> dict[str, str]:
    """Returns the facts of a training run that are one value, as text with units."""
    facts = {}
    for name, value in training.items():
        if name == "best_score" and training.get("selected_on") == "loss" and value is not None:
            facts["best validation loss"] = f"{abs(value):,.4g} nats per token"  # the loop selects on its negative
        elif name == "training_seconds" and value is not None:
            facts["training time"] = f"{value / 60:,.1f} minutes"
        elif isinstance(value, str | bool):
            facts[name.replace("_", " ")] = str(value)
        elif isinstance(value, int):
            facts[name.replace("_", " ")] = f"{value:,}"
        elif isinstance(value, float):
            facts[name.replace("_", " ")] = f"{value:,.4g}"
    return facts


def read_history(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a training's history; a line that a killed training run left unfinished is none.

    Training rows have ``step`` and ``loss``; those of validations have ``step``, ``valid_loss`` and scores.

    Raises:
        DataError: it cannot be read.
    """
    rows = []
    for line in read_lines(path):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "step" in row:
            rows.append(row)
    return rows


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """Returns steps and values of one quantity; of very many, means over neighbours, so that a curve can be seen."""
    points = [(float(row["step"]), float(row[name])) for row in rows if row.get(name) is not None]
    size = -(-len(points) // _OFTEN)
    if name != "loss" or size <= 1:
        return points
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _loss_chart(rows: Sequence[Mapping[str, Any]]) -> Markup:
    series = {"training objective": _points(rows, "loss"), "validation loss": _points(rows, "valid_loss")}
    return curves(series, "Loss in nats per token over the steps of training", "training steps", best="lowest")


def _score_chart(rows: Sequence[Mapping[str, Any]]) -> Markup:
    series = {label: _points(rows, name) for name, label in _CURVES.items()}
    return curves(series, "Validation scores over the steps of training", "training steps", best="highest")


def _in_order(splits: dict[str, Any]) -> list[tuple[str, Any]]:
    """Returns what is known of each split, the training set first and the test sets last."""
    first = [name for name in ("train", "valid") if name in splits]
    return [(name, splits[name]) for name in [*first, *(name for name in splits if name not in first)]]


def _length_charts(statistics: Mapping[str, Mapping[str, TextStatistics]]) -> list[tuple[str, Markup]]:
    """Returns a histogram of each side: the training set, the validation set and the first test set."""
    splits = [name for name in statistics if name.startswith("test/")][:1]
    found = []
    for side in ("source", "target"):
        bars = {
            name.removeprefix("test/"): statistics[name][side].lengths
            for name in ("train", "valid", *splits)
            if name in statistics
        }
        found.append(
            (side, histogram(bars, f"Lengths of the {side}s, in tokens", f"{side} tokens, share of the lines"))
        )
    return [(side, chart) for side, chart in found if chart]


def _map(sentence: Mapping[str, Any]) -> Markup:
    title = f"Attention weights, line {sentence['line']}: target pieces downwards, source pieces across"
    return heatmap(sentence["weights"], sentence["target"], sentence["source"], title)
