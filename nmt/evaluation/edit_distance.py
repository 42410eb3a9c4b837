"""Edit distances, and the edits of TER, which may also move words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

_BEAM = 24  # cells on either side of the diagonal that sacreBLEU's table surely has


class EditDistance:
    """The fewest units to be inserted, deleted or replaced to make another sequence of a first one.

    A column of the table of distances is kept as the bits of two integers, for its steps up and down (Myers 1999).

    Args:
        first: the first sequence.
    """

    def __init__(self, first: Sequence[str]) -> None:
        self._length = len(first)
        self._places: dict[str, int] = {}
        for place, unit in enumerate(first):
            self._places[unit] = self._places.get(unit, 0) | 1 << place

    def __call__(self, second: Sequence[str]) -> int:
        """Returns the distance to another sequence."""
        if not second:
            return self._length
        *_, (up, down) = self._columns(second)
        return len(second) + up.bit_count() - down.bit_count()

    def edits(self, second: Sequence[str]) -> str:
        """Returns one letter per edit that makes the first sequence of a second one, as sacreBLEU's TER does.

        A space keeps a unit and ``s`` replaces it; ``d`` drops a unit of the second, ``i`` inserts one of the first.
        Where several do, the first of these is taken, from the end on.
        """
        columns = [((1 << self._length) - 1, 0), *self._columns(second)]

        def distance(of_second: int, of_first: int) -> int:
            up, down = columns[of_second]
            mask = (1 << of_first) - 1
            return of_second + (up & mask).bit_count() - (down & mask).bit_count()

        letters = []
        row, place = len(second), self._length
        while row and place:
            here, before = distance(row, place), distance(row - 1, place - 1)
            equal = self._places.get(second[row - 1], 0) >> place - 1 & 1
            if here == before + 1 - equal:
                letters.append(" " if equal else "s")
                row, place = row - 1, place - 1
            elif here == distance(row - 1, place) + 1:
                letters.append("d")
                row -= 1
            else:
                letters.append("i")
                place -= 1
        return "d" * row + "i" * place + "".join(reversed(letters))

    def _columns(self, second: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yields for each unit of a second sequence where its column of the table rises and where it falls."""
        full = (1 << self._length) - 1
        up, down = full, 0
        for unit in second:
            equal = self._places.get(unit, 0)
            diagonal = equal | down
            horizontal = ((equal & up) + up ^ up) | equal
            rises, falls = down | ~(horizontal | up) & full, up & horizontal
            rises, falls = rises << 1 | 1, falls << 1
            up, down = (falls | ~(diagonal | rises)) & full, rises & diagonal & full
            yield up, down


class _SacrebleuDistance:
    """Stands in for sacreBLEU's edit distance in its search for words to move, where most time goes.

    sacreBLEU keeps to the cells around the diagonal of the table. A path of ``d`` edits between sequences whose lengths
    differ by ``x`` strays at most ``(d + x) / 2`` from it: within the beam the distance is the real one, found faster.
    So are the edits, which few calls are asked for.
    """

    def __init__(self, reference: list[str]) -> None:
        from sacrebleu.metrics.lib_ter import BeamEditDistance

        self._length = len(reference)
        self._fast, self._own = EditDistance(reference), BeamEditDistance(reference)

    def __call__(self, words: list[str]) -> tuple[int, Any]:
        distance = self._fast(words)
        if distance + abs(len(words) - self._length) > 2 * _BEAM:
            own: tuple[int, str] = self._own(words)
            return own
        return distance, _Trace(self._fast, words)


class _Trace:
    """The edits, as text, once they are asked for."""

    def __init__(self, distance: EditDistance, words: list[str]) -> None:
        self._distance, self._words = distance, words

    def translate(self, table: dict[int, int]) -> str:
        """Returns the edits with their names exchanged."""
        return self._distance.edits(self._words).translate(table)


def translation_edits(hypothesis: list[str], reference: list[str]) -> int:
    """Returns the edits of TER (Snover et al. 2006), moves of phrases included, as sacreBLEU counts them.

    Args:
        hypothesis, reference: words.
    """
    from sacrebleu.metrics.lib_ter import _MAX_SHIFT_CANDIDATES, _shift

    if not reference:
        return len(hypothesis)
    distance = _SacrebleuDistance(reference)
    moves, checked = 0, 0
    while True:
        gain, moved, checked = _shift(hypothesis, reference, distance, checked)
        if checked >= _MAX_SHIFT_CANDIDATES or gain <= 0:
            break
        moves += 1
        hypothesis = moved
    return moves + distance(hypothesis)[0]
