"""What the text of a split is like: lines, words, lengths, and what of it the training text does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class TextStatistics:
    """Numbers about one side of a split.

    Attributes:
        lines: how many there are.
        words: running words: what stands between white space.
        characters: Unicode characters, spaces counted.
        distinct_words: different words.
        unseen_words: share of the running words that the training text does not have, 0 to 1; None for that text
            itself, and for text without words.
        lengths: how many lines have so many tokens, EOS counted, by length in ascending order.
    """

    lines: int
    words: int
    characters: int
    distinct_words: int
    unseen_words: float | None
    lengths: dict[int, int]

    @property
    def tokens(self) -> int:
        """All tokens."""
        return sum(length * count for length, count in self.lengths.items())

    def to_json(self) -> dict[str, Any]:
        """Returns the numbers as JSON values; ``lengths`` as pairs, for JSON has no numbers as keys."""
        return asdict(self) | {"lengths": [list(pair) for pair in self.lengths.items()]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> TextStatistics:
        """Returns the statistics that ``to_json`` wrote."""
        return cls(**(fields | {"lengths": dict(map(tuple, fields["lengths"]))}))


def measure_text(
    lines: Iterable[str], token_lengths: Iterable[int], known: Set[str] | None = None
) -> tuple[TextStatistics, Set[str]]:
    """Counts one side of a split.

    Args:
        lines: the text, read once.
        token_lengths: of each sequence of ids that is made of it; training leaves out those that are too long.
        known: the words of the training text; None where this is that text.

    Returns:
        The numbers, and the different words.
    """
    count = characters = 0
    words: Counter[str] = Counter()
    for line in lines:
        count += 1
        characters += len(line)
        words.update(line.split())
    running = words.total()
    unseen = None
    if known is not None and running:
        unseen = sum(number for word, number in words.items() if word not in known) / running
    lengths = _counts(np.fromiter(token_lengths, np.int64))
    return TextStatistics(count, running, characters, len(words), unseen, lengths), words.keys()


def _counts(lengths: npt.NDArray[np.int64]) -> dict[int, int]:
    values, numbers = np.unique(lengths, return_counts=True)
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))
