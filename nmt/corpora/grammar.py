"""Grammar of English and German clauses: agreement, conjugation, the order of words, and the names of times.

One clause, described once, is put into words in both languages, as a statement, a question or a subordinate clause.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from nmt.corpora import lexicon
from nmt.corpora.lexicon import Case, Noun, Verb, spell_number


class Bilingual(NamedTuple):
    """A piece of text in both languages."""

    english: str
    german: str


NO_TIME = Bilingual("", "")
"""No time is said."""


@dataclass(frozen=True)
class Clause:
    """A clause before it is put into a form.

    Attributes:
        subject: the subject in both languages; ``person`` is 1s, 2s, 3s, 1p or 3p.
        verb: what happens.
        tense: present, past, future, or an English modal verb.
        english_object: all that follows the English verb, but the time.
        early: German objects that stand before the time: pronouns and receivers.
        middle: the German accusative or dative object.
        late: German phrases that stand after nicht: with prepositions, places, states.
        time: when, or empty in both languages.
        negative: English has not.
        has_kein: the German negation is already in ``middle``.
        is_habit: the English present is the simple one.
    """

    subject: Bilingual
    person: str
    verb: Verb
    tense: str = "present"
    english_object: str = ""
    early: str = ""
    middle: str = ""
    late: str = ""
    time: Bilingual = NO_TIME
    negative: bool = False
    has_kein: bool = False
    is_habit: bool = False


# ---- Words ----

_DEFINITE = {
    "nominative": {"m": "der", "f": "die", "n": "das", "p": "die"},
    "accusative": {"m": "den", "f": "die", "n": "das", "p": "die"},
    "dative": {"m": "dem", "f": "der", "n": "dem", "p": "den"},
}
_EIN_ENDINGS = {
    "nominative": {"m": "", "f": "e", "n": "", "p": "e"},
    "accusative": {"m": "en", "f": "e", "n": "", "p": "e"},
    "dative": {"m": "em", "f": "er", "n": "em", "p": "en"},
}
_STRONG_ENDINGS = {
    "nominative": {"m": "er", "f": "e", "n": "es", "p": "e"},
    "accusative": {"m": "en", "f": "e", "n": "es", "p": "e"},
    "dative": {"m": "em", "f": "er", "n": "em", "p": "en"},
}
_PERSONS = {"1s": 0, "2s": 1, "3s": 2, "1p": 3, "3p": 3}


def noun_phrase(
    noun: Noun, determiner: str, case: Case, plural: bool = False, adjective: str = "", negative: bool = False
) -> Bilingual:
    """Returns a noun with its determiner and adjective, all in agreement.

    Args:
        noun: the noun.
        determiner: "the", "a", a possessive, a number in digits or English words, or empty.
        case: German case.
        plural: whether it is plural.
        adjective: English adjective, or empty.
        negative: German has kein instead of ein or of no determiner.
    """
    gender = "p" if plural else noun.gender
    english = [noun.english_plural if plural else noun.english]
    german = [noun.german_plural if plural else noun.german if case == "nominative" else noun.oblique]
    if plural and case == "dative" and german[0][-1] not in "ns":
        german[0] += "n"
    if determiner == "the":
        article, ending = _DEFINITE[case][gender], _weak_ending(case, gender)
    elif negative or determiner == "a" or determiner in lexicon.POSSESSIVES:
        stem = "kein" if negative else "ein" if determiner == "a" else lexicon.POSSESSIVES[determiner]
        article = stem + _EIN_ENDINGS[case][gender]
        ending = _STRONG_ENDINGS[case][gender] if case != "dative" and gender != "p" else _weak_ending(case, gender)
    else:
        article, ending = _german_number(determiner), _STRONG_ENDINGS[case][gender]
    if adjective:
        english.insert(0, adjective)
        stem = lexicon.ADJECTIVES[adjective]
        german.insert(0, stem + ending)
    if determiner == "a" and english[0][0] in "aeiou":
        determiner = "an"
    return Bilingual(join_words(determiner, *english), join_words(article, *german))


def _weak_ending(case: Case, gender: str) -> str:
    is_plain = (gender in "fn" and case != "dative") or (gender == "m" and case == "nominative")
    return "e" if is_plain else "en"


@cache
def _german_numbers() -> dict[str, str]:
    return dict(spell_number(number) for number in range(2, 100))


def _german_number(determiner: str) -> str:
    return _german_numbers().get(determiner, determiner)


def german_present(verb: Verb, person: str) -> str:
    """Returns the finite present of a German verb, without its prefix."""
    if verb.german == "sein":
        return lexicon.AUXILIARIES["sein"][_PERSONS[person]]
    if person in ("1p", "3p"):
        return verb.german
    stem = verb.german.removesuffix("en")
    if person == "1s":
        return stem + "e"
    link = "e" if stem[-1] in "td" and not verb.changed else ""
    stem = verb.changed or stem
    if person == "3s":
        return stem + link + "t"
    return stem + (link + "st" if stem[-1] not in "sßz" else "t")


def _german_verb(clause: Clause) -> tuple[str, str]:
    """Returns the finite verb and what stands at the end of a main clause."""
    verb, person = clause.verb, _PERSONS[clause.person]
    infinitive = verb.prefix + verb.german
    if clause.tense == "present":
        return german_present(verb, clause.person), verb.prefix
    if clause.tense == "future":
        return lexicon.AUXILIARIES["werden"][person], infinitive
    if clause.tense == "past":
        if verb is lexicon.BE:
            return lexicon.AUXILIARIES["war"][person], ""
        return lexicon.AUXILIARIES[verb.auxiliary][person], verb.participle
    return lexicon.MODALS[clause.tense][person], infinitive


def _third_person(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    if first == "have":
        form = "has"
    elif first.endswith(("s", "sh", "ch", "x", "go")):
        form = first + "es"
    else:
        form = first[:-1] + "ies" if first[-1] == "y" and first[-2] not in "aeou" else first + "s"
    return join_words(form, rest)


def _english_verb(clause: Clause) -> tuple[str, str, str]:
    """Returns the auxiliary, what follows it, and the finite verb where there is no need of an auxiliary."""
    verb, person, tense = clause.verb, clause.person, clause.tense
    present = {"1s": "am", "3s": "is"}.get(person, "are")
    if tense == "future":
        return "will", join_words(verb.english, verb.particle), ""
    if tense in ("can", "should"):
        return tense, join_words(verb.english, verb.particle), ""
    if tense == "be allowed to":
        return present, join_words("allowed to", verb.english, verb.particle), ""
    if tense in ("have to", "want to"):
        base = join_words(tense, verb.english, verb.particle)
        return ("does", base, _third_person(base)) if person == "3s" else ("do", base, base)
    if verb is lexicon.BE:
        return ({"1s": "was", "3s": "was"}.get(person, "were") if tense == "past" else present), "", ""
    base = join_words(verb.english, verb.particle)
    if tense == "past":
        return "did", base, join_words(verb.past, verb.particle)
    if verb.kind == "event" and not clause.is_habit:
        return present, join_words(verb.progressive, verb.particle), ""
    return ("does", base, _third_person(base)) if person == "3s" else ("do", base, base)


# ---- Order of words ----


def join_words(*parts: str) -> str:
    """Returns the parts that are not empty with a space between them."""
    return " ".join(part for part in parts if part)


def _middle(clause: Clause, time: str) -> str:
    """Returns the German words between the subject and the end of the clause."""
    negation = "nicht" if clause.negative and not clause.has_kein else ""
    ordered = (clause.middle, time) if negation else (time, clause.middle)
    return join_words(clause.early, *ordered, negation, clause.late)


def english_statement(clause: Clause) -> str:
    """Returns the English words of a clause, its time at the end."""
    auxiliary, rest, finite = _english_verb(clause)
    if clause.negative:
        verb = join_words("cannot" if auxiliary == "can" else f"{auxiliary} not", rest)
    else:
        verb = finite or join_words(auxiliary, rest)
    return join_words(clause.subject.english, verb, clause.english_object, clause.time.english)


def english_question(clause: Clause) -> str:
    """Returns the English words of a question from its auxiliary on."""
    auxiliary, rest, _ = _english_verb(clause)
    negation = "not" if clause.negative else ""
    return join_words(auxiliary, clause.subject.english, negation, rest, clause.english_object, clause.time.english)


def german_statement(clause: Clause, front: str = "") -> str:
    """Returns the German words of a main clause, verb second; ``front`` is what stands first instead of the subject."""
    finite, end = _german_verb(clause)
    time = "" if front and front == clause.time.german else clause.time.german
    if front:
        return join_words(front, finite, clause.subject.german, _middle(clause, time), end)
    return join_words(clause.subject.german, finite, _middle(clause, time), end)


def german_question(clause: Clause) -> str:
    """Returns the German words of a question from its finite verb on."""
    finite, end = _german_verb(clause)
    return join_words(finite, clause.subject.german, _middle(clause, clause.time.german), end)


def german_subordinate(clause: Clause) -> str:
    """Returns the German words of a subordinate clause after its conjunction, verb last."""
    finite, end = _german_verb(clause)
    last = end + finite if clause.tense == "present" else join_words(end, finite)
    return join_words(clause.subject.german, _middle(clause, clause.time.german), last)
