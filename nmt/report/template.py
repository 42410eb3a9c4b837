"""The look of the page of a run, and its body: a Jinja template in which every value is escaped."""

STYLE = """
html { scroll-padding-top: 3.5rem; }
nav { position: sticky; top: 0; z-index: 1; display: flex; gap: .25rem 1rem; overflow-x: auto; padding: .5rem 0;
  background: var(--paper); border-bottom: 1px solid var(--line); white-space: nowrap; }
nav a, a { color: var(--accent); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { flex: 1 1 8.5rem; padding: .6rem .9rem; border: 1px solid var(--line); border-radius: .5rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem 2rem; }
figure { margin: .5rem 0; min-width: 0; }
figcaption { margin: .25rem 0; }
.sample { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem; margin: .6rem 0; }
.sample dl { grid-template-columns: max-content 1fr; margin: 0; }
.facts { grid-template-columns: max-content 1fr; }
.facts dd { padding: 0; }
.sample dt { color: var(--faint); }
.sample p { margin: 0 0 .25rem; }
mark { background: none; color: inherit; border-bottom: 2px solid var(--warning); }
mark.missed { border-bottom: 2px dotted var(--accent); }
.finding { margin: .6rem 0; padding-inline-start: .8rem; border-inline-start: 4px solid var(--line); }
.finding p { margin: .1rem 0; }
.finding.bad { border-color: #dc2626; }
.finding.look { border-color: #d97706; }
.finding.good { border-color: #16a34a; }
.maps { align-items: end; display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
.finding b + span { margin-inline-start: .5rem; }
.badge { font-size: .8rem; padding: 0 .5rem; border: 1px solid; border-radius: 1rem; }
@media (max-width: 40rem) { .sample dl { grid-template-columns: 1fr; } .sample dd { padding: 0 0 .35rem; }
  .tiles li { flex-basis: 40%; } }
@media print { nav { position: static; } details > * { display: block; } }
"""

_SCORES = """<section id="scores"><h2>Scores</h2>
{% if report.scores %}<ul class="tiles">
{% for test, scores in report.scores.items() %}{% for score in scores %}<li>{{ score.label }}<b>
{{- "%.2f" | format(score.value) }}</b><span class="faint">
{%- if score.low is not none and score.high is not none %}{{ "%.1f to %.1f" | format(score.low, score.high) }},
{% endif %}{{ test }}</span></li>
{% endfor %}{% endfor %}</ul>
<p class="faint">Intervals: 95%, bootstrap (Koehn 2004).</p>
<details><summary>Signatures: how the scores were computed</summary><dl>
{% for test, scores in report.scores.items() %}{% for score in scores %}<dt>{{ score.label }}, {{ test }}</dt>
<dd><code>{{ score.signature }}</code></dd>
{% endfor %}{% endfor %}</dl></details>
{% else %}<p>No test set.</p>{% endif %}
<h3>Translate your own</h3>
<pre>{{ report.translate_command }}</pre></section>
"""

_SAMPLES = """<section id="samples"><h2>Sample translations</h2>
{% if report.samples %}<p class="faint">By sentence chrF. <mark>Underlined</mark>: words of the hypothesis
that the reference lacks there; <mark class="missed">dotted</mark>: words of the reference that it lacks.</p>
{% for test, kinds in report.samples.items() %}<h3>{{ test }}</h3>
{% for kind, rows in kinds.items() if rows %}<details{% if kind != "best" %} open{% endif %}>
<summary>{{ {"worst": "The worst", "middle": "In the middle", "best": "The best"}[kind] }}</summary>
{% for row in rows %}<div class="sample"><p class="faint">line {{ "{:,}".format(row.line) }}, chrF
{{ "%.1f" | format(row.score) }}</p><dl>
<dt>source</dt><dd dir="auto">{{ row.source }}</dd>
<dt>reference</dt><dd dir="auto">{% for part in row.reference %}{% if part.differs %}<mark class="missed">
{{- part.text }}</mark>{% else %}{{ part.text }}{% endif %} {% endfor %}</dd>
<dt>hypothesis</dt><dd dir="auto">{% for part in row.hypothesis %}{% if part.differs %}<mark>
{{- part.text }}</mark>{% else %}{{ part.text }}{% endif %} {% else %}<span class="faint">(blank)</span>
{%- endfor %}</dd></dl></div>
{% endfor %}</details>
{% endfor %}{% endfor %}{% else %}<p>No test set.</p>{% endif %}</section>
"""

_TRAINING = """<section id="training"><h2>Training</h2>
{% if charts %}<div class="pair">{% for chart in charts %}<figure>{{ chart }}</figure>{% endfor %}</div>
<p class="faint">Rings, and the numbers beside the names: the best validation. The training objective has label
smoothing, dropout and other additions in it, where the recipe has them; the validation loss is in nats per token.
Scores of the validation are by greedy search.</p>
{% else %}<p class="faint">No training curve.</p>{% endif %}
{% if validations %}<details><summary>The validations as numbers</summary>
<div class="wide" tabindex="0" role="region" aria-label="Validations"><table><thead><tr>
<th class="number">step</th><th class="number">loss</th>
{%- for key in columns %}<th class="number">{{ labels[key] }}</th>{% endfor %}
<th class="number">minutes</th></tr></thead><tbody>
{% for row in validations %}<tr><td class="number">{{ "{:,}".format(row.step) }}</td><td class="number">
{{- "%.3f" | format(row.valid_loss) }}</td>{% for key in columns %}<td class="number">
{{- "%.2f" | format(row[key]) if key in row else "" }}</td>{% endfor %}<td class="number">
{{- "%.1f" | format(row.seconds / 60) if "seconds" in row else "" }}</td></tr>
{% endfor %}</tbody></table></div></details>{% endif %}
<dl class="facts">{% for name, value in facts.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl></section>
"""

_ATTENTION = """<section id="attention"><h2>Attention</h2>
{% if maps %}<p class="faint">Where the model looks (across: the source) as it writes each piece (downwards: what it
wrote). The stronger the colour, the more weight; each row sums to 1. Point at a cell for its weight.</p>
<div class="maps">{% for sentence, map in maps %}<figure>{{ map }}<figcaption class="faint">
{{ sentence.split.removeprefix("test/") }}, line {{ "{:,}".format(sentence.line) }}</figcaption></figure>
{% endfor %}</div>{% else %}<p>There is no attention to show.</p>{% endif %}</section>
"""

_FINDINGS = """<section id="findings"><h2>Findings of the doctor</h2>
{% macro show(findings) %}{% for found in findings %}<div class="finding {{ found.verdict }}">
<p><b>{{ found.name }}</b><span>{{ found.shown }}</span>
<span class="badge">{{ verdict_words[found.verdict] }}</span></p>
<p>{{ found.meaning }}{% if found.action %} {{ found.action }}{% endif %}</p></div>
{% endfor %}{% endmacro %}
{% if not report.findings %}<p>Nothing was examined.</p>{% endif %}
{{ show(verdicts.bad) }}{{ show(verdicts.look) }}
{% if verdicts.good %}<details><summary>{{ verdicts.good | length }} of {{ report.findings | length }} findings are good
</summary>{{ show(verdicts.good) }}</details>{% endif %}
{% for sentence in report.left_out %}<p class="faint">Left out: {{ sentence }}</p>{% endfor %}</section>
"""

_DATA = """<section id="data"><h2>Data</h2>
{% if report.statistics %}<div class="wide" tabindex="0" role="region" aria-label="Statistics of the text">
<table><thead><tr><th>split</th><th>side</th><th class="number">lines</th><th class="number">words</th>
<th class="number">different words</th>
<th class="number">not in training</th>
<th class="number">tokens</th><th class="number">per line</th></tr></thead><tbody>
{% for split, sides in splits %}{% for side, text in sides.items() %}<tr>
<td>{{ split.removeprefix("test/") }}</td><td>{{ side }}</td>
{%- for count in [text.lines, text.words, text.distinct_words] %}<td class="number">{{ "{:,}".format(count) }}</td>
{%- endfor %}<td class="number">
{{- "%.1f%%" | format(100 * text.unseen_words) if text.unseen_words is not none else "" }}</td>
<td class="number">{{ "{:,}".format(text.tokens) }}</td><td class="number">
{{- "%.1f" | format(text.tokens / ([1, text.lengths.values() | sum] | max)) }}</td></tr>
{% endfor %}{% endfor %}</tbody></table></div>
<p class="faint">Words are what stands between spaces. Not in training: the share of the running words of a text. Tokens
are pieces of the vocabulary, with the end of each line; train is what was left after cleaning.</p>
<div class="pair">{% for side, chart in lengths %}<figure>{{ chart }}</figure>
{% endfor %}</div>{% endif %}
<h3>Cleaning</h3>
<p>{{ "{:,}".format(report.cleaning.get("kept", 0)) }} of
{{ "{:,}".format(report.cleaning.get("read", 0)) }} pairs kept.</p>
<div class="wide" tabindex="0" role="region" aria-label="Cleaning"><table><thead><tr><th>step</th><th>settings</th>
<th class="number">seen</th><th class="number">kept</th><th class="number">dropped</th>
<th class="number">lines changed</th></tr></thead><tbody>
{% for step in report.cleaning.get("steps", []) %}<tr><td>{{ step.name }}</td>
{#- #}<td>{{ settings_text(step.settings) }}</td>
{%- for count in [step.seen, step.kept, step.dropped, step.changed] %}<td class="number">{{ "{:,}".format(count) }}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div>
{% for step in report.cleaning.get("steps", []) if step.examples %}
<details><summary>Examples of what {{ step.name }} dropped</summary>
<div class="wide" tabindex="0" role="region" aria-label="Examples"><table>
<thead><tr><th class="number">pair</th><th>source</th><th>target</th><th>reason</th></tr></thead><tbody>
{% for example in step.examples %}<tr><td class="number">{{ example.pair }}</td><td dir="auto">{{ example.source }}</td>
{#- #}<td dir="auto">{{ example.target }}</td><td>{{ example.reason }}</td></tr>
{% endfor %}</tbody></table></div></details>
{% endfor %}
<h3>Corpora</h3>
<div class="wide" tabindex="0" role="region" aria-label="Corpora"><table><thead><tr><th>used for</th><th>corpus</th>
<th class="number">pairs</th><th>licence</th><th>citation</th></tr></thead><tbody>
{% for use, used in corpora %}{% for corpus in used %}<tr><td>{{ use }}</td>
{#- #}<td>{{ corpus.id or "own files" }}, {{ corpus.split }}</td>
{#- #}<td class="number">{{ "{:,}".format(corpus.pairs) }}</td><td>{{ corpus.licence or "not given" }}</td>
{#- #}<td>{{ corpus.citation or "not given" }}</td></tr>
{% endfor %}{% endfor %}</tbody></table></div>
{% if files %}<details><summary>Files and their sha256</summary><dl>
{% for file, digest in files.items() %}<dt>{{ file }}</dt><dd><code>{{ digest }}</code></dd>
{% endfor %}</dl></details>{% endif %}</section>
"""

_ENVIRONMENT = """<section id="environment"><h2>Environment</h2>
{% if report.environment %}<dl class="facts">
{% for name, value in report.environment.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl>{% else %}<p>It is not known what the training ran on.</p>{% endif %}
<details><summary>Digests of the run</summary><dl>
{% for name, digest in report.digests.items() %}<dt>{{ name }}</dt><dd><code>{{ digest }}</code></dd>
{% endfor %}</dl></details>
<details><summary>The whole recipe, defaults included</summary><pre>{{ recipe }}</pre></details></section>
"""

BODY = (
    """<header><h1>{{ name }}</h1>
{% if report.recipe.description %}<p>{{ report.recipe.description }}</p>{% endif %}
<p class="faint">{{ report.time }}</p></header>
<nav aria-label="Sections"><a href="#scores">Scores</a><a href="#samples">Samples</a><a href="#training">Training</a>
<a href="#attention">Attention</a><a href="#findings">Findings</a><a href="#data">Data</a>
<a href="#environment">Environment</a></nav>
<main>
"""
    + _SCORES
    + _SAMPLES
    + _TRAINING
    + _ATTENTION
    + _FINDINGS
    + _DATA
    + _ENVIRONMENT
    + "</main>"
)
