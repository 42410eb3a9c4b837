"""How many n-grams of many segments occur in their references: counted in arrays, several times faster than one by one.

The n-grams of the references are numbered by a trie: the number of an n-gram of order n is found by that of its first
n - 1 tokens and its last token, so that no hash can collide. Segments are the tries' roots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_CODE_POINTS = 0x110000
_SEGMENTS = 1_000  # that are counted at once: their tables stay in the cache of the processor


@dataclass(frozen=True)
class Tokens:
    """The tokens of segments, as numbers.

    Attributes:
        ids: of all segments, one after another [P].
        lengths: tokens of each segment [N].
    """

    ids: Ints
    lengths: Ints

    def __getitem__(self, part: slice) -> Tokens:
        ends = np.concatenate([[0], np.cumsum(self.lengths)])
        first, last, _ = part.indices(len(self.lengths))
        return Tokens(self.ids[ends[first] : ends[last]], self.lengths[part])

    def count_ngrams(self, order: int) -> Ints:
        """Returns how many n-grams of an order each segment has [N]."""
        return np.maximum(self.lengths - order + 1, 0)


class Alphabet:
    """Numbers for the characters of any text."""

    size = _CODE_POINTS

    def number(self, segments: Iterable[str]) -> Tokens:
        """Returns the characters of segments."""
        texts = list(segments)
        ids = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
        return Tokens(ids, np.fromiter(map(len, texts), np.int64, len(texts)))


class WordList:
    """Numbers for the words of references; all other words are one, which no reference has."""

    def __init__(self, references: Iterable[Iterable[Sequence[str]]]) -> None:
        self._ids: dict[str, int] = {}
        for segments in references:
            for words in segments:
                for word in words:
                    self._ids.setdefault(word, len(self._ids))

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self._ids) + 1

    def number(self, segments: Iterable[Sequence[str]]) -> Tokens:
        """Returns the words of segments."""
        find, unknown = self._ids.get, len(self._ids)
        ids: list[int] = []
        lengths = []
        for words in segments:
            ids += [find(word, unknown) for word in words]
            lengths.append(len(words))
        return Tokens(np.array(ids, np.int64), np.array(lengths, np.int64))


@dataclass(frozen=True)
class _Order:
    """The n-grams of one order that the references have: each once per segment, sorted by ``keys``."""

    keys: Ints
    most: Ints  # how often one reference has the n-gram, of several the one that has it most often
    segments: Ints


class NgramMatcher:
    """Counts the n-grams of hypotheses that their references have, each as often as one reference has it at most.

    Args:
        references: for each reference its tokens [N segments]; all with the same numbers.
        size: above all numbers of tokens.
        max_order: the longest n-grams.
    """

    def __init__(self, references: Sequence[Tokens], size: int, max_order: int) -> None:
        self._size = size
        self._max_order = max_order
        self._blocks = [
            self._tables([reference[start : start + _SEGMENTS] for reference in references])
            for start in range(0, len(references[0].lengths), _SEGMENTS)
        ]

    def _tables(self, references: Sequence[Tokens]) -> list[_Order]:
        ids = np.concatenate([reference.ids for reference in references])
        lengths = np.concatenate([reference.lengths for reference in references])
        segments = len(references[0].lengths)
        rows = np.repeat(np.arange(len(lengths)), lengths)  # of which reference and segment a token is
        ends = np.repeat(np.cumsum(lengths), lengths)
        starts, parents, tables = np.arange(len(ids)), rows % segments, []
        of_segment: Any = np.arange(segments)
        for order in range(self._max_order):
            keys = parents * self._size + ids[starts + order]
            unique, nodes = np.unique(keys, return_inverse=True)
            own = nodes * len(references) + rows[starts] // segments
            counts = np.bincount(own, minlength=len(unique) * len(references)).reshape(-1, len(references))
            of_segment = of_segment[unique // self._size]
            tables.append(_Order(unique, counts.max(axis=1, initial=0), of_segment))
            inside = starts + order + 1 < ends[starts]
            starts, parents = starts[inside], nodes[inside]
        return tables

    def count(self, hypotheses: Tokens) -> Ints:
        """Returns how many n-grams of each segment and order match [N, orders]."""
        blocks = [
            self._count(tables, hypotheses[start * _SEGMENTS : (start + 1) * _SEGMENTS])
            for start, tables in enumerate(self._blocks)
        ]
        return np.concatenate(blocks)

    def _count(self, tables: Sequence[_Order], hypotheses: Tokens) -> Ints:
        ids, lengths = hypotheses.ids, hypotheses.lengths
        ends = np.repeat(np.cumsum(lengths), lengths)
        starts, parents = np.arange(len(ids)), np.repeat(np.arange(len(lengths)), lengths)
        matches = np.zeros((len(lengths), len(tables)), np.int64)
        for order, table in enumerate(tables):
            if not len(starts) or not len(table.keys):
                break
            keys = parents * self._size + ids[starts + order]
            nodes = np.minimum(np.searchsorted(table.keys, keys), len(table.keys) - 1)
            hit = table.keys[nodes] == keys
            found = np.minimum(np.bincount(nodes[hit], minlength=len(table.keys)), table.most)
            matches[:, order] = np.bincount(table.segments, weights=found, minlength=len(lengths))
            hit &= starts + order + 1 < ends[starts]  # an n-gram that no reference has cannot begin one that matches
            starts, parents = starts[hit], nodes[hit]
        return matches
