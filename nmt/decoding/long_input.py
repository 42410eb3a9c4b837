"""Translations of lines that were divided because a model does not take them whole: see :mod:`nmt.long_sources`."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

import numpy as np
import numpy.typing as npt

from nmt.decoding.forced import Forced
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.translation import Details, Translation, Words
from nmt.long_sources import Part


def joined(line: str, parts: Sequence[Part], found: Sequence[Translation]) -> Translation:
    """Returns the translation of a line from those of its parts.

    Between two of them stands the white space that stood between the parts. Where there was none, as in Chinese, a
    space is put behind a translation that does not end in a full-width character.

    Its log-probability is the sum of theirs, and its score the mean over all tokens. Its words, and what is known of
    them, are theirs one behind the other.
    """
    if len(found) == 1:
        return found[0]
    text = found[0].text
    gaps = []
    for part, translation in zip(parts, found[1:], strict=False):
        gaps.append(part.space or ("" if not text or east_asian_width(text[-1]) in "WF" else " "))
        text += gaps[-1] + translation.text
    hypotheses = [each.hypothesis for each in found if each.hypothesis]
    ids = [id_ for each in hypotheses for id_ in each.ids]
    score = sum(each.score * len(each.ids) for each in hypotheses) / max(len(ids), 1)
    log_probability = sum(each.log_probability for each in hypotheses)
    whole = Hypothesis(ids, score, log_probability, sum(each.unmet for each in hypotheses))
    details = [each.details for each in found if each.details]
    return Translation(line, text, whole, _joined_details(ids, text, details, parts, gaps) if details else None)


def _joined_details(
    ids: list[int], text: str, details: Sequence[Details], parts: Sequence[Part], gaps: Sequence[str]
) -> Details:
    forced = [each.forced for each in details]
    sources = [each.source for each in details]
    weights = [each.weights for each in forced if each.weights is not None]
    generate, copied = (
        [part for part in parts if part is not None]
        for parts in ([each.generate for each in forced], [each.copied for each in forced])
    )
    return Details(
        ids,
        text,
        Forced(
            np.concatenate([each.log_probabilities for each in forced]),
            _block_diagonal(weights) if weights else None,
            np.concatenate(generate) if generate else None,
            np.concatenate(copied) if copied else None,
        ),
        _joined_words(sources, [part.space for part in parts]),
        _joined_words([each.target for each in details], gaps),
    )


def _block_diagonal(blocks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Returns one matrix with the blocks along its diagonal."""
    whole = np.zeros([sum(block.shape[axis] for block in blocks) for axis in (0, 1)], np.float32)
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole


def _joined_words(parts: Sequence[Words], gaps: Sequence[str]) -> Words:
    """Returns the words of all parts; two that no gap stands between are one."""
    words: list[str] = []
    places: list[list[int]] = []
    pieces: list[str] = []
    for part, gap in zip(parts, [" ", *gaps], strict=False):
        one = not gap and bool(words) and bool(part.words)
        begin = len(words) - one
        if one:
            words[-1] += part.words[0]
        words += part.words[one:]
        places += [[begin + place for place in piece] for piece in part.places]
        pieces += part.pieces
    return Words(words, places, pieces)
