"""Normalisation: the one change that is made to text, in training and in translation alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from nmt.corpora_config import CleaningStep, NormalizeStep
from nmt.errors import DataError
from nmt.textio import as_line

# Marks that have no width and no meaning of their own: soft hyphen, zero-width space, word joiner, byte order mark
# and the marks of writing direction. The joiners U+200C and U+200D stay: they tell words apart in several scripts.
INVISIBLE = "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_INVISIBLE_MARK = re.compile(f"[{INVISIBLE}]")
_VISIBLE = re.compile(rf"[^\s{INVISIBLE}]")


def is_blank(text: str) -> bool:
    """Says whether nothing of ``text`` is left when white space and invisible marks are dropped."""
    return _VISIBLE.search(text) is None


def is_mark(char: str) -> bool:
    """Says whether a character belongs to the letter before it and takes no room, as accents and vowel points do."""
    return unicodedata.category(char) == "Mn"


@dataclass(frozen=True)
class Normalizer:
    """A pure function from a text to one line of text, made of ``normalize`` steps applied in order.

    It is applied to both sides in cleaning, is stored in the bundle as ``settings``, and is applied to every sentence
    that is translated. Applying it twice gives what applying it once gives.
    """

    steps: tuple[NormalizeStep, ...] = ()

    def __call__(self, text: str) -> str:
        """Returns ``text`` normalised, as one line; without steps only line breaks change, to spaces."""
        for step in self.steps:
            text = _apply(step, text)
        return as_line(text)

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The settings of the steps, as JSON values."""
        return [step.model_dump(mode="json", exclude_none=True) for step in self.steps]

    @classmethod
    def from_settings(cls, settings: Iterable[Any]) -> Normalizer:
        """Returns the normaliser that has these ``settings``.

        Raises:
            DataError: they are not settings of ``normalize`` steps.
        """
        try:
            return cls(tuple(NormalizeStep.model_validate(step) for step in settings))
        except (ValidationError, TypeError) as error:
            raise DataError(
                "the settings of the normaliser are not valid",
                received=settings,
                expected=f"a list of objects with the keys {', '.join(NormalizeStep.model_fields)}",
            ) from error


def normalizer_of(steps: Iterable[CleaningStep]) -> Normalizer:
    """Returns the normaliser of all ``normalize`` steps among ``steps``; the identity on lines when there is none."""
    return Normalizer(tuple(step.normalize for step in steps if step.normalize is not None))


def _apply(step: NormalizeStep, text: str) -> str:
    if not text.isascii():  # ASCII text is in every form and holds no mark
        text = _INVISIBLE_MARK.sub("", text)
        if step.form != "none":
            form: Literal["NFC", "NFKC"] = step.form
            text = unicodedata.normalize(form, text)
        if step.marks == "drop":
            apart = unicodedata.normalize("NFD", text)
            text = unicodedata.normalize("NFC", "".join(char for char in apart if not is_mark(char)))
    return " ".join(text.split()) if step.squeeze_spaces and not _is_squeezed(text) else text


def _is_squeezed(text: str) -> bool:
    """Says, for most texts in less time than it takes to squeeze them, whether nothing is left to squeeze."""
    # The space is the only white space that is printable.
    return text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " "
