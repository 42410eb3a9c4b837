"""What a finished run leaves to read: the training curve, and one HTML page with everything about the run."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.cleaning.files import settings_text
from nmt.evaluation.scores import Score
from nmt.leaderboard.page import render_page
from nmt.storage import write_bytes
from nmt.textio import read_lines


@dataclass(frozen=True)
class RunReport:
    """All that the page of a run shows.

    Attributes:
        recipe_name: the recipe's name.
        description: its description.
        time: when the run was evaluated, ISO 8601, UTC.
        training: facts: training_seconds, steps, epochs, best_step, best_score, selected_on, parameters, and others.
        cleaning: the report of ``nmt.cleaning.run``: read, kept, steps.
        corpora: per split, what ``nmt.corpora.materialize`` returns.
        scores: per test set.
        samples: per test set, rows of source, reference, hypothesis.
        curve: a PNG picture, put into the page; None or absent: no picture.
        digests: of the run's stages.
        translate_command: how to translate text of one's own.
    """

    recipe_name: str
    description: str
    time: str
    training: dict[str, Any]
    cleaning: dict[str, Any]
    corpora: dict[str, Any]
    scores: dict[str, list[Score]]
    samples: dict[str, list[tuple[str, str, str]]]
    curve: Path | None
    digests: dict[str, str]
    translate_command: str


_BODY = """<h1>{{ report.recipe_name }}</h1>
{% if report.description %}<p>{{ report.description }}</p>{% endif %}
<p class="faint">{{ report.time }}</p>
<h2>Scores</h2>
<div class="wide"><table><thead><tr><th>test set</th><th>metric</th><th class="number">score</th>
{#- #}<th class="number">95% interval</th><th>signature</th></tr></thead><tbody>
{% for test, scores in report.scores.items() %}{% for score in scores %}<tr><td>{{ test }}</td>
{#- #}<td>{{ score.label }}</td><td class="number">{{ "%.2f" | format(score.value) }}</td><td class="number">
{%- if score.low is not none and score.high is not none %}{{ "%.1f to %.1f" | format(score.low, score.high) }}
{%- endif %}</td><td><code>{{ score.signature }}</code></td></tr>
{% endfor %}{% endfor %}</tbody></table></div>
<h2>Translate your own</h2>
<pre>{{ report.translate_command }}</pre>
<h2>Samples</h2>
{% for test, rows in report.samples.items() %}<h3>{{ test }}</h3>
<div class="wide"><table><thead><tr><th>source</th><th>reference</th><th>hypothesis</th></tr></thead><tbody>
{% for row in rows %}<tr>{% for text in row %}<td dir="auto">{{ text }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% else %}<p>No test set.</p>
{% endfor %}
<h2>Training</h2>
<dl>{% for name, value in facts.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl>
{% if curve %}<img src="{{ curve }}" alt="Loss, BLEU and chrF over the steps of training">
{% else %}<p class="faint">No training curve.</p>{% endif %}
<h2>Cleaning</h2>
<p>{{ "{:,}".format(report.cleaning.get("kept", 0)) }} of
{{ "{:,}".format(report.cleaning.get("read", 0)) }} pairs kept.</p>
<div class="wide"><table><thead><tr><th>step</th><th>settings</th><th class="number">seen</th>
{#- #}<th class="number">kept</th><th class="number">dropped</th><th class="number">lines changed</th></tr></thead>
<tbody>
{% for step in report.cleaning.get("steps", []) %}<tr><td>{{ step.name }}</td>
{#- #}<td>{{ settings_text(step.settings) }}</td>
{%- for count in [step.seen, step.kept, step.dropped, step.changed] %}<td class="number">{{ "{:,}".format(count) }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div>
{% for step in report.cleaning.get("steps", []) if step.examples %}
<details><summary>Examples of what {{ step.name }} dropped</summary><div class="wide"><table>
<thead><tr><th class="number">pair</th><th>source</th><th>target</th><th>reason</th></tr></thead><tbody>
{% for example in step.examples %}<tr><td class="number">{{ example.pair }}</td><td dir="auto">{{ example.source }}</td>
{#- #}<td dir="auto">{{ example.target }}</td><td>{{ example.reason }}</td></tr>
{% endfor %}</tbody></table></div></details>
{% endfor %}
<h2>Corpora</h2>
<div class="wide"><table><thead><tr><th>used for</th><th>corpus</th><th class="number">pairs</th><th>licence</th>
{#- #}<th>citation</th></tr></thead><tbody>
{% for use, corpora in report.corpora.items() %}{% for corpus in corpora %}<tr><td>{{ use }}</td>
{#- #}<td>{{ corpus.id or "own files" }}, {{ corpus.split }}</td>
{#- #}<td class="number">{{ "{:,}".format(corpus.pairs) }}</td><td>{{ corpus.licence or "not given" }}</td>
{#- #}<td>{{ corpus.citation or "not given" }}</td></tr>
{% endfor %}{% endfor %}</tbody></table></div>
<details><summary>Files and their sha256</summary><dl>
{% for file, digest in files.items() %}<dt>{{ file }}</dt><dd><code>{{ digest }}</code></dd>
{% endfor %}</dl></details>
<h2>Digests</h2>
<details><summary>Digests of the run</summary><dl>
{% for name, digest in report.digests.items() %}<dt>{{ name }}</dt><dd><code>{{ digest }}</code></dd>
{% endfor %}</dl></details>"""


def write_report(path: Path, report: RunReport) -> None:
    """Writes the page of a run: one HTML file with everything in it, atomically."""
    curve = ""
    if report.curve is not None and report.curve.is_file():
        curve = "data:image/png;base64," + base64.b64encode(report.curve.read_bytes()).decode("ascii")
    files = {
        f"{corpus['id'] or 'own files'}: {name}": digest
        for corpora in report.corpora.values()
        for corpus in corpora
        for name, digest in corpus["files"].items()
    }
    values = {
        "report": report,
        "settings_text": settings_text,
        "facts": _facts(report.training),
        "curve": curve,
        "files": files,
    }
    write_bytes(path, render_page(f"Run of {report.recipe_name}", _BODY, values).encode("utf-8"))


def _facts(training: dict[str, Any]) -> dict[str, str]:
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


def draw_training_curve(history: Path, picture: Path) -> None:
    """Draws the history of a training run as a PNG: losses on the left, scores of the validations on the right.

    The same history gives the same bytes.

    Args:
        history: JSONL; training rows have ``loss``, validation rows ``valid_loss``, ``bleu``,
            ``chrf`` and ``exact``.
        picture: where the PNG is written, atomically.

    Raises:
        DataError: the history cannot be read.
    """
    rows = _read_history(history)
    with png_figure((11, 4.2)) as (figure, content):
        if rows:
            left, right = figure.subplots(1, 2)
            _draw_losses(left, rows)
            _draw_scores(right, rows)
        else:
            figure.text(0.5, 0.5, "The history of this training run has no rows yet.", ha="center", va="center")
    write_bytes(picture, content.getvalue())


def draw_by_length(lengths: Sequence[float], series: Mapping[str, Sequence[float]], label: str, picture: Path) -> None:
    """Draws the scores of systems against the length of the source as a PNG; the same numbers give the same bytes.

    Args:
        lengths: mean source length of each group of lines, in words.
        series: by system, one score per group.
        label: the metric, for people.
        picture: where the PNG is written, atomically.
    """
    markers = "osv^Dxp*"
    with png_figure((8, 4.8)) as (figure, content):
        axes = figure.subplots()
        for index, (system, scores) in enumerate(series.items()):
            axes.plot(lengths, scores, label=system, marker=markers[index % len(markers)])
        axes.set_xlabel("source length, words")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    write_bytes(picture, content.getvalue())


@contextmanager
def png_figure(size: tuple[float, float]) -> Iterator[tuple[Any, io.BytesIO]]:
    """Gives a figure to draw on, and a stream that has it as a PNG after the block; equal drawings give equal bytes.

    Args:
        size: width and height in inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    content = io.BytesIO()
    # The user's own settings of matplotlib must not change the picture.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=size, dpi=120, layout="constrained")
        yield figure, content
        figure.savefig(content, format="png", metadata={"Software": None})


def _read_history(history: Path) -> list[dict[str, Any]]:
    """Returns the rows; a line that a killed training run left unfinished is none."""
    rows = []
    for line in read_lines(history):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "step" in row:
            rows.append(row)
    return rows


def _points(rows: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Returns steps and values of one quantity, where it is a number."""
    points = [(row["step"], row[name]) for row in rows if name in row and math.isfinite(row[name])]
    return [step for step, _ in points], [value for _, value in points]


def _draw_losses(axes: Any, rows: list[dict[str, Any]]) -> None:
    for name, label, style in (("loss", "training objective", "-"), ("valid_loss", "validation", "o-")):
        steps, values = _points(rows, name)
        if steps:
            axes.plot(steps, values, style, label=label, markersize=4, linewidth=1.2)
    steps, values = _points(rows, "valid_loss")
    if steps:
        _mark_best(axes, steps, values, min(values), "{:.3f}")
    _finish(axes, "Loss", "loss (nats per token)")


def _draw_scores(axes: Any, rows: list[dict[str, Any]]) -> None:
    for name, label in (("bleu", "BLEU"), ("chrf", "chrF"), ("exact", "exact match")):
        steps, values = _points(rows, name)
        if steps:
            axes.plot(steps, values, "o-", label=label, markersize=4, linewidth=1.2)
            _mark_best(axes, steps, values, max(values), "{:.1f}")
    _finish(axes, "Validation, greedy search", "score (percent)")


def _mark_best(axes: Any, steps: list[int], values: list[float], best: float, form: str) -> None:
    """Puts a star and the value at the first validation that reached the best value."""
    place = steps[values.index(best)], best
    axes.plot(*place, "*", color="black", markersize=11, zorder=3)
    axes.annotate(form.format(best), place, xytext=(0, 8), textcoords="offset points", ha="center", fontsize=9)


def _finish(axes: Any, title: str, label: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("training steps (star: best validation)")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.margins(y=0.12)
    if axes.lines:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "no rows yet", ha="center", va="center", transform=axes.transAxes)
