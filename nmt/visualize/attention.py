"""Where a model looks: for every token of a translation, its attention over the source, as a picture.

As Bahdanau et al. 2015 (figure 3) drew it. Rows are the translation, from top to bottom; columns are the source in the
order in which it was written, also for a model that reads it backwards. A model that copies (See et al. 2017) has one
more column: how much of each token was copied.
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
        copied: how much of each row was copied and not generated, 0 to 1; None for a model that does not copy.
        column_starts, row_starts: which of the tokens begin a word.
    """

    title: str
    columns: list[str]
    rows: list[str]
    weights: npt.NDArray[Any]
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
    labels, starts = [_labels(side) for side in sides], [_starts(side) for side in sides]
    if by == "word":
        weights, generated = details.attention.astype(np.float32), details.word_generation
        labels = [[shortened(word) for word in side.words] for side in sides]
        starts = [list(range(len(side.words))) for side in sides]
    copied = None if generated is None else [1.0 - float(share) for share in generated]
    (columns, rows), (column_starts, row_starts) = labels, starts
    return AttentionMap(title, columns, rows, weights, copied, column_starts, row_starts)


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
    with warnings.catch_warnings(), png_figure((max(width + 2.4, 5.0), height + 2.2)) as (figure, content):
        warnings.filterwarnings("ignore", message="Glyph")  # it is said elsewhere which are missing
        matplotlib.rcParams["font.family"] = fonts
        figure.suptitle(found.title, fontsize=10, parse_math=False)
        if found.copied is None:
            axes = figure.subplots()
        else:
            axes, side = figure.subplots(
                1, 2, sharey=True, gridspec_kw={"width_ratios": [max(len(found.columns), 3), 1], "wspace": 0.0}
            )
            _draw_copied(side, found.copied)
        image = _draw_weights(axes, found)
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.4, aspect=30, pad=0.02)
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


def _draw_copied(axes: Any, copied: Sequence[float]) -> None:
    axes.imshow(np.asarray(copied)[:, None], cmap="Oranges", vmin=0.0, vmax=1.0, aspect="auto", interpolation="none")
    axes.xaxis.tick_top()
    axes.set_xticks([0], ["copied"], rotation=90, fontsize=9, color=_COPIED)
    axes.tick_params(length=0, labelleft=False)
    for row, share in enumerate(copied):
        if share >= 0.005:
            axes.text(
                0, row, f"{share:.2f}", ha="center", va="center", fontsize=7, color="white" if share > 0.6 else "black"
            )
