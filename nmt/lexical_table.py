"""A lexical table: which target tokens each source token may be translated by, learned from the pairs themselves.

It is the translation table of IBM model 1 (Brown et al. 1993, section 4.1), found by expectation maximisation. Decoding
takes its shortlist of the output vocabulary from it (Jean et al. 2015, section 3.3; L'Hostis et al. 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.dataset import EncodedCorpus
from nmt.storage import atomic_file
from nmt.tokenizer import BOS, EOS, PAD, UNK

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

CANDIDATES = 50
"""Target tokens that are kept for each source token."""

_ITERATIONS = 5
_MOST_LINKS = 5_000_000  # pairs of a source and a target token that are looked at: some seconds, and 200 MB
_ALWAYS = (PAD, UNK, BOS, EOS)


@dataclass(frozen=True)
class LexicalTable:
    """The most probable target tokens.

    Attributes:
        candidates: int32 [V, N], for each source token, the most probable first; PAD where there are no more.
        frequent: int32 [F], all target tokens of the corpus, the most frequent first.
    """

    candidates: Ids
    frequent: Ids

    def shortlist(self, source: Ids, per_token: int) -> Ids:
        """Returns the target tokens that a batch of sources may be translated by, ascending.

        They are the special tokens, ``per_token`` candidates of each token of ``source``, and the four times
        ``per_token`` most frequent tokens of all.

        Args:
            source: ids of any shape.
            per_token: how many of the N candidates count.
        """
        candidates = self.candidates[np.unique(source), :per_token].ravel()
        always = np.array(_ALWAYS, np.int32)
        return np.unique(np.concatenate([always, candidates, self.frequent[: 4 * per_token]]))

    def save(self, path: Path) -> None:
        """Writes the table to one file."""
        with atomic_file(path) as stream:
            np.savez(stream, candidates=self.candidates, frequent=self.frequent)

    @classmethod
    def load(cls, path: Path) -> LexicalTable:
        """Reads what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["candidates"], arrays["frequent"])


class PossibleLinks(NamedTuple):
    """All links that there may be in some pairs, X in all: by pair, by target token, by source token, none first."""

    source: npt.NDArray[np.int64]  # [X], 0 for none
    target: npt.NDArray[np.int64]  # [X]
    place: npt.NDArray[np.int64]  # [X], of the source token in its pair, from 1; 0 for none
    owner: npt.NDArray[np.int64]  # [X], which of all target tokens a link belongs to
    tokens: int  # target tokens in all

    def shares(self, values: Floats) -> Floats:
        """Returns the ``values`` [X] of the links, divided by the sum of those of the same target token."""
        return np.asarray(values / np.bincount(self.owner, values, self.tokens)[self.owner])


def possible_links(sources: Sequence[npt.NDArray[Any]], targets: Sequence[npt.NDArray[Any]]) -> PossibleLinks:
    """Links every target token with every source token of its pair, and with none."""
    lengths = np.array([len(row) for row in sources], np.int64) + 1
    others = np.array([len(row) for row in targets], np.int64)
    source = np.concatenate([part for row in sources for part in ([0], row)] or [[]]).astype(np.int64)
    target = np.concatenate([*targets, []]).astype(np.int64)
    counts = np.repeat(lengths, others)  # of each target token
    owner = np.repeat(np.arange(len(target)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = np.repeat(np.cumsum(lengths) - lengths, others)
    return PossibleLinks(source[begins[owner] + place], target[owner], place, owner, len(target))


def learn_table(links: PossibleLinks, size: int, prior: Floats | float = 1.0) -> tuple[npt.NDArray[np.int64], Floats]:
    """Finds t(target | source) by expectation maximisation.

    Args:
        links: of the pairs that are learned from.
        size: target tokens are below it.
        prior: [X], how probable each link is whatever its tokens are.

    Returns:
        The pairs of tokens that were seen together, as source * ``size`` + target, ascending, and their probabilities.
    """
    entries, entry = np.unique(links.source * size + links.target, return_inverse=True)
    rows = entries // size
    values = np.full(len(entries), 1.0 / size)
    for _ in range(_ITERATIONS):
        expected = np.bincount(entry, links.shares(values[entry] * prior), len(entries))
        values = expected / np.bincount(rows, expected)[rows]
    return entries, values


def learn_lexical_table(corpus: EncodedCorpus, source_vocab_size: int, target_vocab_size: int) -> LexicalTable:
    """Learns the table of a corpus of ids; of a corpus that is too large, of pairs spread evenly over it.

    Args:
        corpus: the pairs; PAD stands for the empty source word that every target token may come from.
        source_vocab_size: V of the source.
        target_vocab_size: V of the target.
    """
    count = int((corpus.source.lengths * (corpus.target.lengths - 2)).sum())
    numbers = np.arange(0, len(corpus), -(-count // _MOST_LINKS) or 1)
    sources = [row[:-1] for row in corpus.source.select(numbers).rows()]  # without EOS
    targets = [row[1:-1] for row in corpus.target.select(numbers).rows()]  # without BOS and EOS
    possible = possible_links(sources, targets)
    entries, probabilities = learn_table(possible, target_vocab_size)
    rows = entries // target_vocab_size
    best = np.lexsort((entries, -probabilities, rows))
    rows, columns = rows[best], entries[best] % target_vocab_size
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    candidates = np.full((source_vocab_size, CANDIDATES), PAD, np.int32)
    kept = rank < CANDIDATES
    candidates[rows[kept], rank[kept]] = columns[kept]
    frequency = np.bincount(np.concatenate([*targets, np.zeros(0, np.int32)]), minlength=target_vocab_size)
    frequent = np.argsort(-frequency, kind="stable")[: np.count_nonzero(frequency)].astype(np.int32)
    return LexicalTable(candidates, frequent)
