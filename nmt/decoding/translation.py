"""A translation with all that is known of it: scores, words, alignments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.unknown import replace_unknown
from nmt.textio import as_line
from nmt.tokenizer import EOS, UNK, Span, TokenizerPair
from nmt.word_alignment import Links, hard_alignment, word_sums, word_weights, words_of_pieces

if TYPE_CHECKING:
    from nmt.copied_words import CopyTokenizer
    from nmt.decoding.ensemble import Ensemble
    from nmt.decoding.forced import Forced
    from nmt.models.seq2seq import Seq2Seq

Floats = npt.NDArray[np.float64]


class Words(NamedTuple):
    """The words of a text, which stand between white space, and the pieces that they are made of.

    Attributes:
        words: the words.
        places: for each piece, the words that it is a part of; EOS is a part of none.
        pieces: the text of each piece, white space and all; that of EOS is empty.
    """

    words: list[str]
    places: list[list[int]]
    pieces: list[str]


@dataclass(frozen=True)
class Details:
    """What forced decoding finds out about an output.

    Attributes:
        ids: the output's tokens.
        text: the output, one line.
        forced: by token, EOS counted.
        source: the source's words, by the pieces that the encoder reads, EOS counted. In a source of vectors each
            vector is a word, its number, from 0.
        target: the output's words, by its tokens, EOS counted.
    """

    ids: Sequence[int]
    text: str
    forced: Forced
    source: Words
    target: Words

    @cached_property
    def word_log_probabilities(self) -> list[float]:
        """The log-probability of each word of the output: the sum over its pieces, in nats."""
        return word_sums(self.forced.log_probabilities, self.target.places, len(self.target.words)).tolist()

    @property
    def end_log_probability(self) -> float | None:
        """The log-probability of the end, in nats; None for an output that was cut before it."""
        ended = len(self.target.places) > 0 and not self.target.places[-1]
        return float(self.forced.log_probabilities[-1]) if ended else None

    @cached_property
    def word_generation(self) -> list[float] | None:
        """The probability that each word was generated and not copied, the mean over its pieces; None as in forced."""
        return self._word_means(self.forced.generate)

    @cached_property
    def word_copied(self) -> list[float] | None:
        """How much of each word was copied, 0 to 1, the mean over its pieces; None as in forced."""
        return self._word_means(self.forced.copied)

    def _word_means(self, values: Any) -> list[float] | None:
        if values is None:
            return None
        counts = word_sums(np.ones(len(self.target.places)), self.target.places, len(self.target.words))
        means: list[float] = (word_sums(values, self.target.places, len(self.target.words)) / counts).tolist()
        return means

    @cached_property
    def attention(self) -> Floats | None:
        """What each word of the output gives to each word of the source, [U, W]; None without attention.

        What a model gives to the end of the source is left out, so that a row may sum to less than 1.
        """
        if self.forced.weights is None:
            return None
        source, target = self.source, self.target
        counts = len(source.words), len(target.words)
        return word_weights(self.forced.weights, source.places, target.places, *counts)

    @cached_property
    def alignment(self) -> Links | None:
        """The links from source words to words of the output; None as for ``attention``."""
        return None if self.attention is None else hard_alignment(self.attention)


@dataclass(frozen=True)
class Translation:
    """One translation of a line.

    Attributes:
        source: the line, normalised; empty for a source of vectors.
        text: the translation, one line.
        hypothesis: what the search found; None for a blank line, whose translation is blank.
        details: None for a blank line, and where they were not asked for.
    """

    source: str
    text: str
    hypothesis: Hypothesis | None = None
    details: Details | None = None

    @property
    def score(self) -> float:
        """What the search ranked it by; 0 for a blank line."""
        return self.hypothesis.score if self.hypothesis else 0.0

    @property
    def log_probability(self) -> float:
        """In nats, of all tokens and the end; 0 for a blank line."""
        return self.hypothesis.log_probability if self.hypothesis else 0.0

    @property
    def finished(self) -> bool:
        """Whether the model came to an end before the longest length."""
        return self.hypothesis is None or self.hypothesis.ids[-1:] == [EOS]


class Examiner:
    """Finds out what a model says about outputs: word scores, alignments, and what its unknown words stand for.

    Args:
        model: the network, or the networks that vote.
        tokenizers: the vocabularies of both sides.
        dictionary: what unknown words are replaced by; None: they are shown as unknown.
        copier: what reads and writes text instead of the tokenizers where unknown words are copied.
    """

    def __init__(
        self,
        model: Seq2Seq | Ensemble,
        tokenizers: TokenizerPair,
        dictionary: Mapping[str, str] | None = None,
        copier: CopyTokenizer | None = None,
    ) -> None:
        from nmt.decoding.forced import ForcedDecoder

        self._forced = ForcedDecoder(model)
        self._tokenizers = tokenizers
        self._dictionary = dictionary
        self._copier = copier

    def examine(
        self,
        sources: Sequence[Any],
        outputs: Sequence[Sequence[int]],
        texts: Sequence[str] | None,
        written: Sequence[tuple[str, list[Span]]] | None = None,
    ) -> list[Details]:
        """Returns the details of each output.

        Args:
            sources: ids that end in EOS, or marked vectors; one for each output.
            outputs: ids, which end in EOS where the output has come to its end.
            texts: the normalised text of each source; None for vectors.
            written: the text of each output, with the characters of its pieces; what the ids decode to when absent.
        """
        read: dict[str, _Read] = {}
        if texts is not None:
            different = list(dict.fromkeys(texts))  # an n-best list has n of the same
            encoded = (self._copier or self._tokenizers.source).encode_with_spans(different)
            read = {text: _Read.of(text, spans) for text, (_, spans) in zip(different, encoded, strict=True)}
        sides = [read[text] for text in texts] if texts is not None else [_Read.of_steps(len(each)) for each in sources]
        forced = self._forced.force(sources, outputs)
        written = self._written(outputs, texts) if written is None else written
        results = []
        for side, ids, found, (text, spans) in zip(sides, outputs, forced, written, strict=True):
            if self._dictionary is not None and UNK in ids and found.weights is not None:
                text, spans = replace_unknown(text, spans, ids, found.weights, side.surfaces, self._dictionary)
            shown = as_line(text.removeprefix(" ") if UNK in ids[:1] else text)
            results.append(Details(ids, shown, found, side.words, _words(text, spans, len(ids))))
        return results

    def _written(self, outputs: Sequence[Sequence[int]], texts: Sequence[str] | None) -> list[tuple[str, list[Span]]]:
        if self._copier is None or texts is None:
            return self._tokenizers.target.decode_with_spans(outputs)
        return self._copier.decode_with_spans(outputs, map(self._copier.unknown_words, texts))


class _Read(NamedTuple):
    """A source as it was read: its words, and the text of its pieces."""

    words: Words
    surfaces: list[str]

    @classmethod
    def of(cls, text: str, spans: Sequence[Span]) -> _Read:
        words = _words(text, spans, len(spans) + 1)
        return cls(words, words.pieces[:-1])

    @classmethod
    def of_steps(cls, steps: int) -> _Read:
        names = [str(step) for step in range(steps)]
        return cls(Words(names, [[step] for step in range(steps)], names), names)


def _words(text: str, spans: Sequence[Span], tokens: int) -> Words:
    """Returns the words of a text by its pieces; the tokens behind these, EOS, are a part of none."""
    words, places = words_of_pieces(text, spans)
    behind = tokens - len(places)
    pieces = [text[begin:end] for begin, end in spans]
    return Words(words, [*places, *([] for _ in range(behind))], [*pieces, *[""] * behind])
