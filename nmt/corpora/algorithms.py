"""Classic tests of sequence-to-sequence models, made by the project: the target is a function of the source.

=========  =======================================  ===========================================
generator  source                                   target
=========  =======================================  ===========================================
echo       10 to 20 numbers from 0 to 99            the same
reversal   10 to 20 numbers from 0 to 99            the same in reversed order
sorting    5 to 10 different numbers from 0 to 99   the same in ascending order
addition   ``1234+5678``                            ``6912``
dates      a day as people write it                 the day as ISO 8601 has it: ``1998-03-03``
programs   a short program on one line              what it prints; see :mod:`nmt.corpora.programs`
=========  =======================================  ===========================================

Every example has a key, and a hash of the key alone decides whether it is of train, valid or test, so no two parts
share one, whatever their seeds. The key is the source, but for sums the numbers in any order, for sorting the set of
numbers, and for dates the day, in whatever form it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from nmt.corpora.cards import GeneratedSplit
from nmt.corpora.parts import Part, part_of_key
from nmt.corpora.programs import draw_program
from nmt.errors import DataError

_TEST_PERCENT, _VALID_PERCENT = 10, 5
_ATTEMPTS_IN_VAIN = 100_000


class Example(NamedTuple):
    """A source, its target, and the key that decides of which part it is."""

    source: str
    target: str
    key: str


# ---- Numbers ----


def _draw_numbers(random: Random) -> list[int]:
    return [random.randint(0, 99) for _ in range(random.randint(10, 20))]


def _spaced(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def _draw_echo(random: Random) -> Example:
    text = _spaced(_draw_numbers(random))
    return Example(text, text, text)


def _draw_reversal(random: Random) -> Example:
    numbers = _draw_numbers(random)
    return Example(_spaced(numbers), _spaced(numbers[::-1]), _spaced(numbers))


def _draw_sorting(random: Random) -> Example:
    numbers = random.sample(range(100), random.randint(5, 10))
    ascending = _spaced(sorted(numbers))
    return Example(_spaced(numbers), ascending, ascending)


def _draw_addition(random: Random) -> Example:
    a, b = random.randint(1000, 9999), random.randint(1000, 9999)
    return Example(f"{a}+{b}", str(a + b), f"{min(a, b)}+{max(a, b)}")


# ---- Dates ----

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_FIRST, _LAST = date(1900, 1, 1), date(2099, 12, 31)
# Numbers alone: year, month, day with strokes, or day, month, year with points. Years always have four digits.
_FORMS = (
    "{day} {month} {year}",
    "{day} {mon} {year}",
    "{day}-{mon}-{year}",
    "{nth} {month} {year}",
    "the {nth} of {month} {year}",
    "{month} {day}, {year}",
    "{mon} {day}, {year}",
    "{month} {nth}, {year}",
    "{year} {month} {day}",
    "{weekday}, {day} {month} {year}",
    "{weekday}, {month} {day}, {year}",
    "{weekday}, the {nth} of {month} {year}",
    "{wday} {day} {mon} {year}",
    "{day}.{number}.{year}",
    "{day:02}.{number:02}.{year}",
    "{year}/{number:02}/{day:02}",
)
_CASES: tuple[Callable[[str], str], ...] = (str, str, str.lower, str.upper)


def _draw_date(random: Random) -> Example:
    day = _FIRST + timedelta(random.randint(0, (_LAST - _FIRST).days))
    month, weekday = _MONTHS[day.month - 1], _WEEKDAYS[day.weekday()]
    text = random.choice(_FORMS).format(
        day=day.day,
        nth=_ordinal(day.day),
        month=month,
        mon=month[:3],
        number=day.month,
        year=day.year,
        weekday=weekday,
        wday=weekday[:3],
    )
    return Example(random.choice(_CASES)(text), day.isoformat(), day.isoformat())


def _ordinal(number: int) -> str:
    ending = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# ---- Programs ----


def _draw_program(random: Random, length: int, nesting: int, mix: bool) -> Example:
    if mix:
        length, nesting = random.randint(1, length), random.randint(1, nesting)
    source, value = draw_program(random, length, nesting)
    return Example(source, str(value), source)


# ---- The corpora ----

_DRAWS: dict[str, Callable[[Random], Example]] = {
    "echo": _draw_echo,
    "reversal": _draw_reversal,
    "sorting": _draw_sorting,
    "addition": _draw_addition,
    "dates": _draw_date,
}
VERSIONS = dict.fromkeys((*_DRAWS, "programs"), 1)
"""Of each generator; raised whenever the same part and seed give other examples than before."""


def part_of(key: str) -> Part:
    """Returns the one part in which the examples with this key occur."""
    return part_of_key(key, _TEST_PERCENT, _VALID_PERCENT)


def generate(split: GeneratedSplit) -> Iterator[tuple[str, str]]:
    """Yields ``split.lines`` pairs with distinct sources. Fewer lines are the first of more.

    The same part and seed give the same pairs in every process.

    Raises:
        DataError: there are not so many different sources.
    """
    name = split.generator
    random = Random(f"{name}:{VERSIONS[name]}:{split.part}:{split.seed}")
    draw = _DRAWS.get(name) or partial(
        _draw_program, length=split.length or 1, nesting=split.nesting or 1, mix=split.mix is not False
    )
    seen: set[str] = set()
    in_vain = 0
    while len(seen) < split.lines:
        example = draw(random)
        if part_of(example.key) != split.part or example.source in seen:
            in_vain += 1
            if in_vain == _ATTEMPTS_IN_VAIN:
                raise DataError(
                    f"{name}/{split.part}: there are hardly more different sources",
                    received=f"{len(seen)} sources",
                    expected=f"{split.lines} sources",
                    action="Ask for fewer lines",
                )
            continue
        in_vain = 0
        seen.add(example.source)
        yield example.source, example.target
