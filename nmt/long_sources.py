"""Sources that are longer than a model takes: split at the ends of sentences, cut, cut behind a sentence, or refused.

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
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from nmt.errors import DataError
from nmt.tokenizer import EOS, Tokenizer

SPACED = ".!?…‼⁇⁈⁉؟۔।॥։።၊။៖។՜՞"
UNSPACED = "。！？｡．"
CLOSING = "\"'”’»›)\\]}」』】〉》）］｝"
_END = re.compile(rf"(?:[{SPACED}]+[{CLOSING}]*(?=\s)|[{UNSPACED}]+[{CLOSING}]*)(\s*)")
LONGEST_SPACE = 1000  # characters of white space that are looked at together
_LAST_SPACE = re.compile(r"\s+\S*$")

LongSources = Literal["leave_out", "truncate", "truncate_sentence"]
"""What training does with pairs whose sources are too long."""
Mode = Literal["split", "truncate", "truncate_sentence", "error"]


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
        divided = self._split(text) if self.mode == "split" else [self.cut(text)]
        self.parts += len(divided)
        return divided

    def report(self) -> str | None:
        """Says how many lines were too long; None where none was."""
        if not self.long:
            return None
        done = {
            "split": f"split into {self.parts:,} parts",
            "truncate_sentence": "cut behind the last sentence that fits",
        }.get(self.mode, "cut there")
        lines = f"{self.long:,} of {self.lines:,} lines are longer than {self.limit} tokens"
        return f"{lines}, the first is line {self.first:,}: {done}"

    def cut(self, text: str) -> Part:
        """Returns the beginning of a text that is too long: all its words, or all its sentences, that fit."""
        first = next(self._pieces(text, ""))
        if self.mode == "truncate":
            return first
        end = last = 0
        for sentence, space in sentences(text):
            if end + len(sentence) > len(first.text):
                break
            last, end = end + len(sentence), end + len(sentence) + len(space)
        return Part(text[:last], self._encode(text[:last]), "") if last else first

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
