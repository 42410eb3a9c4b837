"""Words and the pieces that they are made of, and which word of a source goes with which word of a target.

Words are what stands between white space. An alignment is a set of links (source word, target word), counted from 0;
as text it is in the format of Pharaoh (Koehn 2004): ``0-0 1-2 2-1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from nmt.errors import DataError
from nmt.tokenizer import Span

Links = list[tuple[int, int]]
Weights = npt.NDArray[np.float32]

_WORD = re.compile(r"\S+")


def words_of_pieces(text: str, spans: Sequence[Span]) -> tuple[list[str], list[list[int]]]:
    """Returns the words of a text, and for each of its pieces the words that it is a part of.

    A piece belongs to the words that it shares characters with. One that has only white space, or none, belongs to the
    word behind it, and behind the last word to that one.

    Args:
        text: the text.
        spans: the characters of each piece, in order.
    """
    found = list(_WORD.finditer(text))
    ends = np.array([word.end() for word in found], np.int64)
    places = []
    for begin, end in spans:
        first = int(np.searchsorted(ends, begin, side="right"))  # the first word that ends behind the piece's begin
        last = first
        while last + 1 < len(found) and found[last + 1].start() < end:
            last += 1
        places.append([min(word, len(found) - 1) for word in range(first, last + 1)] if found else [])
    return [word[0] for word in found], places


def word_sums(values: npt.ArrayLike, places: Sequence[Sequence[int]], words: int) -> npt.NDArray[np.float64]:
    """Adds up the values of pieces, [T] or [T, X], for every word; a piece of n words counts as 1 / n in each.

    Args:
        values: one row for each piece.
        places: the words of each piece; a piece of none is left out.
        words: W.

    Returns:
        [W] or [W, X].
    """
    values = np.asarray(values, np.float64)
    sums = np.zeros((words, *values.shape[1:]))
    for value, own in zip(values, places, strict=True):
        for word in own:
            sums[word] += value / len(own)
    return sums


def word_weights(
    weights: Weights,
    source_places: Sequence[Sequence[int]],
    target_places: Sequence[Sequence[int]],
    source_words: int,
    target_words: int,
) -> npt.NDArray[np.float64]:
    """Turns the attention of pieces into that of words: what a target word looks at is the mean over its pieces, and
    what it gives to a source word the sum over that word's pieces.

    Args:
        weights: [T, S] of pieces; those of no word, such as EOS, are left out.
        source_places, target_places: the words of each piece.
        source_words, target_words: their numbers, W and U.

    Returns:
        [U, W].
    """
    sums = word_sums(word_sums(weights.T, source_places, source_words).T, target_places, target_words)
    counts = word_sums(np.ones(len(target_places)), target_places, target_words)
    return np.asarray(sums / np.maximum(counts, 1e-30)[:, None])


def hard_alignment(weights: npt.NDArray[np.floating], share: float = 1.0) -> Links:
    """Links every target word with the source word that it attends to most.

    Args:
        weights: [U, W] of words.
        share: 0 to 1; below 1 it is linked as well with all words that get such a share of the most.

    Returns:
        The links, by source word and then target word; none for a target word that attends to no word.
    """
    best = weights.max(axis=1, keepdims=True) if weights.size else weights
    source, target = np.nonzero(((weights >= share * best) & (weights > 0)).T)
    return list(zip(source.tolist(), target.tolist(), strict=True))


def format_links(links: Iterable[tuple[int, int]]) -> str:
    """Returns links as text: ``0-0 1-2``."""
    return " ".join(f"{source}-{target}" for source, target in links)


def parse_links(text: str, where: str) -> Links:
    """Reads what ``format_links`` wrote.

    Args:
        text: one line.
        where: file and line, for error messages.

    Raises:
        DataError: it is something else.
    """
    links = []
    for link in text.split():
        if not (match := re.fullmatch(r"(\d+)-(\d+)", link, re.ASCII)):
            raise DataError(
                f"{where}: not a word alignment",
                received=link[:40],
                expected="links of the form 0-0 1-2, source word first, counted from 0",
                action="Give the alignments in the format of Pharaoh, as fast_align writes them",
            )
        links.append((int(match[1]), int(match[2])))
    return links


def agreement(found: Iterable[Links], true: Iterable[Links]) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of the links of sentences, 0 to 1; 1 - F1 is the alignment error rate.

    Args:
        found, true: the links of each sentence; all true links count alike (Och and Ney 2003, with S = P).
    """
    shared = both = wanted = 0
    for own, expected in zip(found, true, strict=True):
        shared += len(set(own) & set(expected))
        both += len(set(own))
        wanted += len(set(expected))
    precision, recall = shared / max(both, 1), shared / max(wanted, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-30)
