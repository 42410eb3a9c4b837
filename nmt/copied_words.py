"""Words that a vocabulary of words lacks, and that a model copies from its source (See et al. 2017, section 2.2).

The unknown words of a source get ids of their own behind the vocabulary: V, V + 1, ... in the order in which they first
occur in it. An id from V on means nothing but a word of the source beside it. Example, where the vocabulary lacks the
words Brigitte and Zwingli::

    source    Brigitte met Zwingli , said Brigitte        V   17  V+1  5  21  V
    target    Zwingli and Anna met                        V+1 12  UNK  17

A target has the ids of its source's unknown words; what neither the vocabulary nor the source has is UNK.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate, chain, pairwise, repeat, takewhile

import numpy as np

from nmt.config import Recipe
from nmt.errors import RecipeError
from nmt.textio import as_line
from nmt.tokenizer import BOS, EOS, UNK, UNKNOWN_SURFACE, Ids, Lengths, Span, Tokenizer, TokenizerPair

_SPACE = "\u2581"  # with which every piece of a vocabulary of words begins


def copies_unknown_words(recipe: Recipe) -> bool:
    """Whether the model of a recipe copies words that its vocabulary lacks."""
    return recipe.tokenizer.kind == "word" and recipe.model.decoder.copy_source != "none"


def copier_of(recipe: Recipe, tokenizers: TokenizerPair) -> CopyTokenizer | None:
    """Returns what reads and writes the text of a model that copies unknown words, None for any other model.

    Raises:
        RecipeError: a vocabulary that the recipe keeps from a bundle is of another kind than the recipe says.
    """
    if recipe.model.decoder.copy_source == "none":
        return None
    kinds = recipe.tokenizer.kind, tokenizers.source.kind
    if "word" in kinds and kinds[0] != kinds[1]:
        raise RecipeError(
            "tokenizer.kind: a model that copies reads a vocabulary of words otherwise than one of pieces",
            received=f"{kinds[0]}, and a vocabulary of kind {kinds[1]} that is kept from a bundle",
            expected="the kind of the vocabulary that is kept",
            action=f"Set tokenizer.kind to {kinds[1]}",
        )
    return CopyTokenizer(tokenizers.source.to_bytes()) if kinds[0] == "word" else None


class CopyTokenizer(Tokenizer):
    """A vocabulary of words that gives ids, and text, to the unknown words of a source.

    ``encode`` and ``encode_with_spans`` read sources. They differ from those of :class:`Tokenizer` in unknown words
    alone, each of which has an id, and which never become one UNK where they stand side by side.
    """

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece[1:]: id_ for id_, piece in enumerate(self.pieces) if piece in self.scores}

    @cached_property
    def _names(self) -> list[str | None]:
        """The text of each id; None for what is not shown."""
        names: list[str | None] = [piece[1:] if piece in self.scores else None for piece in self.pieces]
        names[UNK] = UNKNOWN_SURFACE
        return names

    def unknown_words(self, source: str) -> list[str]:
        """Returns the words of a source that have the ids V, V + 1, ..."""
        return list(dict.fromkeys(word for word in _words(source) if word and word not in self._ids))

    def encode(self, texts: Iterable[str]) -> list[list[int]]:
        """Returns the ids of each source, [S], without EOS."""
        return [self.encode_target(text, self.unknown_words(text)) for text in texts]

    def encode_flat(self, texts: Sequence[str], begin: bool = False) -> tuple[Ids, Lengths]:
        """Returns the ids of all sources side by side, as :meth:`Tokenizer.encode_flat` does."""
        rows = [[*[BOS] * begin, *ids, EOS] for ids in self.encode(texts)]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum())), lengths

    def encode_with_spans(self, texts: Iterable[str]) -> list[tuple[list[int], list[Span]]]:
        """Returns the ids of each source, and the characters that each id stands for."""
        return [self.encode_target_with_spans(text, self.unknown_words(text)) for text in texts]

    def encode_target(self, text: str, unknown: Sequence[str]) -> list[int]:
        """Returns the ids of a target, [T], without BOS and EOS.

        Args:
            text: the target.
            unknown: the ``unknown_words`` of its source.
        """
        known, own = self._ids, {word: self.vocab_size + number for number, word in enumerate(unknown)}
        return [known[word] if word in known else own.get(word, UNK) for word in _words(text)]

    def encode_target_with_spans(self, text: str, unknown: Sequence[str]) -> tuple[list[int], list[Span]]:
        """Returns what ``encode_target`` does, and the characters that each id stands for."""
        return self.encode_target(text, unknown), _spans(text)

    def decode(self, sequences: Iterable[Sequence[int]], unknown: Iterable[Sequence[str]] = repeat(())) -> list[str]:
        """Returns one line of text per sequence of ids, each read up to its first EOS, as :class:`Tokenizer` does.

        Args:
            sequences: the ids.
            unknown: for each, the ``unknown_words`` of its source; what is not among them is shown as UNK is.
        """
        return [as_line(text) for text, _ in self.decode_with_spans(sequences, unknown)]

    def decode_with_spans(
        self, sequences: Iterable[Sequence[int]], unknown: Iterable[Sequence[str]] = repeat(())
    ) -> list[tuple[str, list[Span]]]:
        """Returns the text of each sequence, and the characters of the text that each id up to EOS has made."""
        results = []
        for ids, own in zip(sequences, unknown, strict=False):
            text, spans, space = "", list[Span](), ""
            for id_ in takewhile(lambda id_: id_ != EOS, map(int, ids)):
                begin, word = len(text), self._name(id_, own)
                if word is not None:
                    text, space = text + space + word, " "
                spans.append((begin, len(text)))
            results.append((text, spans))
        return results

    def _name(self, id_: int, unknown: Sequence[str]) -> str | None:
        number = id_ - self.vocab_size
        if number < 0:
            return self._names[id_]
        return unknown[number] if number < len(unknown) else UNKNOWN_SURFACE


def _words(text: str) -> list[str]:
    """Returns what stands between spaces, as SentencePiece cuts a text; a lone surrogate is a question mark."""
    return text.encode("utf-8", "replace").decode().replace(_SPACE, " ").split(" ") if text else []


def _spans(text: str) -> list[Span]:
    """Returns the characters of each word: the space before it is a part of it."""
    ends = accumulate((len(word) + 1 for word in _words(text)), initial=-1)
    return [(max(begin, 0), end) for begin, end in pairwise(ends)]
