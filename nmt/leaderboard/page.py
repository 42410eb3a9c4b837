"""A leaderboard as one HTML page that needs nothing else: no network, no script, no other file.

With scripts allowed its columns can be sorted. Every text from a record is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from nmt.evaluation.scores import METRICS, Score
from nmt.leaderboard.records import Record
from nmt.leaderboard.table import Comparison, describe, ranked, rows

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #59636e; --line: #d1d9e0; --band: #f3f5f8;
  --accent: #0a5bb5; --warning: #9a3412; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161b; --ink: #e6e9ed; --faint: #9aa5b1; --line: #323a44;
  --band: #1b2128; --accent: #7cb7ff; --warning: #fdba74; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
thead th { border-bottom-width: 2px; }
tbody tr:hover { background: var(--band); }
.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
.faint { color: var(--faint); font-size: .875rem; }
.warning { color: var(--warning); }
th button { all: unset; cursor: pointer; font-weight: bold; color: var(--accent); }
th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--band); padding: .75rem; overflow-x: auto; white-space: pre-wrap; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; background: #fff; }
@media (max-width: 40rem) { body { padding: .6rem; } th, td { padding: .3rem .4rem; } dl { grid-template-columns: 1fr; }
  dd { padding-inline-start: 1rem; } }
"""
"""The look of all pages of the project."""

_SORT_SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const compare = (a, b) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const difference = Number(a) - Number(b);
        return descending * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
      headings.forEach(other => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending === 1 ? "ascending" : "descending");
    });
  });
}
"""

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{ style_hash }}';
 script-src '{{ script_hash }}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
{{ body }}
{% if script %}<script>{{ script }}</script>
{% endif %}</body>
</html>
"""

_BODY = """<h1>Leaderboard {{ board }}</h1>
{% if not rows %}<p>No records.</p>{% else %}
<p class="faint">Best first by {{ order }}. In brackets: 95% interval, bootstrap (Koehn 2004).</p>
<div class="wide"><table class="sortable">
<thead><tr><th class="number">rank</th><th>system</th>
{%- for column in columns %}<th class="number">{{ column.label }}<br><span class="faint">{{ column.test }}</span></th>
{%- endfor %}<th class="number">training, min</th><th class="number">parameters</th><th>time</th></tr></thead>
<tbody>
{% for row in rows %}<tr><td class="number">{{ row.rank or "" }}</td><td>{{ row.system }}</td>
{%- for cell in row.cells %}<td class="number" data-value="{{ cell.value }}">{{ cell.text }}
{%- if cell.mark %} <span class="warning">{{ cell.mark }}</span>{% endif %}</td>
{%- endfor %}<td class="number">{{ row.training_minutes if row.training_minutes is not none else "" }}</td>
{#- #}<td class="number" data-value="{{ row.parameters if row.parameters is not none else "" }}">
{{- "{:,}".format(row.parameters) if row.parameters is not none else "" }}</td><td>{{ row.time }}</td></tr>
{% endfor %}</tbody>
</table></div>
{% for mark, text in notes %}<p class="warning">{{ mark }} {{ text }}</p>
{% endfor %}
<details><summary>Signatures</summary><dl>
{% for name, signature in signatures %}<dt>{{ name }}</dt><dd><code>{{ signature }}</code></dd>
{% endfor %}</dl></details>
{% for record in records %}<details><summary>Digests and recipe of {{ record.system }}, {{ record.time }}</summary><dl>
<dt>record</dt><dd><code>{{ record.digest }}</code></dd>
<dt>run</dt><dd><code>{{ record.run_digest }}</code></dd>
<dt>recipe</dt><dd><code>{{ record.recipe_digest }}</code></dd>
<dt>bundle</dt><dd><code>{{ record.bundle_digest }}</code></dd>
{% for test, digest in record.test_digests.items() %}<dt>test set {{ test }}</dt><dd><code>{{ digest }}</code></dd>
{% endfor %}{% for test, digest in record.hypothesis_digests.items() %}
{#- #}<dt>hypotheses of {{ test }}</dt><dd><code>{{ digest }}</code></dd>
{% endfor %}<dt>seed</dt><dd>{{ record.seed }}</dd><dt>version</dt><dd>{{ record.version }}</dd>
{% if record.words_per_second is not none %}<dt>translation</dt>
{#- #}<dd>{{ "{:,.0f}".format(record.words_per_second) }} words per second</dd>
{% endif %}</dl><pre>{{ record.recipe | tojson(indent=2) }}</pre></details>
{% endfor %}{% endif %}
{% if problems %}<h2 class="warning">Problems of the file</h2><ul>
{% for problem in problems %}<li>{{ problem }}</li>
{% endfor %}</ul>{% endif %}"""


def as_page(board: str, records: Sequence[Record], problems: Sequence[str]) -> str:
    """Returns the board as one static HTML page."""
    comparison = Comparison.of(records)
    columns = [{"label": METRICS.get(metric, metric), "test": test} for test, metric in comparison.columns]
    table = [row | {"cells": [_cell(row, *column) for column in comparison.columns]} for row in rows(records)]
    values = {
        "board": board,
        "rows": table,
        "columns": columns,
        "order": describe(comparison.columns[0]) if comparison.columns else "nothing",
        "signatures": comparison.signatures,
        "notes": comparison.notes,
        "records": [record for _, record in ranked(records)],
        "problems": problems,
    }
    return render_page(f"Leaderboard {board}", _BODY, values, script=_SORT_SCRIPT)


def render_page(title: str, body: str, values: dict[str, Any], style: str = "", script: str = "") -> str:
    """Returns a whole page.

    Args:
        title: of the window.
        body: Jinja template of what is in the body; every value is escaped.
        values: of the template.
        style: of this page, beside that of all pages.
        script: of this page; the browser runs no other.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_FRAME).render(
        title=title,
        style=Markup(STYLE + style),
        style_hash=_hash(STYLE + style),
        script=Markup(script),
        script_hash=_hash(script),
        body=Markup(environment.from_string(body).render(values)),
    )


def _hash(text: str) -> str:
    """Returns what a Content-Security-Policy allows an inline style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _cell(row: dict[str, Any], test: str, metric: str) -> dict[str, Any]:
    """Returns the text, the value to sort by and the mark of one score of a row."""
    fields = dict(row["scores"].get(test, {}).get(metric, {}))
    if not fields:
        return {"value": "", "text": "", "mark": ""}
    mark = fields.pop("mark")
    return {"value": fields["value"], "text": Score.from_json(fields).format_value(), "mark": mark}
