"""The pair: what every corpus is made of."""

from __future__ import annotations

from typing import NamedTuple


class Pair(NamedTuple):
    """A source text and its target text, one line each."""

    source: str
    target: str
