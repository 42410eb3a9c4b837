"""What is asked of translations, as text: files with prefixes, phrases that must or must not be there, a glossary.

A phrase becomes the ids that SentencePiece gives it by itself: its first piece begins a word, as it does within a
text, because no piece crosses a space; its last piece may be followed by more of the same word. A phrase that begins
with a character of a script without spaces (Chinese, Japanese, Thai, ...) stands within a word, so its first piece has
no mark of one. A forbidden phrase is forbidden in every way of spelling it with few pieces.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from nmt import textio
from nmt.copied_words import CopyTokenizer
from nmt.decoding.constraints import Condition, Ids
from nmt.errors import DataError
from nmt.storage import sha256_of_file
from nmt.tokenizer import UNK, Tokenizer

_UNSPACED = (
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
_BEGINS_UNSPACED = re.compile(_UNSPACED)
_WORD = re.compile(rf"{_UNSPACED}|(?:(?!{_UNSPACED})\w)+|[^\w\s]")
_SPACE = "\u2581"  # how SentencePiece writes a space, and the beginning of a text
_SPELLINGS = 16  # of a forbidden phrase; those of fewer pieces first
_IMPOSSIBLE = 1_000_000_000  # pieces, of what cannot be spelled


class Request(NamedTuple):
    """What is asked of the translation of one line.

    Attributes:
        prefix: how it begins.
        required: phrases that it has.
    """

    prefix: str = ""
    required: tuple[str, ...] = ()


class Glossary:
    """Target phrases that stand for source phrases.

    Args:
        entries: the target phrase of each source phrase.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = {tuple(_WORD.findall(source)): target for source, target in entries.items()}
        self._longest = max(map(len, self._entries), default=0)

    def required(self, text: str) -> list[str]:
        """Returns the target phrases for the source phrases in a text: whole words, the longest where they overlap."""
        words = _WORD.findall(text)
        found, begin = [], 0
        while begin < len(words):
            for length in range(min(self._longest, len(words) - begin), 0, -1):
                target = self._entries.get(tuple(words[begin : begin + length]))
                if target is not None:
                    found.append(target)
                    begin += length - 1
                    break
            begin += 1
        return list(dict.fromkeys(found))


def read_glossary(path: Path, normalize: Callable[[str], str]) -> Glossary:
    """Reads a glossary: on each line a source phrase, a tab, and a target phrase.

    Raises:
        DataError: a line has no such form, or a source phrase has two target phrases.
    """
    entries: dict[str, str] = {}
    for number, line in enumerate(textio.read_lines(path), start=1):
        if not line.strip():
            continue
        source, *targets = (normalize(part).strip() for part in line.split("\t"))
        if len(targets) != 1 or not source or not targets[0]:
            raise DataError(
                f"{path}, line {number}: not an entry of a glossary",
                received=line,
                expected="a source phrase, a tab, a target phrase",
            )
        if entries.setdefault(source, targets[0]) != targets[0]:
            raise DataError(
                f"{path}, line {number}: {source} has two target phrases",
                received=f"{entries[source]} and {targets[0]}",
                expected="one, which is required wherever the source phrase is",
            )
    return Glossary(entries)


class Requests:
    """What is asked of the translations of some lines.

    Args:
        prefix: a file with one line for each source line: how its translation begins; blank for anyhow.
        require: a file with one line for each source line: phrases that its translation has, between tabs.
        forbid: a file with one phrase on each line, which no translation has.
        glossary: a file as :func:`read_glossary` takes it.

    Attributes:
        files: the files, by the names of the arguments.
        by_line: the names of those with a line for each source line.
        identity: the files' digests.
    """

    def __init__(
        self,
        prefix: Path | None = None,
        require: Path | None = None,
        forbid: Path | None = None,
        glossary: Path | None = None,
    ) -> None:
        self._each = {name: path for name, path in (("prefix", prefix), ("require", require)) if path is not None}
        self._open: dict[str, Iterator[str]] = {}
        self._next = 1
        self.forbid, self.glossary = forbid, glossary
        files = {**self._each, "forbid": forbid, "glossary": glossary}
        self.files = {name: path for name, path in files.items() if path is not None}
        self.by_line = tuple(self._each)
        self.identity = {name: sha256_of_file(path) for name, path in self.files.items()}

    def check(self, lines: int) -> None:
        """Raises DataError unless the files that go line by line have so many lines."""
        for path in self._each.values():
            if (found := textio.count_lines(path)) != lines:
                raise DataError(
                    f"{path}: not one line for each line of the source",
                    received=f"{found:,} lines",
                    expected=f"{lines:,} lines",
                )

    def of_lines(self, first: int, count: int) -> list[Request]:
        """Returns what is asked of ``count`` lines, the first of which has the number ``first``, counted from 1.

        Raises:
            DataError: a file has fewer lines.
        """
        if first < self._next or not self._open:
            self._open = {name: textio.read_lines(path) for name, path in self._each.items()}
            self._next = 1
        read: dict[str, list[str]] = {}
        for name, lines in self._open.items():
            read[name] = list(islice(lines, first - self._next, first - self._next + count))
            if len(read[name]) < count:
                raise DataError(
                    f"{self._each[name]}: ends before the source",
                    received=f"{first - 1 + len(read[name]):,} lines",
                    expected="one for each line of the source",
                )
        self._next = first + count
        prefixes, phrases = (read.get(name, [""] * count) for name in ("prefix", "require"))
        return [
            Request(prefix, tuple(phrase for phrase in own.split("\t") if phrase.strip()))
            for prefix, own in zip(prefixes, phrases, strict=True)
        ]


class ConditionWriter:
    """Turns what is asked into ids.

    Args:
        requests: the files.
        tokenizer: of the target.
        normalize: of both sides.
        copier: what gives ids to the unknown words of sources, where these are copied: a phrase may have them.

    Raises:
        DataError: a file cannot be read, or the glossary is none.
    """

    def __init__(
        self,
        requests: Requests,
        tokenizer: Tokenizer,
        normalize: Callable[[str], str],
        copier: CopyTokenizer | None = None,
    ) -> None:
        self._tokenizer, self._normalize, self._copier = tokenizer, normalize, copier
        self._names = tokenizer.pieces
        self._pieces = {piece: id_ for id_, piece in enumerate(self._names)}
        self._spellable = {piece: self._pieces[piece] for piece in tokenizer.scores}
        self._known: dict[str, Ids] = {}
        self._glossary = read_glossary(requests.glossary, normalize) if requests.glossary else Glossary({})
        phrases = (
            [] if requests.forbid is None else [line for line in textio.read_lines(requests.forbid) if line.strip()]
        )
        self._forbidden = tuple(dict.fromkeys(ids for phrase in phrases for ids in self.spellings(phrase)))
        self._unknown_forbidden = [phrase for phrase in phrases if UNK in self.phrase(phrase)]

    def condition(self, text: str, request: Request) -> Condition:
        """Returns what is asked of the translation of a text, normalised."""
        prefix = self._encoded(request.prefix)
        phrases = dict.fromkeys([*request.required, *self._glossary.required(text)])
        if self._copier is None or not (unknown := self._copier.unknown_words(text)):
            return Condition(prefix, tuple(map(self.phrase, phrases)), self._forbidden)

        def ids_of(phrase: str) -> Ids:
            return tuple(copier.encode_target(self._normalize(phrase).strip(), unknown))

        copier = self._copier
        forbidden = (*self._forbidden, *map(ids_of, self._unknown_forbidden))
        return Condition(ids_of(request.prefix), tuple(map(ids_of, phrases)), forbidden)

    def phrase(self, text: str) -> Ids:
        """Returns the ids of a phrase within a text."""
        if text not in self._known:
            ids = self._encoded(text)
            if _BEGINS_UNSPACED.match(text.strip()):
                ids = self._within_word(ids)
            self._known[text] = ids
        return self._known[text]

    def spellings(self, text: str) -> list[Ids]:
        """Returns the ids of a phrase, and of other ways of spelling it, those of fewer pieces first."""
        clean = self._normalize(text).strip()
        spaced = _SPACE + clean.replace(" ", _SPACE)
        within = _BEGINS_UNSPACED.match(clean) is not None
        found = [self.phrase(text), *self._spelled(spaced), *(self._spelled(spaced[1:]) if within else ())]
        return list(dict.fromkeys(ids for ids in found if ids))

    def _encoded(self, text: str) -> Ids:
        return tuple(self._tokenizer.encode([self._normalize(text).strip()])[0])

    def _within_word(self, ids: Ids) -> Ids:
        """Takes the mark of a word's beginning from the first piece, where there is a piece without it."""
        first = self._names[ids[0]]
        if first == _SPACE:
            return ids[1:]
        other = self._pieces.get(first.removeprefix(_SPACE))
        return ids if other is None else (other, *ids[1:])

    def _spelled(self, text: str) -> Iterator[Ids]:
        """Yields the ways of cutting a text into pieces, at most so many, those of fewer pieces first."""
        after = [0 if end == len(text) else _IMPOSSIBLE for end in range(len(text) + 1)]
        longest = max(map(len, self._spellable), default=0)
        pieces = [
            [
                (end, self._spellable[text[begin:end]])
                for end in range(begin + 1, min(begin + longest, len(text)) + 1)
                if text[begin:end] in self._spellable
            ]
            for begin in range(len(text))
        ]
        for begin in reversed(range(len(text))):  # how many pieces the rest of the text needs
            after[begin] = min((1 + after[end] for end, _ in pieces[begin]), default=_IMPOSSIBLE)
        queue: list[tuple[int, int, Ids]] = [(after[0], 0, ())]
        left = _SPELLINGS
        while queue and left and queue[0][0] < _IMPOSSIBLE:
            _, begin, ids = heapq.heappop(queue)
            if begin == len(text):
                left -= 1
                yield ids
                continue
            for end, id_ in pieces[begin]:
                heapq.heappush(queue, (len(ids) + 1 + after[end], end, (*ids, id_)))
