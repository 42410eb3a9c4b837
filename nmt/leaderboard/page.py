"""The frame and the look of the project's pages: each is one file that needs no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

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
