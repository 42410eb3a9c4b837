"""Fonts for text of any script, from those that are installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

BASE = "DejaVu Sans"
"""The font that comes with matplotlib: Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic and more."""


def fonts_for(texts: Iterable[str]) -> tuple[list[str], str]:
    """Returns the names of fonts that have all characters of some texts together, and the characters that none has.

    The first font is always the same; others follow only where it lacks something.
    """
    from matplotlib.font_manager import findfont, fontManager

    missing = {ord(character) for text in texts for character in text if character.isprintable()}
    fonts = [BASE]
    missing -= _characters(findfont(BASE))[1]
    for path in _installed() if missing else ():
        name, characters = _characters(path)
        if name and missing & characters:
            # matplotlib keeps a list of its own, which may be older than a font.
            if name not in fontManager.get_font_names():
                fontManager.addfont(path)
            fonts.append(name)
            missing -= characters
        if not missing:
            break
    return fonts, "".join(map(chr, sorted(missing)))


def _installed() -> Iterator[str]:
    """Yields the files of the installed fonts, those of ordinary weight first."""
    from matplotlib.font_manager import findSystemFonts

    def unusual(path: str) -> bool:
        name = Path(path).stem.lower()
        return any(word in name for word in ("bold", "italic", "oblique", "light", "thin", "black", "mono"))

    return iter(sorted(findSystemFonts(), key=lambda path: (unusual(path), path)))


def _characters(path: str) -> tuple[str, set[int]]:
    """Returns the name of a font and the characters that it has; none of a file that cannot be read."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(path)
        return font.family_name, set(font.get_charmap())
    except (OSError, RuntimeError, ValueError):
        return "", set()
