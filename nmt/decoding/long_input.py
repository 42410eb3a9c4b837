"""Sources that are longer than what a model was trained on: split at the ends of sentences, cut, or refused.

A sentence ends behind

- ``.``, ``!``, ``?``, ``…`` and their like in other scripts (Arabic, Devanagari, Armenian, Ethiopic, ...), where white
  space follows and the next character is no lower-case letter; a full stop behind a single letter ends none (J. Smith);
- the full-width marks of Chinese and Japanese, such as ``。``, whatever follows;

with the quotes and brackets that close there. A sentence that is still too long is split before the last word that
fits, or, where its last word takes up more than half, between two pieces of that.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple
from unicodedata import east_asian_width

import numpy as np
import numpy.typing as npt

from nmt.decoding.forced import Forced
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.translation import Details, Translation, Words
from nmt.errors import DataError
from nmt.tokenizer import EOS, Tokenizer

SPACED = ".!?…‼⁇⁈⁉؟۔।॥։።၊။៖។՜՞"
UNSPACED = "。！？｡．"
CLOSING = "\"'”’»›)\\]}」』】〉》）］｝"
_END = re.compile(rf"(?:[{SPACED}]+[{CLOSING}]*(?=\s)|[{UNSPACED}]+[{CLOSING}]*)(\s*)")
LONGEST_SPACE = 1000  # characters of white space that are looked at together
_LAST_SPACE = re.compile(r"\s+\S*$")

Mode = Literal["split", "truncate", "error"]


class Part(NamedTuple):
    """A part of a line that is translated by itself.

    Attributes:
        text: the part.
        ids: its ids, behind them EOS.
        space: the white space that stood behind it.
    """

    text: str
    ids: list[int]
    space: str


def sentences(text: str) -> list[tuple[str, str]]:
    """Returns the sentences of a text, each with the white space behind it."""
    found: list[tuple[str, str]] = []
    begin = 0
    for match in _END.finditer(text):
        initial = match[0].strip() == "." and _ends_in_one_letter(text[: match.start()])
        if initial or text[match.end() : match.end() + 1].islower():
            continue
        found.append((text[begin : match.start(1)], match[1]))
        begin = match.end()
    if begin < len(text):
        found.append((text[begin:], ""))
    return found


def _ends_in_one_letter(text: str) -> bool:
    return text[-1:].isalpha() and not text[-2:-1].isalnum()


@dataclass
class LongInput:
    """Divides lines that are longer than a model takes, and counts them.

    Args:
        mode: what is done to such lines.
        limit: most tokens of a source, EOS counted, at least 2.
        tokenizer: of the source.

    Attributes:
        lines: lines that were looked at.
        long: those of them that were too long.
        parts: in how many parts these were translated.
        first: the number of the first of them, counted from 1.
    """

    mode: Mode
    limit: int
    tokenizer: Tokenizer
    lines: int = 0
    long: int = 0
    parts: int = 0
    first: int = 0

    def divide(self, text: str, ids: list[int], number: int) -> list[Part]:
        """Returns the parts of a line; one where it is short enough.

        Args:
            text: the line, normalised.
            ids: its ids, behind them EOS.
            number: which line it is, counted from 1.

        Raises:
            DataError: it is too long, and the mode is ``error``.
        """
        self.lines += 1
        if len(ids) <= self.limit:
            return [Part(text, ids, "")]
        if self.mode == "error":
            raise DataError(
                f"line {number} of the source is longer than what the model was trained on",
                received=f"{len(ids)} tokens: {text[:40]}...",
                expected=f"at most {self.limit} tokens, the end counted",
                action="Split it, or use --long split or --long truncate",
            )
        self.first = self.first or number
        self.long += 1
        divided = self._split(text) if self.mode == "split" else [next(self._pieces(text, ""))]
        self.parts += len(divided)
        return divided

    def report(self) -> str | None:
        """Says how many lines were too long; None where none was."""
        if not self.long:
            return None
        done = f"split into {self.parts:,} parts" if self.mode == "split" else "cut there"
        lines = f"{self.long:,} of {self.lines:,} lines are longer than {self.limit} tokens"
        return f"{lines}, the first is line {self.first:,}: {done}"

    def _split(self, text: str) -> list[Part]:
        return [part for sentence, space in sentences(text) for part in self._pieces(sentence, space)]

    def _pieces(self, text: str, space: str) -> Iterator[Part]:
        """Yields parts of a text that are short enough; ``space`` is what stands behind it."""
        ids, spans = self.tokenizer.encode_with_spans([text])[0]
        if len(ids) < self.limit:
            yield Part(text, [*ids, EOS], space)
            return
        starts = [start for start, _ in spans]
        begin = 0
        while begin < len(text):
            end = self._end(text, begin, starts)
            rest = text[end : end + LONGEST_SPACE]
            gap = rest[: len(rest) - len(rest.lstrip())]
            whole = end + len(gap) == len(text)
            yield Part(text[begin:end], self._encode(text[begin:end]), gap + space if whole else gap)
            begin = end + len(gap)

    def _end(self, text: str, begin: int, starts: list[int]) -> int:
        """Returns where the longest part ends that begins at a character and is short enough.

        Args:
            text: the text.
            begin: the character.
            starts: where each piece of the text begins.
        """
        first = bisect_left(starts, begin)
        ends = [*starts, len(text)][first + 1 : first + self.limit]
        # A part can have more pieces by itself than the same characters have within the text.
        for end in reversed(ends):
            last = _LAST_SPACE.search(text[begin : end + 1]) if end < len(text) else None
            if last and last.start() > (end - begin) // 2:
                end = begin + last.start()
            if text[begin:end].strip() and len(self._encode(text[begin:end])) <= self.limit:
                return end
        return begin + 1

    def _encode(self, text: str) -> list[int]:
        return [*self.tokenizer.encode([text])[0], EOS]


def joined(line: str, parts: Sequence[Part], found: Sequence[Translation]) -> Translation:
    """Returns the translation of a line from those of its parts.

    Between two of them stands the white space that stood between the parts. Where there was none, as in Chinese, a
    space is put behind a translation that does not end in a full-width character.

    Its log-probability is the sum of theirs, and its score the mean over all tokens. Its words, and what is known of
    them, are theirs one behind the other.
    """
    if len(found) == 1:
        return found[0]
    text = found[0].text
    gaps = []
    for part, translation in zip(parts, found[1:], strict=False):
        gaps.append(part.space or ("" if not text or east_asian_width(text[-1]) in "WF" else " "))
        text += gaps[-1] + translation.text
    hypotheses = [each.hypothesis for each in found if each.hypothesis]
    ids = [id_ for each in hypotheses for id_ in each.ids]
    score = sum(each.score * len(each.ids) for each in hypotheses) / max(len(ids), 1)
    log_probability = sum(each.log_probability for each in hypotheses)
    whole = Hypothesis(ids, score, log_probability, sum(each.unmet for each in hypotheses))
    details = [each.details for each in found if each.details]
    return Translation(line, text, whole, _joined_details(ids, text, details, parts, gaps) if details else None)


def _joined_details(
    ids: list[int], text: str, details: Sequence[Details], parts: Sequence[Part], gaps: Sequence[str]
) -> Details:
    forced = [each.forced for each in details]
    sources = [each.source for each in details]
    weights = [each.weights for each in forced if each.weights is not None]
    generate = [each.generate for each in forced if each.generate is not None]
    return Details(
        ids,
        text,
        Forced(
            np.concatenate([each.log_probabilities for each in forced]),
            _block_diagonal(weights) if weights else None,
            np.concatenate(generate) if generate else None,
        ),
        _joined_words(sources, [part.space for part in parts]),
        _joined_words([each.target for each in details], gaps),
    )


def _block_diagonal(blocks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Returns one matrix with the blocks along its diagonal."""
    whole = np.zeros([sum(block.shape[axis] for block in blocks) for axis in (0, 1)], np.float32)
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole


def _joined_words(parts: Sequence[Words], gaps: Sequence[str]) -> Words:
    """Returns the words of all parts; two that no gap stands between are one."""
    words: list[str] = []
    places: list[list[int]] = []
    pieces: list[str] = []
    for part, gap in zip(parts, [" ", *gaps], strict=False):
        one = not gap and bool(words) and bool(part.words)
        begin = len(words) - one
        if one:
            words[-1] += part.words[0]
        words += part.words[one:]
        places += [[begin + place for place in piece] for piece in part.places]
        pieces += part.pieces
    return Words(words, places, pieces)
