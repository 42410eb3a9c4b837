"""Names of times in English and German: of the day, the week and the year."""

from __future__ import annotations

from random import Random

from nmt.corpora import lexicon
from nmt.corpora.grammar import Bilingual, join_words
from nmt.corpora.lexicon import spell_number


def clock_time(hour: int, minute: int) -> Bilingual:
    """Returns "at half past three", um halb vier. Hours are 1 to 12; minutes 0 or one of those that have a name."""

    def name(number: int) -> tuple[str, str]:
        return spell_number((number - 1) % 12 + 1)

    (english, german), (next_english, next_german) = name(hour), name(hour + 1)
    if minute == 0:
        return Bilingual(f"at {english} o'clock", f"um {'ein' if german == 'eins' else german} Uhr")
    if minute == 30:
        return Bilingual(f"at half past {english}", f"um halb {next_german}")
    distance = minute if minute < 30 else 60 - minute
    english_words, german_words = ("a quarter", "Viertel") if distance == 15 else spell_number(distance)
    if minute < 30:
        return Bilingual(f"at {english_words} past {english}", f"um {german_words} nach {german}")
    return Bilingual(f"at {english_words} to {next_english}", f"um {german_words} vor {next_german}")


def date(day: int, month: int) -> Bilingual:
    """Returns "on 3 March", am 3. März."""
    english, german, _ = lexicon.MONTHS[month - 1]
    return Bilingual(f"on {day} {english}", f"am {day}. {german}")


_SIMPLE_TIMES = {
    "present": [("now", "jetzt"), ("today", "heute"), ("at the moment", "im Moment")],
    "habit": [
        ("every day", "jeden Tag"),
        ("every morning", "jeden Morgen"),
        ("every evening", "jeden Abend"),
        ("every week", "jede Woche"),
        *((f"on {english}s", f"{german.lower()}s") for english, german in lexicon.WEEKDAYS.items()),
    ],
    "past": [("yesterday", "gestern"), ("yesterday evening", "gestern Abend"), ("last week", "letzte Woche")],
    "future": [("tomorrow", "morgen"), ("tomorrow morning", "morgen früh"), ("next week", "nächste Woche")],
}
_SIMPLE_TIMES["modal"] = [("today", "heute"), *_SIMPLE_TIMES["future"]]
_CLOCK_DAYS = {
    "habit": [("every day", "jeden Tag"), ("every morning", "jeden Morgen")],
    "past": [("", ""), ("yesterday", "gestern")],
    "future": [("", ""), ("tomorrow", "morgen")],
    "modal": [("", ""), ("today", "heute"), ("tomorrow", "morgen")],
}
MINUTES = (0, 0, 30, 30, 15, 45, 5, 10, 20, 40, 50, 55)
"""Minutes that have a name, the more usual ones twice."""


def _draw_clock(random: Random) -> Bilingual:
    return clock_time(random.randint(1, 12), random.choice(MINUTES))


def draw_time(random: Random, kind: str, simple: bool) -> Bilingual:
    """Draws a time that goes with a kind of tense; a simple one can be negated without a change of scope."""
    choice = random.random()
    if simple or kind == "present" or choice < 0.4:
        return Bilingual(*random.choice(_SIMPLE_TIMES[kind]))
    if choice < 0.7 or kind == "habit":
        day, clock = Bilingual(*random.choice(_CLOCK_DAYS[kind])), _draw_clock(random)
        return Bilingual(join_words(day.english, clock.english), join_words(day.german, clock.german))
    if choice < 0.8:
        english, german = random.choice(list(lexicon.WEEKDAYS.items()))
        return Bilingual(f"on {english}", f"am {german}")
    if choice < 0.93 or kind == "modal":
        month = random.randint(1, 12)
        return date(random.randint(1, lexicon.MONTHS[month - 1][2]), month)
    number = random.randint(2, 12)
    english, german = spell_number(number)
    if kind == "past":
        return Bilingual(f"{english} weeks ago", f"vor {german} Wochen")
    return Bilingual(f"in {english} days", f"in {german} Tagen")
