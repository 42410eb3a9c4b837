"""Pictures as PNG files, for documents: drawn by matplotlib, the same numbers the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.storage import write_bytes


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
