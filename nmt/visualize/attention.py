"""Where a model looks: for every token of a translation, its attention over the source, as a picture.

As Bahdanau et al. 2015 (figure 3) drew it. Rows are the translation, from top to bottom; columns are the source in the
order in which it was written, also for a model that reads it backwards. For a model that copies (See et al. 2017) there
is more: beside each row p_gen, the probability that its token is generated and not copied, and how much of the token
that was written was copied; below, the coverage of each column, what attention gave to it in all.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nmt.report.pictures import png_figure
from nmt.storage import write_bytes
from nmt.visualize.fonts import fonts_for
from nmt.visualize.phrases import shortened

if TYPE_CHECKING:
    from nmt.decoding.translation import Translation, Words

By = Literal["piece", "word"]

END, SPACE = "(end)", "\u2423"
_CELL = 0.34  # inches
_TITLE_CHARACTERS = 100
_UPRIGHT = 2  # characters of labels of columns that need not lie on their side
_COPIED = "#b35900"


@dataclass(frozen=True)
class AttentionMap:
    """What is drawn.

    Attributes:
        title: the source and its translation.
        columns, rows: the tokens of both.
        weights: [T, S].
        generated: p_gen of each row, 0 to 1; None for a model that does not copy.
        copied: how much of each row was copied, 0 to 1; None for a model that does not copy.
        column_starts, row_starts: which of the tokens begin a word.
    """

    title: str
    columns: list[str]
    rows: list[str]
    weights: npt.NDArray[Any]
    generated: Sequence[float] | None
    copied: Sequence[float] | None
    column_starts: list[int]
    row_starts: list[int]


def attention_map(translation: Translation, by: By) -> AttentionMap | None:
    """Returns the map of a translation with details, None for a blank line or a model without attention.

    Args:
        translation: one of a line.
        by: piece, all that the model sees, EOS included; or word, as alignments have it.
    """
    details = translation.details
    if details is None or details.forced.weights is None or details.attention is None:
        return None
    title = f"{shortened(translation.source, _TITLE_CHARACTERS)}\n{shortened(translation.text, _TITLE_CHARACTERS)}"
    sides, weights = (details.source, details.target), details.forced.weights
    generated: Any = details.forced.generate
    copied: Any = details.forced.copied
    labels, starts = [_labels(side) for side in sides], [_starts(side) for side in sides]
    if by == "word":
        weights, generated = details.attention.astype(np.float32), details.word_generation
        copied = details.word_copied
        labels = [[shortened(word) for word in side.words] for side in sides]
        starts = [list(range(len(side.words))) for side in sides]
    generated, copied = (None if part is None else [float(share) for share in part] for part in (generated, copied))
    (columns, rows), (column_starts, row_starts) = labels, starts
    return AttentionMap(title, columns, rows, weights, generated, copied, column_starts, row_starts)


def _labels(side: Words) -> list[str]:
    return [
        END if not places else shortened(piece.strip()) or SPACE
        for piece, places in zip(side.pieces, side.places, strict=True)
    ]


def _starts(side: Words) -> list[int]:
    """Returns the pieces that belong to another word than the piece before them."""
    return [index for index, own in enumerate(side.places) if index == 0 or own[:1] != side.places[index - 1][-1:]]


def write_attention(folder: Path, maps: Sequence[tuple[int, AttentionMap]]) -> tuple[list[Path], str]:
    """Writes ``attention-<line>.png`` for each map, and returns the paths and the characters that no font has.

    Args:
        folder: where; it is made if it is not there.
        maps: each with the number of its line, counted from 1.
    """
    paths, missing = [], set[str]()
    for number, found in maps:
        picture, lacking = draw_attention(found)
        missing |= set(lacking)
        paths.append(folder / f"attention-{number}.png")
        write_bytes(paths[-1], picture)
    return paths, "".join(sorted(missing))


def draw_attention(found: AttentionMap) -> tuple[bytes, str]:
    """Returns a map as a PNG, and the characters that no installed font has."""
    import matplotlib

    fonts, missing = fonts_for([found.title, *found.columns, *found.rows])
    height, width = (max(count, 3) * _CELL for count in (len(found.rows), len(found.columns)))
    copies = found.generated is not None and found.copied is not None
    size = max(width + 2.4 + 2 * _CELL * copies, 5.0), height + 2.2 + _CELL * copies
    with warnings.catch_warnings(), png_figure(size) as (figure, content):
        warnings.filterwarnings("ignore", message="Glyph")  # it is said elsewhere which are missing
        matplotlib.rcParams["font.family"] = fonts
        figure.suptitle(found.title, fontsize=10, parse_math=False)
        if not copies:
            axes = below = figure.subplots()
        else:
            ratios = {"width_ratios": [max(len(found.columns), 3), 2], "height_ratios": [max(len(found.rows), 3), 1]}
            (axes, side), (below, corner) = figure.subplots(
                2, 2, sharey="row", gridspec_kw={**ratios, "wspace": 0.0, "hspace": 0.0}
            )
            corner.set_axis_off()
            _draw_copied(side, found)
            _draw_coverage(below, found)
        image = _draw_weights(axes, found)
        bar = figure.colorbar(image, ax=below, location="bottom", shrink=0.4, aspect=30, pad=0.02)
        bar.set_label("attention", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    return content.getvalue(), missing


def _draw_weights(axes: Any, found: AttentionMap) -> Any:
    image = axes.imshow(found.weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="none")
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(found.columns)), found.columns, fontsize=9, parse_math=False)
    for label in axes.get_xticklabels():
        label.set_rotation(90 if len(label.get_text()) > _UPRIGHT else 0)
    axes.set_yticks(range(len(found.rows)), found.rows, fontsize=9, parse_math=False)
    axes.tick_params(length=0)
    # Lines between words: pieces of one word stand together.
    for start in found.column_starts[1:]:
        axes.axvline(start - 0.5, color="#d0d7de", linewidth=0.6)
    for start in found.row_starts[1:]:
        axes.axhline(start - 0.5, color="#d0d7de", linewidth=0.6)
    for label, share in zip(axes.get_yticklabels(), found.copied or [], strict=False):
        if share > 0.5:
            label.set_color(_COPIED)
    return image


def _draw_copied(axes: Any, found: AttentionMap) -> None:
    shares = np.array([found.generated, found.copied]).T  # [T, 2]
    axes.imshow(shares, cmap="Oranges", vmin=0.0, vmax=1.0, aspect="auto", interpolation="none")
    axes.xaxis.tick_top()
    axes.set_xticks([0, 1], ["p_gen", "copied"], rotation=90, fontsize=9, color=_COPIED)
    axes.tick_params(length=0, labelleft=False)
    _write_shares(axes, shares)


def _draw_coverage(axes: Any, found: AttentionMap) -> None:
    coverage = found.weights.sum(axis=0, keepdims=True)  # [1, S]
    axes.imshow(coverage, cmap="Greens", vmin=0.0, vmax=2.0, aspect="auto", interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([0], ["coverage"], fontsize=9)
    axes.tick_params(length=0)
    _write_shares(axes, coverage)


def _write_shares(axes: Any, shares: npt.NDArray[Any]) -> None:
    """Writes numbers [T, S] into the cells of a picture of them; those near 0 are left out."""
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            color = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7, color=color)
