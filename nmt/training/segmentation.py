"""Segmentations that are drawn: one text has many, and a model that sees several of them learns more.

SentencePiece samples as well, but what 0.2.3 draws differs from process to process, whatever seed it is given. Here all
randomness is that of a generator that the caller has.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from itertools import pairwise

from nmt.tokenizer import UNK, Tokenizer

_SPACE = "\u2581"  # which SentencePiece puts before each word
_UNKNOWN_PENALTY = 10.0  # SentencePiece's, of a character without a piece, below the lowest score

_Arcs = tuple[list[int], list[float]]


class Segmenter:
    """Draws segmentations of words; a text is its words, which one space each separates.

    unigram: a segmentation x has the chance P(x)^alpha over the sum of all (Kudo 2018, section 3.3, l without limit).
    bpe: merges are dropped with the chance alpha (BPE-dropout, Provilkov et al. 2020, algorithm 1).

    Args:
        tokenizer: the vocabulary, unigram or bpe.
        alpha: 0 to 1.
    """

    def __init__(self, tokenizer: Tokenizer, alpha: float) -> None:
        self._alpha = alpha
        self._merges = tokenizer.kind == "bpe"
        self._scores = tokenizer.scores
        self._ids = {piece: id_ for id_, piece in enumerate(tokenizer.pieces)}
        self._longest = max(map(len, self._scores))
        self._unknown = min(self._scores.values()) - _UNKNOWN_PENALTY

    def sample(self, word: str, count: int, generator: random.Random) -> list[list[int]]:
        """Returns so many segmentations as ids, each drawn by itself.

        Args:
            word: text without a space; empty between two spaces.
            count: the number of draws.
            generator: what is drawn with.
        """
        # What the tokenizer makes of it: a space before the word, and a question mark for a lone surrogate.
        text = _SPACE + word.encode("utf-8", "replace").decode().replace(" ", _SPACE)
        if self._merges:
            return [self._ids_of(self._merged(text, generator)) for _ in range(count)]
        arcs = self._lattice(text)
        return [self._ids_of(_path(text, arcs, generator)) for _ in range(count)]

    def _lattice(self, text: str) -> list[_Arcs]:
        """Returns, for each place in a text, where the pieces that end there begin, and their chances.

        The first half of forward filtering and backward sampling, which Kudo takes from Scott (2002).
        """
        scores, alpha = self._scores, self._alpha
        sums = [0.0]  # logarithms
        arcs: list[_Arcs] = [([], [])]
        for end in range(1, len(text) + 1):
            starts = range(max(0, end - self._longest), end)
            found = [start for start in starts if start == end - 1 or text[start:end] in scores]
            weights = [sums[start] + alpha * scores.get(text[start:end], self._unknown) for start in found]
            greatest = max(weights)
            chances = [math.exp(weight - greatest) for weight in weights]
            sums.append(greatest + math.log(sum(chances)))
            arcs.append((found, chances))
        return arcs

    def _merged(self, text: str, generator: random.Random) -> list[str]:
        """Merges, again and again, the pair of symbols that was learnt first of those that are not dropped."""
        symbols, scores = list(text), self._scores
        while True:
            pairs = enumerate(map("".join, pairwise(symbols)))
            found = [
                (-scores[pair], place) for place, pair in pairs if pair in scores and generator.random() >= self._alpha
            ]
            if not found:
                return symbols
            _, place = min(found)
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]

    def _ids_of(self, symbols: Iterable[str]) -> list[int]:
        """Returns the ids of pieces; characters that are none are bytes, or one UNK for several in a row."""
        ids: list[int] = []
        for symbol in symbols:
            if symbol in self._scores:
                ids.append(self._ids[symbol])
                continue
            spelt = [self._ids.get(f"<0x{byte:02X}>", UNK) for byte in symbol.encode()]
            if UNK not in spelt:
                ids += spelt
            elif ids[-1:] != [UNK]:
                ids.append(UNK)
        return ids


def _path(text: str, arcs: list[_Arcs], generator: random.Random) -> list[str]:
    """Draws a segmentation of a text, from its last piece to its first."""
    pieces, end = [], len(text)
    while end:
        (start,) = generator.choices(*arcs[end])
        pieces.append(text[start:end])
        end = start
    return pieces[::-1]
