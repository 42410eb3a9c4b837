"""What makes a translation suspect, from its source, its text and its score alone.

A flag is a reason to look, not a verdict: a name may be copied, and a number may become a word. All limits are here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Literal

Flag = Literal[
    "empty",
    "unfinished",
    "copy",
    "repetition",
    "length_ratio",
    "numbers_lost",
    "links_lost",
    "unknown",
    "low_score",
    "request_unmet",
]

COPY_WORDS = 3
"""A translation that equals its source, but for case and spaces, is flagged ``copy`` from so many words on."""
REPETITIONS = 3
"""An n-gram of words that follows upon itself so many times is ``repetition``, unless the source has such a one too."""
REPEATED_WORDS = 4
"""The longest n-gram, in words, that is looked for."""
LENGTH_RATIO = 3.0
"""``length_ratio``: one of the texts has more characters than so many times those of the other."""
LENGTH_EXTRA = 20
"""Characters that the longer text may have on top of that: short texts differ by chance."""
LOW_SCORE = -1.5
"""``low_score``: the log-probability per token, in nats, is below that; exp(-1.5) = 0.22 per token."""

_NUMBER = re.compile(r"\d+")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_REPETITION = re.compile(rf"(?:^| )((?:\S+ ){{0,{REPEATED_WORDS - 1}}}\S+)(?: \1){{{REPETITIONS - 1}}}(?= |$)")


def quality_flags(
    source: str,
    text: str,
    token_log_probability: float,
    *,
    finished: bool,
    unknown: str,
    summary: bool = False,
    unmet: int = 0,
) -> list[Flag]:
    """Returns what is suspect about a translation, in the order of ``Flag``. A blank source has no flags.

    Args:
        source: the normalised source; empty for a source of vectors, of which only the text itself is judged.
        text: its translation.
        token_log_probability: the log-probability per token, EOS counted, in nats.
        finished: whether the model came to an end before the longest length.
        unknown: how an unknown piece is shown.
        summary: whether the text is to be shorter than its source, and may leave out numbers and links.
        unmet: required phrases, and a required beginning, that it lacks.
    """
    longer, shorter = sorted((len(source), len(text)), reverse=True)
    found: dict[Flag, bool] = {
        "empty": not text.strip(),
        "unfinished": not finished,
        "copy": len(source.split()) >= COPY_WORDS and _plain(source) == _plain(text),
        "repetition": _repeats(text) and not _repeats(source),
        "length_ratio": bool(source and text) and longer > LENGTH_RATIO * shorter + LENGTH_EXTRA and not summary,
        "numbers_lost": bool(_numbers(source) - _numbers(text)) and not summary,
        "links_lost": not set(_links(source)) <= set(_links(text)) and not summary,
        "unknown": unknown in text,
        "low_score": token_log_probability < LOW_SCORE,
        "request_unmet": unmet > 0,
    }
    return [flag for flag, holds in found.items() if holds]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _repeats(text: str) -> bool:
    return _REPETITION.search(_plain(text)) is not None


def _numbers(text: str) -> Counter[str]:
    """Returns the runs of digits of a text that are in no link, in ASCII, so that "3,5" and "3.5" have the same."""
    runs = _NUMBER.findall(_LINK.sub(" ", text))
    return Counter("".join(str(unicodedata.digit(digit)) for digit in run) for run in runs)


def _links(text: str) -> list[str]:
    """Returns the web and mail addresses of a text, without the punctuation behind them."""
    return [link.rstrip(".,;:!?)]}'") for link in _LINK.findall(text)]
