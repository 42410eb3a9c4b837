"""Which words of a sentence in two languages translate each other, carried along inside of the text.

While a sentence is put together from its parts, in an order of each language's own, its words bear marks: characters
of Unicode's private use area. Two words, one of each language, are linked where they share a mark. At the end the marks
are taken out and read.
"""

from __future__ import annotations

from nmt.corpora import lexicon
from nmt.corpora.grammar import Bilingual, Clause, join_words

SUBJECT, OBJECT, RECEIVER, TIME, CLOCK, FRAME, QUESTION = range(0xE000, 0xE070, 16)
"""The first mark of each part of a sentence. A part has at most 16 links."""
_VERB, _AUXILIARY, _NOT, _PREPOSITION = map(chr, range(0xE070, 0xE074))

_ENGLISH_AUXILIARIES = {
    *("am", "is", "are", "was", "were", "do", "does", "did", "have", "has", "will", "can", "cannot", "should"),
    *("want", "wants", "to", "allowed"),
}
_GERMAN_AUXILIARIES = {
    form for table in (lexicon.MODALS, lexicon.AUXILIARIES) for forms in table.values() for form in forms
}


def linked(pair: Bilingual, part: int, links: str | None = None) -> Bilingual:
    """Returns a pair whose words bear the marks of their links.

    Args:
        pair: a part of a sentence.
        part: which one: ``SUBJECT``, ``OBJECT`` or another of them.
        links: in the format of Pharaoh, such as ``0-0 1-2``; word by word when absent.
    """
    sides = [text.split() for text in pair]
    links = links or " ".join(f"{number}-{number}" for number in range(len(sides[0])))
    for number, link in enumerate(links.split()):
        for words, place in zip(sides, link.split("-"), strict=True):
            words[int(place)] += chr(part + number)
    return Bilingual(*map(" ".join, sides))


def linked_phrase(phrase: Bilingual, part: int, has_kein: bool = False) -> Bilingual:
    """Links the words of a noun phrase, from its noun backwards; with ``has_kein`` the first German word is not."""
    english, german = (len(text.split()) for text in phrase)
    links = " ".join(f"{english - number}-{german - number}" for number in range(1, min(english, german) + 1))
    result = linked(phrase, part, links)
    if not has_kein:
        return result
    first, *rest = result.german.split()
    return Bilingual(result.english, join_words(first + _NOT, *rest))


def linked_place(english: str, german: str) -> Bilingual:
    """Links a place or a state. An article that only German has goes with the noun: "to school", in die Schule."""
    counts = len(english.split()), len(german.split())
    links = {(3, 2): "0-0 1-0 2-1", (2, 3): "0-0 1-1 1-2", (1, 2): "0-0 0-1"}
    return linked(Bilingual(english, german), OBJECT, links.get(counts))


_TIMES = {
    "at the moment": "0-0 1-0 2-1",
    "weeks ago": "2-0 0-1 1-2",
}


def linked_time(time: Bilingual) -> Bilingual:
    """Links a time: a day, a time of the day, or both."""
    day, at, clock = time.english.partition("at ") if " um " in f" {time.german}" else (time.english, "", "")
    german_day, _, german_clock = f" {time.german}".partition(" um ") if at else (time.german, "", "")
    days = Bilingual(day.strip(), german_day.strip())
    if days.english:
        weekly = len(days.english.split()) == 2 and len(days.german.split()) == 1
        special = next((links for end, links in _TIMES.items() if days.english.endswith(end)), None)
        days = linked(days, TIME, "0-0 1-0" if weekly else special)
    if not at:
        return days
    clocks = Bilingual(f"at {clock}", f"um {german_clock}")
    links = None
    if clock.startswith("half past"):
        links = "0-0 1-1 2-1 3-2"
    elif clock.startswith("a quarter"):
        links = "0-0 1-1 2-1 3-2 4-3"
    clocks = linked(clocks, CLOCK, links)
    return Bilingual(join_words(days.english, clocks.english), join_words(days.german, clocks.german))


def mark_preposition(german: str) -> str:
    """Marks the German preposition that a verb governs; in English it is the verb's particle."""
    return german + _PREPOSITION if german else ""


def link_verb(clause: Clause, english: str, german: str) -> Bilingual:
    """Marks what is left without marks once a clause is in its form: the words of the verb, and not.

    Auxiliaries are linked with auxiliaries, where both languages have one; else all words of the verb with one another.
    """
    verb, own, foreign = clause.verb, english.split(), german.split()
    bare = [number for number, word in enumerate(own) if _is_bare(word)]
    # "has to talk to": the second is the particle.
    particle = max((number for number in bare if own[number].rstrip(",") == verb.particle), default=None)
    english_has = any(own[number] in _ENGLISH_AUXILIARIES for number in bare if number != particle)
    german_has = clause.tense != "present" and not (clause.tense == "past" and verb is lexicon.BE)
    auxiliary = _AUXILIARY if english_has and german_has else _VERB
    for number in bare:
        word = own[number].rstrip(",")
        if number == particle and "," in verb.frame:
            own[number] += _PREPOSITION
        elif word == "not":
            own[number] += _NOT
        else:
            own[number] += auxiliary if word in _ENGLISH_AUXILIARIES and number != particle else _VERB
            own[number] += _NOT if word == "cannot" else ""
    for number, word in enumerate(foreign):
        if _is_bare(word):
            is_auxiliary = word.rstrip(",") in _GERMAN_AUXILIARIES
            foreign[number] += _NOT if word == "nicht" else auxiliary if is_auxiliary else _VERB
    return Bilingual(" ".join(own), " ".join(foreign))


def _is_bare(word: str) -> bool:
    return not any(_is_mark(character) for character in word)


def _is_mark(character: str) -> bool:
    return "\ue000" <= character <= "\uf8ff"


def plain(text: str) -> str:
    """Returns a text without its marks."""
    return "".join(character for character in text if not _is_mark(character))


def read_links(english: str, german: str) -> list[tuple[int, int]]:
    """Returns the links of two marked texts, English word first, counted from 0; sorted."""
    marks = [[set(filter(_is_mark, word)) for word in text.split()] for text in (english, german)]
    return [(i, j) for i, source in enumerate(marks[0]) for j, target in enumerate(marks[1]) if source & target]
