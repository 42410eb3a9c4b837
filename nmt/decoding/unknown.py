"""Unknown words: each is replaced by the source word that attention points at, or by that word's entry in a dictionary.

As Luong et al. 2015 ("Addressing the rare word problem") and Jean et al. 2015, section 3.3, do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt import textio
from nmt.errors import DataError
from nmt.tokenizer import UNK, Span


def read_dictionary(path: Path) -> dict[str, str]:
    """Reads a dictionary: a source word, a tab and its translation on each line; the first entry of a word counts.

    Raises:
        DataError: a line is something else, or the file cannot be read.
    """
    entries: dict[str, str] = {}
    for number, line in enumerate(textio.read_lines(path), start=1):
        word, tab, translation = line.partition("\t")
        if line.strip() and not (tab and word.strip() and translation.strip()):
            raise DataError(
                f"{path}, line {number}: not an entry of a dictionary",
                received=repr(line[:60]),
                expected="a source word, a tab, its translation",
                action="Correct the line",
            )
        if tab:
            entries.setdefault(word.strip(), translation.strip())
    return entries


def replace_unknown(
    text: str,
    spans: Sequence[Span],
    ids: Sequence[int],
    weights: npt.NDArray[np.float32],
    surfaces: Sequence[str],
    dictionary: Mapping[str, str],
) -> tuple[str, list[Span]]:
    """Replaces what stands for unknown pieces.

    Args:
        text: the output, with the characters ``spans`` of its pieces ``ids``.
        weights: [T, S], where the model looked when it wrote each of them; T may count EOS.
        surfaces: the text of the source's pieces, at most S; those that are blank are not pointed at.
        dictionary: what is written instead of a source piece; another one is copied.

    Returns:
        The new text and its spans.
    """
    visible = np.array([bool(surface.strip()) for surface in surfaces])
    if not visible.any():
        return text, list(spans)
    parts: list[str] = []
    for (begin, end), id_, row in zip(spans, ids, weights, strict=False):
        part = text[begin:end]
        if id_ == UNK:
            surface = surfaces[int(np.where(visible, row[: len(surfaces)], -1.0).argmax())].strip()
            space = part[: len(part) - len(part.lstrip())]
            part = space + dictionary.get(surface, surface)
        parts.append(part)
    ends = np.cumsum([0, *map(len, parts)]).tolist()
    return "".join(parts), list(pairwise(ends))
