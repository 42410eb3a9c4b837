"""Variants of a test set: the same sentences as careless people and broken programs write them.

A model that has seen clean text alone often fails on them (Belinkov and Bisk 2018). The same text and seed give
the same variant, in every script: letters are those of Unicode, with the marks that stand on them.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence

from nmt.errors import UsageError, suggestion

_TYPO_RATE = 0.04  # of the letters: about one word in five of English
_NOISE_RATE = 0.02  # of the characters: about one word in ten of English
_LOST_SPACES = 0.05  # of the spaces
_STRAY = "#*~|^_@+=\\"


def make_variant(name: str, lines: Sequence[str], seed: int) -> list[str]:
    """Returns a variant of a text: one line for each line, a blank line only for a blank line.

    Args:
        name: one of :data:`VARIANTS`.
        lines: the text.
        seed: of the random ones; the others are the same for every seed.

    Raises:
        UsageError: there is no such variant.
    """
    if name not in VARIANTS:
        raise UsageError(
            f"{name}: there is no such variant",
            expected=f"one of {', '.join(VARIANTS)}",
            action=suggestion(name, VARIANTS),
        )
    if name in _OF_A_LINE:
        return [_OF_A_LINE[name](line) for line in lines]
    if name == "noise":
        return [_noise(line, random.Random(f"noise {seed} {number}")) for number, line in enumerate(lines)]
    letters = sorted({letter for line in lines for letter in _clusters(line) if _is_letter(letter)})
    return [_typos(line, letters, random.Random(f"typos {seed} {number}")) for number, line in enumerate(lines)]


def _upper(line: str) -> str:
    return line.upper()


def _lower(line: str) -> str:
    return line.lower()


def _title(line: str) -> str:
    """Returns a line whose words begin with a capital; what follows it stays as it is."""
    return "".join(_capitalised(part) for part in _parts(line))


def _capitalised(word: str) -> str:
    for place, character in enumerate(word):
        if character.isalnum():
            return word[:place] + character.title() + word[place + 1 :]
    return word


def _no_final_punctuation(line: str) -> str:
    """Returns a line without the punctuation at its end; one that is nothing else stays."""
    end = len(line)
    while end and (line[end - 1].isspace() or unicodedata.category(line[end - 1]).startswith("P")):
        end -= 1
    return line[:end] or line


def _typos(line: str, alphabet: Sequence[str], chance: random.Random) -> str:
    """Returns a line in which some letters are exchanged with the next, left out, doubled or replaced by others.

    Words of one letter and the first letter of every word stay.
    """
    letters = _clusters(line)
    written: list[str] = []
    place = 0
    while place < len(letters):
        letter = letters[place]
        follows = bool(place) and _is_letter(letters[place - 1])
        place += 1
        if not (follows and _is_letter(letter)) or chance.random() >= _TYPO_RATE:
            written.append(letter)
            continue
        match chance.randrange(4):
            case 0 if place < len(letters) and _is_letter(letters[place]):
                written += [letters[place], letter]
                place += 1
            case 1:
                pass  # left out
            case 2:
                written.append(chance.choice(alphabet))
            case _:
                written += [letter, letter]
    return "".join(written)


def _noise(line: str, chance: random.Random) -> str:
    """Returns a line with lost spaces, words that are cut in two, and stray signs."""
    letters = _clusters(line)
    written: list[str] = []
    for place, letter in enumerate(letters, start=1):
        if letter.isspace():
            if not written or chance.random() >= _LOST_SPACES:
                written.append(letter)
            continue
        written.append(letter)
        if place < len(letters) and chance.random() < _NOISE_RATE:
            written.append(chance.choice(_STRAY) if chance.random() < 0.5 else " ")
    return "".join(written)


_OF_A_LINE: dict[str, Callable[[str], str]] = {
    "upper": _upper,
    "lower": _lower,
    "title": _title,
    "no_final_punctuation": _no_final_punctuation,
}

VARIANTS = {
    "upper": "all capitals",
    "lower": "no capitals",
    "title": "a capital at the start of every word",
    "no_final_punctuation": "no punctuation at the end of the line",
    "typos": "letters exchanged, left out, doubled or replaced",
    "noise": "lost spaces, words cut in two, stray signs",
}
"""The variants by their names, and what they are."""


def _parts(line: str) -> list[str]:
    """Returns words and the white space between them, in turn; together they are the line."""
    parts: list[str] = []
    for character in line:
        if parts and parts[-1].isspace() == character.isspace():
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _clusters(line: str) -> list[str]:
    """Returns characters, each with the marks that stand on it."""
    clusters: list[str] = []
    for character in line:
        if clusters and unicodedata.category(character).startswith("M"):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _is_letter(cluster: str) -> bool:
    return cluster[0].isalpha()
