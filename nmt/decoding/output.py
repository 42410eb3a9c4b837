"""How translations are written: as text, with fields behind it, or as JSON lines with all that is known.

In text, a line is a translation and the fields that were asked for, in this order, with `` ||| `` between them::

    text ||| score ||| log-probability of each word, then of the end ||| alignment ||| flags

With ``n_best`` a line of the source has up to N lines, best first, each behind the line's number, from 0::

    line ||| text ||| score ...

A hard alignment is ``0-0 1-2``: source word, target word. A soft one has for every target word what it gives to each
source word, ``0.9,0.1 0.2,0.8``. Words are what stands between white space: in the source after the bundle's
normalisation, in the target as it is written. As JSON there is one object per line of the source, with all of it, and
what attention gave to each source word in all (coverage); where a model copies, how probable it was that each target
word was generated (p_gen of See et al. 2017), and how much of it was copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nmt.decoding.quality import Flag, quality_flags
from nmt.decoding.translation import Details, Translation
from nmt.tokenizer import UNKNOWN_SURFACE
from nmt.word_alignment import format_links

SEPARATOR = " ||| "


@dataclass(frozen=True)
class OutputFormat:
    """What is written for every line of the source.

    Attributes:
        jsonl: one JSON object per line, with everything.
        n_best: translations of each line, at most; None for the best alone, without the number of its line.
        scores, word_scores, flags: whether these fields are written.
        alignment: which kind of alignment is written.
        summary: whether texts are meant to be shorter than their sources.
    """

    jsonl: bool = False
    n_best: int | None = None
    scores: bool = False
    word_scores: bool = False
    alignment: Literal["none", "hard", "soft"] = "none"
    flags: bool = False
    summary: bool = False

    @property
    def hypotheses(self) -> int:
        """Translations of each line."""
        return self.n_best or 1

    @property
    def details(self) -> bool:
        """Whether a pass over each translation is needed."""
        return self.jsonl or self.word_scores or self.alignment != "none"

    @property
    def is_plain(self) -> bool:
        """Whether a line is the text alone."""
        return self == OutputFormat(summary=self.summary)

    def lines(self, translations: Sequence[Translation], number: int) -> Iterator[str]:
        """Yields what is written for one line of the source.

        Args:
            translations: of that line, best first.
            number: of the line, from 0.
        """
        if self.jsonl:
            yield self._json(translations, number)
            return
        for translation in translations:
            fields = [translation.text]
            if self.scores or self.n_best:
                fields.append(_number(translation.score))
            if self.word_scores:
                fields.append(" ".join(map(_number, _word_scores(translation.details))))
            if self.alignment != "none":
                fields.append(_alignment(translation.details, self.alignment))
            if self.flags:
                fields.append(" ".join(self._flags(translation)))
            yield SEPARATOR.join(fields if self.n_best is None else [str(number), *fields])

    def _flags(self, translation: Translation) -> list[Flag]:
        if translation.hypothesis is None:
            return []
        return quality_flags(
            translation.source,
            translation.text,
            translation.log_probability / len(translation.hypothesis.ids),
            finished=translation.finished,
            unknown=UNKNOWN_SURFACE,
            summary=self.summary,
            unmet=translation.hypothesis.unmet,
        )

    def _json(self, translations: Sequence[Translation], number: int) -> str:
        found = []
        for translation in translations:
            entry: dict[str, Any] = {"text": translation.text, "score": round(translation.score, 6)}
            entry["log_probability"] = round(translation.log_probability, 6)
            entry |= details_json(translation.details)
            found.append(entry | {"flags": self._flags(translation)})
        row = {"line": number, "source": translations[0].source, "translations": found}
        return json.dumps(row, ensure_ascii=False)


def details_json(details: Details | None) -> dict[str, Any]:
    """Returns what is known of a translation word by word, as JSON values; of a blank one that there is no word."""
    if details is None:
        return {"ids": [], "words": [], "alignment": []}
    end, generation = details.end_log_probability, details.word_generation
    result: dict[str, Any] = {
        "ids": list(details.ids),
        "words": details.target.words,
        "word_log_probabilities": _rounded(details.word_log_probabilities, 6),
        "end_log_probability": None if end is None else round(end, 6),
    }
    if details.attention is not None:
        result["alignment"] = details.alignment
        result["attention"] = [_rounded(row, 4) for row in details.attention.tolist()]
        result["coverage"] = _rounded(details.attention.sum(axis=0).tolist(), 4)
    if generation is not None:
        result["generated"] = _rounded(generation, 4)
    if details.word_copied is not None:
        result["copied"] = _rounded(details.word_copied, 4)
    return result


def _word_scores(details: Details | None) -> list[float]:
    if details is None:
        return []
    end = details.end_log_probability
    return [*details.word_log_probabilities, *([] if end is None else [end])]


def _alignment(details: Details | None, kind: str) -> str:
    if details is None or details.attention is None:
        return ""
    if kind == "hard":
        return format_links(details.alignment or [])
    return " ".join(",".join(f"{weight:.4g}" for weight in row) for row in details.attention.tolist())


def _number(value: float) -> str:
    return f"{value:.6f}"


def _rounded(values: Sequence[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]
