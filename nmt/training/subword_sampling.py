"""Subword regularisation: the training text segmented anew for each epoch."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable
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
_SPECIAL = [[BOS]], [[EOS]]  # the words 0 and 1


class SampledSide:
    """One side of a corpus, whose segmentation is drawn.

    The text is kept as the numbers of its words. An epoch draws at most 64 segmentations of each word, and the
    occurrences of the word take them in turn.

    Args:
        tokenizer: the vocabulary.
        texts: the lines.
        alpha: ``dataset.subword_sampling``.
        begin: whether sequences begin with BOS; all end in EOS.
    """

    def __init__(self, tokenizer: Tokenizer, texts: Iterable[str], alpha: float, begin: bool) -> None:
        self._segmenter = Segmenter(tokenizer, alpha)
        numbers: dict[str, int] = {}
        words, offsets = array("i"), array("q", [0])
        for text in texts:
            words.extend([0] if begin else [])
            words.extend(numbers.setdefault(word, len(numbers) + len(_SPECIAL)) for word in text.split(" "))
            words.append(1)
            offsets.append(len(words))
        self._vocabulary = list(numbers)
        self._words: npt.NDArray[np.int32] = np.array(words, np.int32)
        self._offsets: npt.NDArray[np.int64] = np.array(offsets, np.int64)
        self._counts = np.bincount(self._words, minlength=len(numbers) + len(_SPECIAL))
        # The n-th occurrence of a word takes draw n modulo 64.
        order = np.argsort(self._words, kind="stable")
        turns = np.empty(len(order), np.int64)
        turns[order] = np.arange(len(order)) - np.repeat(np.cumsum(self._counts) - self._counts, self._counts)
        self._turns = (turns % _DRAWS).astype(np.uint8)

    def sample(self, seed: str) -> Sequences:
        """Returns the ids of all lines, a function of ``seed`` alone."""
        generator = random.Random(seed)
        draws = [*_SPECIAL]
        for word, count in zip(self._vocabulary, self._counts[len(_SPECIAL) :].tolist(), strict=True):
            draws.append(self._segmenter.sample(word, min(count, _DRAWS), generator))
        table = Sequences.of(ids for drawn in draws for ids in drawn)
        sizes = np.array([len(drawn) for drawn in draws])
        # BOS and EOS have one draw for all occurrences.
        chosen = (np.cumsum(sizes) - sizes)[self._words] + self._turns % sizes[self._words]
        lengths = table.lengths[chosen]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(ends[-1]) + np.repeat(table.offsets[chosen] - ends[:-1], lengths)
        return Sequences(table.ids[places], ends[self._offsets])


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
    return [
        SampledSide(tokenizers.source, source, alpha, begin=False),
        SampledSide(tokenizers.target, target, alpha, begin=True),
    ]


def _check_kind(tokenizer: Tokenizer, side: str) -> None:
    if tokenizer.kind not in ("unigram", "bpe"):
        raise RecipeError(
            f"dataset.subword_sampling: the {side} vocabulary, which is kept from a bundle, cannot sample",
            received=f"a {tokenizer.kind} vocabulary",
            expected="unigram or bpe",
            action="Set dataset.subword_sampling to 0, or learn the vocabulary anew",
        )
