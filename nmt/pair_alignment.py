"""Which tokens of a pair translate each other, learned from the pairs themselves.

Two models of words, one in each direction, are found by expectation maximisation: each word of one side comes from a
word of the other, or from none, with a probability that is a product of a table (IBM model 1, Brown et al. 1993) and of
how near both stand to the diagonal (Dyer et al. 2013, equations 1 to 3)::

    P(i | j)     ~  t(target_j | source_i) exp(-4 |(i + 1/2) / S - (j + 1/2) / T|)
    P(none | j)  ~  0.08 t(target_j | none)

Words are linked where the mean of both directions is high enough; then all their pieces are. A word is what the pieces
make that stand between spaces, its punctuation and case left out. Where text has hardly any spaces, every piece is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.dataset import EncodedCorpus, Sequences
from nmt.lexical_table import PossibleLinks, learn_table, possible_links
from nmt.tokenizer import Tokenizer, TokenizerPair

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

STEPS = 1 << 15
"""A link is one number: the target's step times this, plus the source's."""

_TENSION = 4.0
_FROM_NONE = 0.08
_LINKED = 0.4  # least mean of both probabilities
_CHUNK_LINKS = 4_000_000  # pairs of words that are looked at together: about 300 MB
_UNSEEN = 1e-9
_LONG_WORD = 12.0  # characters, on average: no language with spaces has such words


class _Side(NamedTuple):
    """One side of a corpus as words: for each pair the numbers of its words, from 1, and the word of each piece."""

    words: list[Ids]
    places: list[Ids]
    size: int  # numbers are below it


def align_pairs(corpus: EncodedCorpus, tokenizers: TokenizerPair) -> Sequences:
    """Returns the links of each pair, as numbers of the form target step * ``STEPS`` + source step, ascending.

    The steps are those of the source's ids, and of the target's behind BOS. EOS has no links.

    Args:
        corpus: pairs of ids.
        tokenizers: the vocabularies of both sides.
    """
    source = _words(corpus.source.rows(), tokenizers.source)
    target = _words([row[1:] for row in corpus.target.rows()], tokenizers.target)
    sizes = [len(a) * len(b) for a, b in zip(source.words, target.words, strict=True)]
    chosen = range(0, len(corpus), -(-sum(sizes) // _CHUNK_LINKS) or 1)
    sample = [source.words[row] for row in chosen], [target.words[row] for row in chosen]
    there, back = _learn(*sample, target.size), _learn(*sample[::-1], source.size)
    links: list[Ids] = []
    for rows in _chunks(sizes):
        sides = source.words[rows], target.words[rows]
        matrices = zip(
            there.posteriors(*sides),
            back.posteriors(*reversed(sides)),
            source.places[rows],
            target.places[rows],
            strict=True,
        )
        links += [_piece_links((own + other.T) / 2 > _LINKED, *places) for own, other, *places in matrices]
    return Sequences.of(links)


def _words(rows: Sequence[npt.NDArray[np.int32]], tokenizer: Tokenizer) -> _Side:
    """Reads the words of rows of ids, each of which ends in EOS."""
    rows = [np.minimum(row, tokenizer.vocab_size) for row in rows]
    pieces = [*tokenizer.pieces, "\u2581unknown"]  # the last one is any unknown word of a source that is copied
    begins = [piece.startswith("\u2581") for piece in pieces]
    texts = ["".join(filter(str.isalnum, piece)).casefold() for piece in pieces]
    places = [
        np.maximum(np.cumsum([begins[id_] for id_ in row[:-1]], dtype=np.int64) - begins[row[0]], 0) for row in rows
    ]
    count = sum(int(own[-1]) + 1 for own in places if len(own))
    length = sum(len(texts[id_]) for row in rows for id_ in row[:-1])
    if length > _LONG_WORD * count:
        places = [np.arange(len(row) - 1) for row in rows]
    numbers: dict[tuple[str, ...], int] = {}
    words = []
    for row, own in zip(rows, places, strict=True):
        spelt = [""] * (int(own[-1]) + 1 if len(own) else 0)
        marks = [""] * len(spelt)
        for id_, place in zip(row[:-1].tolist(), own.tolist(), strict=True):
            spelt[place] += texts[id_]
            marks[place] += pieces[id_]
        keys = [(text,) if text else ("", mark) for text, mark in zip(spelt, marks, strict=True)]
        words.append(np.array([numbers.setdefault(key, len(numbers) + 1) for key in keys], np.int64))
    return _Side(words, places, len(numbers) + 1)


def _chunks(sizes: Sequence[int]) -> Iterator[slice]:
    """Cuts pairs with so many possible links into chunks that are not too large."""
    begin = total = 0
    for row, size in enumerate(sizes):
        if total + size > _CHUNK_LINKS and row > begin:
            yield slice(begin, row)
            begin, total = row, 0
        total += size
    yield slice(begin, len(sizes))


def _piece_links(linked: npt.NDArray[np.bool_], source_places: Ids, target_places: Ids) -> Ids:
    """Returns the links of the pieces of a pair whose words [T, S] are ``linked``."""
    target, source = np.nonzero(linked[np.ix_(target_places, source_places)])
    return np.asarray(target * STEPS + source)


def _priors(links: PossibleLinks, sources: Sequence[Ids], targets: Sequence[Ids]) -> Floats:
    """Returns the part of each link's probability [X] that does not depend on its words; they sum to 1 by target."""
    others = np.array([len(row) for row in targets], np.int64)
    lengths = np.repeat([len(row) for row in sources], others)  # of the source of each target word
    step = np.arange(links.tokens) - np.repeat(np.cumsum(others) - others, others)
    place = (step + 0.5) / np.repeat(others, others)
    distance = np.abs((links.place - 0.5) / lengths[links.owner] - place[links.owner])
    weight = np.where(links.place == 0, 0.0, np.exp(-_TENSION * distance))
    total = np.maximum(np.bincount(links.owner, weight, links.tokens), 1e-30)
    return np.where(links.place == 0, _FROM_NONE, (1.0 - _FROM_NONE) * weight / total[links.owner])


class _Table(NamedTuple):
    """t(target | source) of the pairs of words that were seen together."""

    entries: Ids  # ascending: source * size + target
    values: Floats
    size: int

    def posteriors(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> Iterator[Floats]:
        """Yields for each pair the probability [T, S] of each link, given its target word, without those to none.

        A pair of words that was not seen has hardly any.
        """
        links = possible_links(sources, targets)
        wanted = links.source * self.size + links.target
        index = np.minimum(np.searchsorted(self.entries, wanted), len(self.entries) - 1)
        values = np.where(self.entries[index] == wanted, self.values[index], _UNSEEN)
        values = links.shares(values * _priors(links, sources, targets))
        begin = 0
        for source, target in zip(sources, targets, strict=True):
            shape = len(target), len(source) + 1
            yield values[begin : begin + shape[0] * shape[1]].reshape(shape)[:, 1:]
            begin += shape[0] * shape[1]


def _learn(sources: Sequence[Ids], targets: Sequence[Ids], size: int) -> _Table:
    """Finds the table of some pairs whose target words are below ``size``."""
    links = possible_links(sources, targets)
    return _Table(*learn_table(links, size, _priors(links, sources, targets)), size)
