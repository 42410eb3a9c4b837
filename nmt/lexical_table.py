"""A lexical table: which target tokens each source token may be translated by, learned from the pairs themselves.

It is the translation table of IBM model 1 (Brown et al. 1993, section 4.1), found by expectation maximisation. Decoding
takes its shortlist of the output vocabulary from it (Jean et al. 2015, section 3.3; L'Hostis et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt.dataset import EncodedCorpus
from nmt.storage import atomic_file
from nmt.tokenizer import BOS, EOS, PAD, UNK

Ids = npt.NDArray[np.int32]

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


def learn_lexical_table(corpus: EncodedCorpus, source_vocab_size: int, target_vocab_size: int) -> LexicalTable:
    """Learns the table of a corpus of ids; of a corpus that is too large, of pairs spread evenly over it.

    Args:
        corpus: the pairs; PAD stands for the empty source word that every target token may come from.
        source_vocab_size: V of the source.
        target_vocab_size: V of the target.
    """
    links = int((corpus.source.lengths * (corpus.target.lengths - 2)).sum())
    numbers = np.arange(0, len(corpus), -(-links // _MOST_LINKS) or 1)
    sources = [np.concatenate([[PAD], row[:-1]]) for row in corpus.source.select(numbers).rows()]  # without EOS
    targets = [row[1:-1] for row in corpus.target.select(numbers).rows()]  # without BOS and EOS
    source_lengths, target_lengths = (np.array([len(row) for row in rows], np.int64) for rows in (sources, targets))
    target = np.concatenate([*targets, np.zeros(0, np.int64)]).astype(np.int64)  # [T]
    # Every target token is linked with every source token of its pair: X links in all.
    counts = np.repeat(source_lengths, target_lengths)  # [T]
    token = np.repeat(np.arange(len(target)), counts)  # [X], the target token of each link
    within = np.arange(len(token)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = np.repeat(np.cumsum(source_lengths) - source_lengths, target_lengths)  # [T]
    source = np.concatenate([*sources, np.zeros(0, np.int64)])[begins[token] + within].astype(np.int64)  # [X]
    entries, entry = np.unique(source * target_vocab_size + target[token], return_inverse=True)
    rows = entries // target_vocab_size
    probabilities = np.full(len(entries), 1.0 / target_vocab_size)
    for _ in range(_ITERATIONS):
        linked = probabilities[entry]
        shares = linked / np.bincount(token, linked, len(target))[token]
        expected = np.bincount(entry, shares, len(entries))
        probabilities = expected / np.bincount(rows, expected, source_vocab_size)[rows]
    best = np.lexsort((entries, -probabilities, rows))
    rows, columns = rows[best], entries[best] % target_vocab_size
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    candidates = np.full((source_vocab_size, CANDIDATES), PAD, np.int32)
    kept = rank < CANDIDATES
    candidates[rows[kept], rank[kept]] = columns[kept]
    frequency = np.bincount(target, minlength=target_vocab_size)
    frequent = np.argsort(-frequency, kind="stable")[: np.count_nonzero(frequency)].astype(np.int32)
    return LexicalTable(candidates, frequent)
