"""Subword regularisation: the training text segmented anew for each epoch."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt.dataset import EncodedCorpus, Sequences
from nmt.errors import RecipeError
from nmt.textio import read_lines
from nmt.tokenizer import BOS, EOS, Tokenizer, TokenizerPair
from nmt.training.segmentation import Segmenter

_DRAWS = 64
_END = 0  # the word that is EOS


class SampledSide:
    """One side of a corpus, whose segmentation is drawn.

    The text is kept as the numbers of its words. An epoch draws at most 64 segmentations of each word, and the
    occurrences of the word take them in turn.

    Args:
        tokenizer: the vocabulary.
        texts: the lines.
        alpha: ``dataset.subword_sampling``.
        begins: the id that each sequence begins with, such as BOS, or None; all end in EOS.
    """

    def __init__(self, tokenizer: Tokenizer, texts: Iterable[str], alpha: float, begins: Sequence[int | None]) -> None:
        self._segmenter = Segmenter(tokenizer, alpha)
        # The first words are those that are not segmented.
        ids = sorted({begin for begin in begins if begin is not None})
        self._special = [[[EOS]], *([[id_]] for id_ in ids)]
        begin_words = {id_: [number] for number, id_ in enumerate(ids, start=1)}
        numbers: dict[str, int] = {}
        words, offsets = array("i"), array("q", [0])
        for text, begin in zip(texts, begins, strict=True):
            words.extend([] if begin is None else begin_words[begin])
            words.extend(numbers.setdefault(word, len(numbers) + len(self._special)) for word in text.split(" "))
            words.append(_END)
            offsets.append(len(words))
        self._vocabulary = list(numbers)
        self._words: npt.NDArray[np.int32] = np.array(words, np.int32)
        self._offsets: npt.NDArray[np.int64] = np.array(offsets, np.int64)
        self._counts = np.bincount(self._words, minlength=len(numbers) + len(self._special))
        # The n-th occurrence of a word takes draw n modulo 64.
        order = np.argsort(self._words, kind="stable")
        turns = np.empty(len(order), np.int64)
        turns[order] = np.arange(len(order)) - np.repeat(np.cumsum(self._counts) - self._counts, self._counts)
        self._turns = (turns % _DRAWS).astype(np.uint8)

    def sample(self, seed: str) -> Sequences:
        """Returns the ids of all lines, a function of ``seed`` alone."""
        generator = random.Random(seed)
        draws = [*self._special]
        for word, count in zip(self._vocabulary, self._counts[len(self._special) :].tolist(), strict=True):
            draws.append(self._segmenter.sample(word, min(count, _DRAWS), generator))
        table = Sequences.of(ids for drawn in draws for ids in drawn)
        sizes = np.array([len(drawn) for drawn in draws])
        # Special words have one draw for all occurrences.
        chosen = (np.cumsum(sizes) - sizes)[self._words] + self._turns % sizes[self._words]
        words = table.select(chosen)
        return Sequences(words.ids, words.offsets[self._offsets])


def sampled_sides(
    tokenizers: TokenizerPair, files: tuple[Path, Path], corpus: EncodedCorpus, alpha: float
) -> list[SampledSide]:
    """Returns source and target of a corpus as text whose segmentation is drawn; nothing where ``alpha`` is 0.

    Args:
        tokenizers: the vocabularies.
        files: the text that the corpus was encoded from; lines that are not in it stay out.
        corpus: the pairs as ids.
        alpha: ``dataset.subword_sampling``.

    Raises:
        RecipeError: a vocabulary cannot sample.
    """
    if not alpha:
        return []
    for side, tokenizer in (("source", tokenizers.source), ("target", tokenizers.target)):
        _check_kind(tokenizer, side)
    kept = np.zeros(int(corpus.lines[-1]) + 1, bool)
    kept[corpus.lines] = True
    source, target = (compress(read_lines(file), kept) for file in files)
    marker = tokenizers.source.marker
    first = corpus.source.ids[corpus.source.offsets[:-1]]
    marks = [marker if marker is not None and id_ == marker else None for id_ in first.tolist()]
    return [
        SampledSide(tokenizers.source, source, alpha, marks),
        SampledSide(tokenizers.target, target, alpha, [BOS] * len(corpus)),
    ]


def _check_kind(tokenizer: Tokenizer, side: str) -> None:
    if tokenizer.kind not in ("unigram", "bpe"):
        raise RecipeError(
            f"dataset.subword_sampling: the {side} vocabulary, which is kept from a bundle, cannot sample",
            received=f"a {tokenizer.kind} vocabulary",
            expected="unigram or bpe",
            action="Set dataset.subword_sampling to 0, or learn the vocabulary anew",
        )
