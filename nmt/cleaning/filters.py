"""Filters: what is measured of a pair, and whether that is accepted, told apart so that both can be looked at."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, Protocol

from nmt.cleaning.normalize import is_blank
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep, DecontaminateStep, DeduplicateStep, LengthRatioStep, LengthStep

Side = Literal["source", "target"]
_SIDES: tuple[Side, Side] = ("source", "target")


class Filter(Protocol):
    """One decision about pairs. ``measure`` gives a value, ``accepts`` judges it, ``explain`` puts it into words."""

    def measure(self, pair: Pair) -> Any:
        """Returns what the decision rests on."""

    def accepts(self, value: Any) -> bool:
        """Says whether a pair with this value is kept."""

    def explain(self, value: Any) -> str:
        """Returns the reason why a pair with this value is dropped."""

    def keeps(self, pair: Pair) -> bool:
        """Says whether a pair is kept."""
        return self.accepts(self.measure(pair))


class EmptyFilter(Filter):
    """Keeps pairs in which both sides have a visible character. It stands before all other steps of every recipe."""

    def measure(self, pair: Pair) -> list[Side]:
        """Returns the sides that are empty."""
        return [side for side, text in zip(_SIDES, pair, strict=True) if is_blank(text)]

    def accepts(self, value: list[Side]) -> bool:
        """No side may be empty."""
        return not value

    def explain(self, value: list[Side]) -> str:
        """Names the empty sides."""
        return f"{' and '.join(value)} empty"


@dataclass(frozen=True)
class LengthFilter(Filter):
    """Keeps pairs in which both sides have from ``min`` to ``max`` units."""

    settings: LengthStep

    def measure(self, pair: Pair) -> tuple[int, int]:
        """Returns the lengths of source and target in units."""
        return _length(pair.source, self.settings.unit), _length(pair.target, self.settings.unit)

    def accepts(self, value: tuple[int, int]) -> bool:
        """Both lengths must lie within the limits."""
        least, most = self.settings.min, self.settings.max
        return least <= value[0] <= most and least <= value[1] <= most

    def keeps(self, pair: Pair) -> bool:
        """Says whether a pair is kept; most texts have fewer characters than they may have words."""
        settings = self.settings
        if settings.unit == "word" and settings.min == 1 and max(map(len, pair)) <= settings.max:
            return not any(not text or text.isspace() for text in pair)
        return self.accepts(self.measure(pair))

    def explain(self, value: tuple[int, int]) -> str:
        """Gives both lengths and the limits."""
        settings = self.settings
        return f"{value[0]} and {value[1]} {settings.unit}s, not within {settings.min} to {settings.max}"


@dataclass(frozen=True)
class LengthRatioFilter(Filter):
    """Keeps pairs whose longer side has at most ``max`` times the units of the shorter one."""

    settings: LengthRatioStep

    def measure(self, pair: Pair) -> float:
        """Returns the length of the longer side divided by that of the shorter one, infinity for an empty side."""
        lengths = [_length(text, self.settings.unit) for text in pair]
        return max(lengths) / min(lengths) if min(lengths) else float("inf")

    def accepts(self, value: float) -> bool:
        """The ratio must not be above the limit."""
        return value <= self.settings.max

    def explain(self, value: float) -> str:
        """Gives the ratio and the limit."""
        return f"length ratio {value:.2f} in {self.settings.unit}s, above {self.settings.max:g}"


@dataclass(frozen=True)
class DeduplicateFilter:
    """Keeps the first of equal pairs, or of pairs with equal sources or targets.

    Whether one is the first is not for a pair alone to say: all are compared by their digests, see
    :mod:`nmt.cleaning.duplicates`.
    """

    settings: DeduplicateStep

    def digest(self, pair: Pair) -> bytes:
        """Returns 16 bytes that are equal where the pairs are."""
        return _digest(*pair) if self.settings.on == "pair" else _digest(getattr(pair, self.settings.on))

    def accepts(self, repeated: bool) -> bool:
        """Only the first one is kept."""
        return not repeated

    def explain(self, repeated: bool) -> str:
        """Says what was equal."""
        return f"the same {self.settings.on} came before"


class EvaluationDigests:
    """16-byte digests of the comparable text of one evaluation set: of its sources, its targets and its pairs."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.digests: dict[str, set[bytes]] = {"source": set(), "target": set(), "pair": set()}
        for pair in pairs:
            compared = _Comparable(pair)
            for part, digests in self.digests.items():
                digests.add(compared.digest(part))

    def match(self, compared: _Comparable, on: str) -> str | None:
        """Returns the part, among those that ``on`` names, that occurs in the set, or None."""
        # Where the source does not occur, the pair does not: most targets need not be looked at.
        if on == "pair" and compared.digest("source") not in self.digests["source"]:
            return None
        parts = ("source", "target") if on == "either" else (on,)
        return next((part for part in parts if compared.digest(part) in self.digests[part]), None)


@dataclass(frozen=True)
class DecontaminateFilter(Filter):
    """Drops training pairs that occur in the evaluation sets, compared without case, punctuation and spaces."""

    settings: DecontaminateStep
    evaluation: Mapping[str, EvaluationDigests]

    def measure(self, pair: Pair) -> tuple[str, str] | None:
        """Returns which part of the pair occurs in which evaluation set, or None."""
        compared = _Comparable(pair)
        for name in self.settings.against:
            if name in self.evaluation and (part := self.evaluation[name].match(compared, self.settings.on)):
                return part, name
        return None

    def accepts(self, value: tuple[str, str] | None) -> bool:
        """Nothing of the pair may occur there."""
        return value is None

    def explain(self, value: tuple[str, str] | None) -> str:
        """Names the part and the set."""
        part, name = value or ("nothing", "evaluation")
        return f"its {part} occurs in the {name} set"


def filter_of(step: CleaningStep, evaluation: Mapping[str, EvaluationDigests]) -> Filter | None:
    """Returns the filter of a step that judges pairs one by one; None for ``normalize`` and ``deduplicate``."""
    if step.length is not None:
        return LengthFilter(step.length)
    if step.length_ratio is not None:
        return LengthRatioFilter(step.length_ratio)
    if step.decontaminate is not None:
        return DecontaminateFilter(step.decontaminate, evaluation)
    return None


def comparable(text: str) -> str:
    """Returns ``text`` without case, compatibility variants, punctuation, white space and invisible characters.

    A text of nothing else keeps its punctuation, so that "?" and "!" are not the same.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.translate(_WITHOUT_PUNCTUATION) or "".join(folded.split())


class _DeletionTable(dict[int, int | None]):
    """A table for ``str.translate`` that looks each character up once: None deletes it."""

    def __missing__(self, code: int) -> int | None:
        # Punctuation, separators, control and format characters; never marks, which are vowels in many scripts.
        category = unicodedata.category(chr(code))
        self[code] = None if category[0] in "PZ" or category in ("Cc", "Cf") else code
        return self[code]


_WITHOUT_PUNCTUATION = _DeletionTable()


class _Comparable:
    """The digests of the comparable text of a pair, each computed when it is asked for, once."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._texts: dict[str, str] = {}
        self._digests: dict[str, bytes] = {}

    def digest(self, part: str) -> bytes:
        """Returns the digest of the ``source``, the ``target`` or the ``pair``."""
        if part not in self._digests:
            sides = ("source", "target") if part == "pair" else (part,)
            self._digests[part] = _digest(*map(self._text, sides))
        return self._digests[part]

    def _text(self, side: str) -> str:
        if side not in self._texts:
            self._texts[side] = comparable(getattr(self._pair, side))
        return self._texts[side]


def _digest(*texts: str) -> bytes:
    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    # With lengths, so that ("ab", "c") and ("a", "bc") differ.
    return blake2b(b"".join([b"%d:%b" % (len(content), content) for content in contents]), digest_size=16).digest()


def _length(text: str, unit: Literal["word", "char"]) -> int:
    return len(text.split()) if unit == "word" else len(text)
