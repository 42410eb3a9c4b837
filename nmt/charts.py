"""Charts as inline SVG: curves, histograms, heatmaps. They follow the light or dark colours of the page.

The same numbers give the same text. Nothing but the page's own style sheet, with :data:`CHART_STYLE` in it, is needed,
and every text is escaped.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

CHART_STYLE = """
:root { --series-0: #0a5bb5; --series-1: #b45309; --series-2: #15803d; --series-3: #7e22ce; }
@media (prefers-color-scheme: dark) { :root { --series-0: #7cb7ff; --series-1: #fdba74; --series-2: #86efac;
  --series-3: #d8b4fe; } }
svg.chart { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.chart text { fill: var(--ink); }
.chart .tick { fill: var(--faint); font-size: 11px; }
.chart .grid { stroke: var(--line); }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .stroke-0 { stroke: var(--series-0); } .chart .fill-0 { fill: var(--series-0); }
.chart .stroke-1 { stroke: var(--series-1); stroke-dasharray: 6 3; } .chart .fill-1 { fill: var(--series-1); }
.chart .stroke-2 { stroke: var(--series-2); stroke-dasharray: 2 3; } .chart .fill-2 { fill: var(--series-2); }
.chart .stroke-3 { stroke: var(--series-3); stroke-dasharray: 8 3 2 3; } .chart .fill-3 { fill: var(--series-3); }
.chart .bar { opacity: .45; }
.chart .best { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.chart .frame { fill: none; stroke: var(--line); }
.heatmap .cell { fill: var(--series-0); }
svg.heatmap { width: auto; max-width: 100%; }
"""
"""The style of all charts; it goes into the page that shows them."""

_WIDTH, _HEIGHT = 440, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 26, 38
_CHARACTER = 7.0  # width of a character of the labels, about
_SERIES = 4  # colours
_FEW = 40  # points of a curve that are shown one by one
_CELL = 18
_FAINTEST = 0.02  # weights of a heatmap below this are not drawn: nobody sees them
_TOLD = 0.05  # and those below this have no tooltip
_LONGEST_LABEL, _LONGEST_NAME = 14, 24  # characters of labels of a heatmap, and of names of series

Point = tuple[float, float]


@dataclass(frozen=True)
class _Axes:
    """Turns values into places of the picture."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Returns the place of a point, to a tenth of a unit."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        left = _LEFT + across * (_WIDTH - _LEFT - _RIGHT)
        return round(left, 1), round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 1)


def curves(series: Mapping[str, Sequence[Point]], title: str, x_label: str, best: str = "") -> Markup:
    """Draws lines through points.

    Args:
        series: by name, points (x, y) in the order of x; values that are not finite are left out.
        title: what the picture shows, for those who do not see it.
        x_label: what x is.
        best: ``highest``: of every series this point is marked, and its value told; ``lowest``: of the last series.

    Returns:
        The picture; of nothing where no series has a point.
    """
    kept = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in series.items()}
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return Markup()
    every = [point for points in kept.values() for point in points]
    axes = _axes([x for x, _ in every], [y for _, y in every])
    marked = _best_points(kept, best)
    names = [f"{name} {marked[name][1]:.3g}" if name in marked else name for name in kept]
    parts = [*_grid(axes, x_label), *_legend(names)]
    for index, (name, points) in enumerate(kept.items()):
        number = index % _SERIES
        places = [axes.place(*point) for point in points]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(Markup('<polyline class="line stroke-{}" points="{}"/>').format(number, path))
        if len(places) <= _FEW:
            dot = Markup('<circle class="fill-{}" cx="{}" cy="{}" r="3"/>')
            parts += [dot.format(number, *place) for place in places]
        if name in marked:
            parts.append(Markup('<circle class="best" cx="{}" cy="{}" r="6"/>').format(*axes.place(*marked[name])))
    return _svg("chart", _WIDTH, _HEIGHT, title, parts)


def _best_points(series: Mapping[str, Sequence[Point]], best: str) -> dict[str, Point]:
    """Returns the points that are marked, by the names of their series; the first of equal ones."""
    if best == "highest":
        return {name: max(points, key=lambda point: point[1]) for name, points in series.items()}
    if best == "lowest":
        name = list(series)[-1]
        return {name: min(series[name], key=lambda point: point[1])}
    return {}


def histogram(bars: Mapping[str, Mapping[int, int]], title: str, x_label: str) -> Markup:
    """Draws how often each length occurs, as shares of each series, in at most 30 groups of equal width.

    The longest half percent stand in the last group.

    Args:
        bars: by name, the number of things of each length; a series without things is left out.
        title, x_label: as in :func:`curves`.
    """
    bars = {name: counts for name, counts in bars.items() if sum(counts.values())}
    if not bars:
        return Markup()
    end = max(_quantile(counts, 0.995) for counts in bars.values()) + 1
    width = max(1, -(-end // 30))
    groups = -(-end // width)
    shares = {}
    for name, counts in bars.items():
        shares[name] = [0.0] * groups
        for length, count in counts.items():
            shares[name][min(length // width, groups - 1)] += 100.0 * count / sum(counts.values())
    axes = _axes([0, groups * width], [0, *(share for values in shares.values() for share in values)], x_margin=0)
    parts = [*_grid(axes, x_label, "%"), *_legend(list(bars))]
    for index, values in enumerate(shares.values()):
        number = index % _SERIES
        corners = []
        for group, share in enumerate(values):
            corners += [axes.place(group * width, share), axes.place((group + 1) * width, share)]
        outline = " ".join(f"{x},{y}" for x, y in corners)
        if index == 0:
            (left, bottom), (right, _) = axes.place(0, 0), axes.place(groups * width, 0)
            form = Markup('<polygon class="bar fill-0" points="{},{} {} {},{}"/>')
            parts.append(form.format(left, bottom, outline, right, bottom))
        parts.append(Markup('<polyline class="line stroke-{}" points="{}"/>').format(number, outline))
    return _svg("chart", _WIDTH, _HEIGHT, title, parts)


def heatmap(weights: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], title: str) -> Markup:
    """Draws a matrix of weights from 0 to 1, the largest the strongest.

    Args:
        weights: [len(rows), len(columns)].
        rows, columns: their labels.
        title: as in :func:`curves`.
    """
    left = round(_CHARACTER * max((_columns_of(_shortened(label)) for label in rows), default=0)) + 12
    top = round(_CHARACTER * max((_columns_of(_shortened(label)) for label in columns), default=0)) + 12
    width, height = left + _CELL * len(columns) + 2, top + _CELL * len(rows) + 2
    parts = []
    for number, label in enumerate(columns):
        x = left + _CELL * number + 13
        form = '<text x="{}" y="{}" transform="rotate(-90 {} {})">{}</text>'
        parts.append(Markup(form).format(x, top - 6, x, top - 6, _shortened(label)))
    for row, (label, line) in enumerate(zip(rows, weights, strict=True)):
        y = top + _CELL * row
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(left - 6, y + 13, _shortened(label))
        )
        for column, weight in enumerate(line):
            if weight >= _FAINTEST:
                parts.append(_cell(left + _CELL * column, y, float(weight), label, columns[column]))
    frame = '<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>'
    parts.append(Markup(frame).format(left, top, _CELL * len(columns), _CELL * len(rows)))
    return _svg("chart heatmap", width, height, title, parts)


def _cell(x: int, y: int, weight: float, row: str, column: str) -> Markup:
    tip = Markup("<title>{} · {}: {}</title>").format(row, column, f"{weight:.2f}") if weight >= _TOLD else Markup()
    form = '<rect class="cell" x="{}" y="{}" width="{}" height="{}" fill-opacity="{}">{}</rect>'
    return Markup(form).format(x, y, _CELL, _CELL, f"{min(weight, 1.0):.2f}", tip)


def _shortened(label: str, longest: int = _LONGEST_LABEL) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"


def _columns_of(label: str) -> int:
    """Returns how many narrow characters a label is wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in label)


def _svg(classes: str, width: float, height: float, title: str, parts: Sequence[Markup]) -> Markup:
    form = '<svg class="{}" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">\n{}\n</svg>'
    return Markup(form).format(classes, width, height, width, height, title, Markup("\n").join(parts))


def _axes(xs: Sequence[float], ys: Sequence[float], x_margin: float = 0.02) -> _Axes:
    """Returns axes that hold all values, with some room above."""
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    reach, height = right - left, top - bottom
    if reach == 0:
        left, reach, x_margin = left - 1, 2, 0
    if height == 0:
        bottom, height = bottom - (abs(bottom) * 0.1 or 1), abs(bottom) * 0.2 or 2
    floor = bottom if bottom == 0 else bottom - 0.06 * height
    return _Axes((left - x_margin * reach, left + (1 + x_margin) * reach), (floor, bottom + 1.08 * height))


def _grid(axes: _Axes, x_label: str, unit: str = "") -> list[Markup]:
    """Returns lines and numbers at round values, and what x is."""
    parts = []
    line = Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    text = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
    for value in _round_values(*axes.y, 5):
        y = axes.place(axes.x[0], value)[1]
        parts += [
            line.format(_LEFT, y, _WIDTH - _RIGHT, y),
            text.format(_LEFT - 6, y + 4, "end", _number(value) + unit),
        ]
    for value in _round_values(*axes.x, 6, least=1.0):
        x = axes.place(value, axes.y[0])[0]
        parts.append(text.format(x, _HEIGHT - _BOTTOM + 16, "middle", _number(value)))
    parts.append(text.format((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 5, "middle", x_label))
    return parts


def _legend(names: Sequence[str]) -> list[Markup]:
    parts, left = [], float(_LEFT)
    form = '<line class="line stroke-{}" x1="{}" y1="10" x2="{}" y2="10"/><text x="{}" y="14">{}</text>'
    for index, name in enumerate(names):
        label = _shortened(name, _LONGEST_NAME)
        parts.append(Markup(form).format(index % _SERIES, round(left), round(left + 22), round(left + 27), label))
        left += 40 + _CHARACTER * _columns_of(label)
    return parts


def _round_values(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """Returns round numbers between two others: multiples of 1, 2 or 5 times a power of ten.

    Args:
        low, high: the ends.
        most: how many there may be, about.
        least: distance between two of them.
    """
    rough = max((high - low) / most, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _number(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.10g}" if value == round(value, 6) else f"{value:.3g}"


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """Returns the length that so large a share of the things do not exceed."""
    total, seen = sum(counts.values()), 0
    for length in sorted(counts):
        seen += counts[length]
        if seen >= share * total:
            return length
    return max(counts)
