"""Sentence vectors in the plane: one picture, and one HTML page to explore them in.

As Sutskever et al. 2014 (figure 2, PCA) and Cho et al. 2014 (figures 4 and 5, by a method like t-SNE) drew theirs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt.cleaning.normalize import is_blank
from nmt.errors import DataError
from nmt.leaderboard.page import render_page
from nmt.report.pictures import png_figure
from nmt.storage import write_bytes
from nmt.visualize import phrases_page

MAX_PHRASES = 5_000
_MIN_PHRASES = 3
_LABELS = 40
_LABEL_CHARACTERS = 32
_SEED = 1  # t-SNE begins at the PCA, so that little depends on it

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Phrases:
    """The lines to draw, and whether there were more."""

    lines: list[str]
    more: bool

    @property
    def caption(self) -> str:
        """How many there are."""
        if self.more:
            return f"The first {len(self.lines):,} phrases; those after them are not drawn."
        return f"{len(self.lines):,} phrases."


@dataclass(frozen=True)
class View:
    """One way of laying vectors out in the plane.

    Attributes:
        name: of the method.
        note: what its distances mean.
        points: [N, 2], from -1 to 1 on the longer axis.
    """

    name: str
    note: str
    points: Array


def first_phrases(lines: Iterable[str], name: str) -> Phrases:
    """Returns the first lines that are not blank, as many as can be drawn.

    Args:
        lines: the sentences.
        name: of their source in error messages.

    Raises:
        DataError: there are too few.
    """
    found = list(islice((line for line in lines if not is_blank(line)), MAX_PHRASES + 1))
    if len(found) < _MIN_PHRASES:
        raise DataError(
            f"{name}: too few phrases for a picture",
            received=f"{len(found)} lines that are not blank",
            expected=f"{_MIN_PHRASES} or more",
            action="Give a file with one phrase per line",
        )
    return Phrases(found[:MAX_PHRASES], len(found) > MAX_PHRASES)


def lay_out(vectors: Array) -> list[View]:
    """Lays vectors [N, D] out in the plane by PCA and by t-SNE. The same vectors give the same points.

    Raises:
        DataError: the vectors are all the same, or some are not numbers.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if not np.isfinite(vectors).all() or (np.ptp(vectors, axis=0) == 0).all():
        raise DataError(
            "the vectors of the phrases cannot be laid out",
            received="the same vector for all, or vectors that are not numbers",
            expected="vectors that differ",
            action="Give different phrases, or a model that was trained",
        )
    if vectors.shape[1] == 1:  # both methods want two coordinates at least
        vectors = np.pad(vectors, ((0, 0), (0, 1)))
    pca = PCA(2, svd_solver="full").fit(vectors)
    first, second = pca.explained_variance_ratio_
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    # Several threads add up in an order of their own, and t-SNE makes much of the last digit.
    with threadpool_limits(1):
        near = TSNE(2, perplexity=perplexity, init="pca", random_state=_SEED).fit_transform(vectors)
    return [
        View("PCA", f"{first:.0%} of the variance across, {second:.0%} upwards", _scaled(pca.transform(vectors))),
        View("t-SNE", f"perplexity {perplexity:.3g}; only who is near whom counts", _scaled(near)),
    ]


def _scaled(points: npt.NDArray[Any]) -> Array:
    low, high = points.min(axis=0), points.max(axis=0)
    scaled: Array = ((points - (low + high) / 2) / ((high - low).max() / 2)).astype(np.float32)
    return scaled


def write_phrases(folder: Path, name: str, phrases: Phrases, vectors: Array) -> list[Path]:
    """Writes ``phrases.png`` and ``phrases.html``, each atomically, and returns their paths.

    Args:
        folder: where; it is made if it is not there.
        name: of the model.
        phrases: N lines.
        vectors: [N, D].

    Raises:
        DataError: the vectors cannot be laid out.
    """
    views = lay_out(vectors)
    picture, page = folder / "phrases.png", folder / "phrases.html"
    write_bytes(picture, draw_phrases(name, phrases, views))
    data = {
        "phrases": phrases.lines,
        "views": [{"note": view.note, "points": np.round(view.points.astype(float), 4).tolist()} for view in views],
    }
    values = {"name": name, "caption": phrases.caption, "views": views, "data": data}
    html = render_page(f"Phrases of {name}", phrases_page.BODY, values, phrases_page.STYLE, phrases_page.SCRIPT)
    write_bytes(page, html.encode("utf-8"))
    return [picture, page]


def draw_phrases(name: str, phrases: Phrases, views: list[View]) -> bytes:
    """Returns a PNG with one panel per view; up to 40 phrases that have room are written beside their points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with warnings.catch_warnings(), png_figure((15, 7.6)) as (figure, content):
        warnings.filterwarnings("ignore", message="Glyph")  # a script that the font lacks: the page shows it
        canvas = FigureCanvasAgg(figure)
        figure.suptitle(f"Phrases of {name}. {phrases.caption}", parse_math=False)
        panels = figure.subplots(1, len(views))
        for axes, view in zip(panels, views, strict=True):
            _draw_points(axes, view)
        canvas.draw()  # settles where the panels are
        figure.set_layout_engine("none")
        for axes, view in zip(panels, views, strict=True):
            _draw_labels(axes, view.points, phrases.lines, canvas.get_renderer())
    return content.getvalue()


def _draw_points(axes: Any, view: View) -> None:
    many = len(view.points) > 500
    axes.scatter(*view.points.T, s=6 if many else 22, alpha=0.5 if many else 0.85, color="#0a5bb5", linewidths=0)
    axes.set_title(f"{view.name}\n", fontsize=13)
    axes.text(0.5, 1.015, view.note, transform=axes.transAxes, ha="center", color="#59636e", fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.1)
    axes.set_aspect("equal", adjustable="datalim")


def _draw_labels(axes: Any, points: Array, lines: list[str], renderer: Any) -> None:
    """Writes phrases that are spread over the list, each where it covers no other, or not at all."""
    from matplotlib.patheffects import withStroke

    window = axes.get_window_extent(renderer)
    taken: list[Any] = []
    for index in np.linspace(0, len(lines) - 1, min(len(lines), _LABELS)).astype(int):
        for offset, horizontal, vertical in (
            ((5, 0), "left", "center"),
            ((-5, 0), "right", "center"),
            ((0, 6), "center", "bottom"),
            ((0, -6), "center", "top"),
        ):
            label = axes.annotate(
                shortened(lines[index]),
                points[index],
                xytext=offset,
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=8,
                parse_math=False,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
            box = label.get_window_extent(renderer)
            if window.x0 < box.x0 and box.x1 < window.x1 and not box.count_overlaps(taken):
                taken.append(box)
                break
            label.remove()


def shortened(text: str, most: int = _LABEL_CHARACTERS) -> str:
    """Returns a text as a label: without control characters, and not longer than so many characters."""
    text = "".join(character if character.isprintable() else " " for character in text).strip()
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
