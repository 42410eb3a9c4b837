"""An original phrase grammar that makes English sentences and their one German translation.

A sentence is a clause (who does what to whom, when), put into one of these forms, in both languages at once:

- a statement, with the time at its end or, in a third of them, at its front, after which the German verb comes second;
- a yes/no question, or one with who, what, how many, when, where or why;
- a subordinate clause with its verb at the end: dass, ob, weil, als, or wenn before the main clause.

Inside a clause: present, past (German perfect), future or a modal verb; separable verbs; objects in the accusative,
in the dative, both, or after a preposition; nicht or kein; numbers as words or digits; clock times, dates, weekdays.

The translation is a function of the English sentence. Where English says less than German a fixed rule decides:
"you" is one friend (du), every past is a perfect except that of "be", "her" and "their" are both ihr.

Every sentence has a combination of content words: subject, verb and object. A hash of the combination alone decides
whether all its sentences, in whatever tense or form, are train, valid or test, so no split, whatever its seed,
shares a combination with another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import NamedTuple

from nmt.corpora import lexicon
from nmt.corpora.grammar import (
    NO_TIME,
    Bilingual,
    Clause,
    english_question,
    english_statement,
    german_question,
    german_statement,
    german_subordinate,
    join_words,
    noun_phrase,
)
from nmt.corpora.lexicon import Case, Noun, Verb, spell_number
from nmt.corpora.links import (
    FRAME,
    OBJECT,
    QUESTION,
    RECEIVER,
    SUBJECT,
    link_verb,
    linked,
    linked_phrase,
    linked_place,
    linked_time,
    mark_preposition,
    plain,
    read_links,
)
from nmt.corpora.parts import Part, part_of_key
from nmt.corpora.times import MINUTES, clock_time, draw_time
from nmt.errors import DataError

VERSION = 1
"""Raised whenever the same part and seed give other sentences than before."""

Combination = tuple[str, str, str]
_TEST_PERCENT, _VALID_PERCENT = 6, 3
_ATTEMPTS_IN_VAIN = 100_000


class Sentence(NamedTuple):
    """A sentence in both languages.

    Attributes:
        english, german: the texts.
        combination: the content words that it is held out by.
        alignment: which words translate each other, English and German, counted from 0 between spaces.
    """

    english: str
    german: str
    combination: Combination
    alignment: list[tuple[int, int]]


# ---- Clauses ----

_COUNTED = {"buy", "sell", "find", "see", "need", "paint", "repair", "wash", "carry"}
_INTRANSITIVE = ("place", "feeling")


class _Subject(NamedTuple):
    word: str
    phrase: Bilingual
    person: str
    possessive: str


_WHO = _Subject("who", linked(Bilingual("who", "wer"), SUBJECT), "3s", "")


def _draw_adjective(random: Random, noun: Noun) -> str:
    return random.choice(lexicon.adjectives_of(noun)) if random.random() < 0.35 else ""


def _draw_subject(random: Random, verb: Verb, definite: bool) -> _Subject:
    if random.random() < 0.45:
        pronoun = random.choice(("I", "you", *lexicon.SUBJECT_PRONOUNS))
        german, person, possessive = lexicon.SUBJECT_PRONOUNS[pronoun]
        return _Subject(pronoun, linked(Bilingual(pronoun, german), SUBJECT), person, possessive)
    groups = ("person", "relative", "animal") if verb.english in ("sleep", "be") else ("person", "relative")
    noun = random.choice(lexicon.nouns_of(groups))
    plural = noun.is_countable and random.random() < 0.25
    determiner = "the" if definite or plural or random.random() < 0.75 else "a"
    if noun.group == "relative":
        determiner = random.choice(("my", "your", "his", "her", "our"))
    phrase = noun_phrase(noun, determiner, "nominative", plural, _draw_adjective(random, noun))
    phrase = linked_phrase(phrase, SUBJECT)
    return _Subject(noun.english, phrase, "3p" if plural else "3s", "their" if plural else noun.possessive)


def _draw_object_word(random: Random, verb: Verb, subject: _Subject) -> str:
    if verb.frame in _INTRANSITIVE:
        return random.choice([*lexicon.PLACES[verb.objects[0]], *(["years"] * 4 if verb is lexicon.BE else [])])
    words = [noun.english for noun in lexicon.nouns_of(verb.objects) if noun.english != subject.word]
    if "relative" in verb.objects:
        words += [word for word in lexicon.OBJECT_PRONOUNS if _can_mean_another(subject, word)]
    return random.choice(words)


def _can_mean_another(subject: _Subject, pronoun: str) -> bool:
    """Whether an object pronoun is not the subject itself, which would be reflexive."""
    return pronoun not in {"1": ("me", "us"), "2": ("you",), "3": ()}[subject.person[0]]


def _draw_object(random: Random, noun: Noun, owner: str, case: Case, clause: Clause) -> tuple[Bilingual, bool]:
    """Draws an object, and says whether kein negates it. ``owner`` is the possessive of the subject, or empty."""
    adjective = _draw_adjective(random, noun)
    if noun.group == "relative":
        return noun_phrase(noun, random.choice(("my", "your", "his", "her", "our")), case, False, adjective), False
    if clause.verb.english in _COUNTED and noun.is_countable and not clause.negative and random.random() < 0.5:
        number = random.randint(2, 99)
        determiner = str(number) if random.random() < 0.5 else spell_number(number)[0]
        return noun_phrase(noun, determiner, case, True, adjective), False
    plural = noun.is_countable and random.random() < 0.25
    indefinite = "" if plural or not noun.is_countable else "a"
    determiner = random.choice(["the", indefinite, owner if owner and noun.group != "person" else "the"])
    has_kein = clause.negative and determiner == indefinite
    return noun_phrase(noun, determiner, case, plural, adjective, has_kein), has_kein


def _with_object(random: Random, clause: Clause, subject: _Subject, word: str) -> Clause:
    """Returns the clause with an object of which ``word`` is the content."""
    verb = clause.verb
    if word == "years":
        number = spell_number(random.randint(2, 99))
        age = linked(Bilingual(f"{number[0]} years old", f"{number[1]} Jahre alt"), OBJECT)
        return replace(clause, english_object=age.english, late=age.german)
    if verb.frame in _INTRANSITIVE:
        place = linked_place(word, lexicon.PLACES[verb.objects[0]][word])
        return replace(clause, english_object=place.english, late=place.german)
    governed, _, case_name = verb.frame.rpartition(",")
    preposition = mark_preposition(governed)
    case: Case = "dative" if case_name == "dative" else "accusative"
    if word in lexicon.OBJECT_PRONOUNS:
        pronoun, german = linked(Bilingual(word, lexicon.OBJECT_PRONOUNS[word][case == "dative"]), OBJECT)
        late = f"{preposition} {german}" if preposition else ""
        if verb.particle == "up":  # "picks me up", but "picks up the child"
            clause, pronoun = replace(clause, verb=replace(verb, particle="")), f"{pronoun} up"
        return replace(clause, english_object=pronoun, early="" if preposition else german, late=late)
    phrase, has_kein = _draw_object(random, lexicon.NOUNS[word], subject.possessive, case, clause)
    phrase = linked_phrase(phrase, OBJECT, has_kein)
    if preposition:
        return replace(clause, english_object=phrase.english, late=f"{preposition} {phrase.german}", has_kein=has_kein)
    clause = replace(clause, english_object=phrase.english, middle=phrase.german, has_kein=has_kein)
    return _with_receiver(random, clause, subject) if verb.frame == "both" else clause


def _with_receiver(random: Random, clause: Clause, subject: _Subject) -> Clause:
    if random.random() < 0.4:
        words = [word for word in lexicon.OBJECT_PRONOUNS if _can_mean_another(subject, word)]
        english = random.choice(words)
        receiver = linked(Bilingual(english, lexicon.OBJECT_PRONOUNS[english][1]), RECEIVER)
    else:
        people = lexicon.nouns_of(("person", "relative"))
        noun = random.choice([noun for noun in people if noun.english != subject.word])
        determiner = random.choice(("my", "your", "his", "her", "our")) if noun.group == "relative" else "the"
        receiver = linked_phrase(
            noun_phrase(noun, determiner, "dative", False, _draw_adjective(random, noun)), RECEIVER
        )
    return replace(clause, english_object=join_words(receiver.english, clause.english_object), early=receiver.german)


def _with_tense(random: Random, clause: Clause, form: str, word: str) -> Clause:
    """Returns the clause with a tense that suits its verb and form, and perhaps a time that suits the tense."""
    verb = clause.verb
    if verb is lexicon.BE and word != "years":
        tense = random.choice(("present", "past", "future"))
    elif verb.kind == "state":
        return replace(clause, is_habit=form == "if")
    else:
        tense = random.choices(("present", "past", "future", "modal"), (30, 30, 17, 23))[0]
    tense = {"als": "past", "if": "present"}.get(form, tense)
    if form == "when" and tense == "present":
        tense = "future"
    kind = tense
    if tense == "present" and verb is not lexicon.BE and not clause.negative and form != "if" and random.random() < 0.5:
        kind = "habit"
    is_simple = verb.kind == "simple" and kind == "present"
    has_time = form not in ("when", "als", "if") and not is_simple and (kind == "habit" or random.random() < 0.6)
    time = draw_time(random, kind, clause.negative or form == "where" or verb is lexicon.BE) if has_time else NO_TIME
    if form == "if" and random.random() < 0.4:
        time = Bilingual("tomorrow", "morgen")
    time = linked_time(time)
    if tense == "modal":
        tense = random.choice(list(lexicon.MODALS))
    return replace(clause, tense=tense, time=time, is_habit=kind == "habit" or form == "if")


# ---- Sentences ----

_FORMS = {
    "statement": 45,
    "yes or no": 12,
    "who": 5,
    "what": 4,
    "how many": 3,
    "when": 4,
    "where": 3,
    "why": 4,
    "that": 9,
    "weil": 5,
    "als": 3,
    "if": 6,
}
# What stands before or behind the clause, and its links where they are not word by word.
_THAT = [
    ("I know that", "ich weiß, dass", None),
    ("we believe that", "wir glauben, dass", None),
    ("she says that", "sie sagt, dass", None),
    ("he thinks that", "er denkt, dass", None),
    ("they say that", "sie sagen, dass", None),
    ("do you know whether", "weißt du, ob", "0-0 1-1 2-0 3-2"),
    ("I do not know whether", "ich weiß nicht, ob", "0-0 1-1 2-2 3-1 4-3"),
    ("she asks whether", "sie fragt, ob", None),
]
_BECAUSE = [
    ("I am happy because", "ich bin glücklich, weil", None),
    ("she is sad because", "sie ist traurig, weil", None),
    ("he is angry because", "er ist wütend, weil", None),
    ("we are staying at home because", "wir bleiben zu Hause, weil", "0-0 1-1 2-1 3-2 4-3 5-4"),
    ("they are laughing because", "sie lachen, weil", "0-0 1-1 2-1 3-2"),
]
_WHEN = [
    ("I was at home when", "ich war zu Hause, als", None),
    ("she was tired when", "sie war müde, als", None),
    ("we were in the garden when", "wir waren im Garten, als", "0-0 1-1 2-2 3-2 4-3 5-4"),
]
_IF = [
    ("we will be happy", "werden wir glücklich sein", "0-1 1-0 2-3 3-2"),
    ("I will help you", "werde ich dir helfen", "0-1 1-0 2-3 3-2"),
    ("she will stay at home", "wird sie zu Hause bleiben", "0-1 1-0 2-4 3-2 4-3"),
    ("you can go home", "kannst du nach Hause gehen", "0-1 1-0 2-4 3-2 3-3"),
    ("he will be angry", "wird er wütend sein", "0-1 1-0 2-3 3-2"),
]
_PREFIXES = {"that": _THAT, "weil": _BECAUSE, "als": _WHEN}
_QUESTION_WORDS = {"yes or no": ("", ""), "when": ("when", "wann"), "where": ("where", "wo"), "why": ("why", "warum")}


def _suits(verb: Verb, form: str) -> bool:
    """Whether a sentence of this form makes sense with the verb."""
    if form in ("what", "how many"):
        return (
            verb.frame == "accusative" and "person" not in verb.objects and (form == "what" or verb.english in _COUNTED)
        )
    if form == "where":
        return verb.kind != "state" and verb.frame not in _INTRANSITIVE
    return form not in ("when", "als") or verb.kind != "state"


def _draw_sentence(random: Random, part: Part) -> Sentence | None:
    """Draws a sentence, or None if its combination belongs to another part."""
    if random.random() < 0.06:
        return _draw_sentence_of_things(random, part)
    form = random.choices(list(_FORMS), list(_FORMS.values()))[0]
    verb = random.choice([*lexicon.VERBS, lexicon.BE])
    if not _suits(verb, form):
        return None
    negative = form not in ("who", "what", "how many", "when", "where", "als") and random.random() < 0.22
    subject = _WHO if form == "who" else _draw_subject(random, verb, negative or form in _QUESTION_WORDS)
    word = "what" if form == "what" else _draw_object_word(random, verb, subject)
    combination = (subject.word, verb.english, word)
    if part_of(combination) != part:
        return None
    clause = Clause(subject.phrase, subject.person, verb, negative=negative and word != "years")
    clause = _with_tense(random, clause, form, word)
    if form == "how many":
        return _how_many(clause, lexicon.NOUNS[word], combination)
    if form != "what":
        clause = _with_object(random, clause, subject, word)
        if clause.has_kein and verb.frame not in ("accusative", "both"):
            return None
    return _sentence(clause, *_in_form(random, clause, form), combination)


def _sentence(clause: Clause, english: str, german: str, mark: str, combination: Combination) -> Sentence:
    """Returns the sentence whose words are ``english`` and ``german``, and whose links they bear."""
    sides = link_verb(clause, english, german)
    first, second = (text[0].upper() + text[1:] + mark for text in map(plain, sides))
    return Sentence(first, second, combination, read_links(*sides))


def _how_many(clause: Clause, noun: Noun, combination: Combination) -> Sentence | None:
    if not noun.is_countable:
        return None
    asked = Bilingual(f"how many {noun.english_plural}", f"wie viele {noun.german_plural}")
    return _sentence(clause, *_question(clause, linked(asked, QUESTION)), combination)


def _question(clause: Clause, asked: Bilingual) -> tuple[str, str, str]:
    """Returns a question that begins with a question word."""
    english, german = (
        join_words(asked.english, english_question(clause)),
        join_words(asked.german, german_question(clause)),
    )
    return english, german, "?"


def _in_form(random: Random, clause: Clause, form: str) -> tuple[str, str, str]:
    """Returns the clause in a form, in English and in German, and the mark at its end."""
    if form == "who":
        return english_statement(clause), german_statement(clause), "?"
    if form == "what":
        return _question(clause, linked(Bilingual("what", "was"), QUESTION))
    if form in _QUESTION_WORDS:
        return _question(clause, linked(Bilingual(*_QUESTION_WORDS[form]), QUESTION))
    if form in _PREFIXES:
        english, german, links = random.choice(_PREFIXES[form])
        frame = linked(Bilingual(english, german), FRAME, links)
        words = f"{frame.english} {english_statement(clause)}", f"{frame.german} {german_subordinate(clause)}"
        return *words, "?" if english.startswith("do ") else "."
    if form == "if":
        english, german, links = random.choice(_IF)
        frame, word = linked(Bilingual(english, german), FRAME, links), linked(Bilingual("if", "wenn"), QUESTION)
        condition = f"{word.german} {german_subordinate(clause)}"
        return f"{word.english} {english_statement(clause)}, {frame.english}", f"{condition}, {frame.german}", "."
    if clause.time.english and random.random() < 0.35:
        english = f"{clause.time.english} {english_statement(replace(clause, time=NO_TIME))}"
        return english, german_statement(clause, clause.time.german), "."
    return english_statement(clause), german_statement(clause), "."


def _draw_sentence_of_things(random: Random, part: Part) -> Sentence | None:
    """Draws when something leaves or begins, or what it costs."""
    verb = random.choice((lexicon.LEAVE, lexicon.BEGIN, lexicon.COST, lexicon.COST))
    noun = random.choice(lexicon.nouns_of(verb.objects))
    hour = random.randint(1, 12)
    word = "euros" if verb is lexicon.COST else spell_number(hour)[0]
    combination = (noun.english, verb.english, word)
    if part_of(combination) != part:
        return None
    subject = linked_phrase(noun_phrase(noun, "the", "nominative", False, _draw_adjective(random, noun)), SUBJECT)
    form = random.choice(("statement", "statement", "yes or no", "that", "weil"))
    clause = Clause(subject, "3s", verb, tense=random.choice(("present", "past", "future")))
    if verb is lexicon.COST:
        english, german = spell_number(random.randint(2, 99))
        price = linked(Bilingual(f"{english} euros", f"{german} Euro"), OBJECT)
        clause = replace(clause, english_object=price.english, middle=price.german)
    else:
        day = {"past": Bilingual("yesterday", "gestern"), "future": Bilingual("tomorrow", "morgen")}
        when = day[clause.tense] if clause.tense in day and random.random() < 0.5 else NO_TIME
        clock = clock_time(hour, random.choice(MINUTES))
        clause = replace(clause, time=linked_time(Bilingual(*map(join_words, when, clock))))
    return _sentence(clause, *_in_form(random, clause, form), combination)


# ---- The corpus ----


def part_of(combination: Combination) -> Part:
    """Returns the one part of the corpus in which a combination of subject, verb and object occurs."""
    return part_of_key(" ".join(combination), _TEST_PERCENT, _VALID_PERCENT)


def generate_sentences(part: Part, seed: int) -> Iterator[Sentence]:
    """Yields the distinct sentences of a part, each with its combination, until there are hardly any left.

    The same part and seed give the same sentences in every process. The seed chooses among the sentences of a part;
    what belongs to which part does not depend on it.
    """
    random = Random(f"{VERSION}:{part}:{seed}")
    seen: set[str] = set()
    in_vain = 0
    while in_vain < _ATTEMPTS_IN_VAIN:
        sentence = _draw_sentence(random, part)
        if sentence is None or sentence.english in seen:
            in_vain += 1
            continue
        in_vain = 0
        seen.add(sentence.english)
        yield sentence


def generate(part: Part, seed: int, lines: int) -> Iterator[tuple[str, str]]:
    """Yields ``lines`` distinct pairs of an English and a German sentence. Fewer lines are the first of more.

    Raises:
        DataError: the grammar has not so many sentences.
    """
    count = 0
    for sentence in generate_sentences(part, seed):
        if count == lines:
            return
        count += 1
        yield sentence.english, sentence.german
    raise DataError(
        f"phrases/{part}: the grammar does not make so many different sentences",
        received=f"{count} sentences",
        expected=f"{lines} sentences",
        action="Ask for fewer lines",
    )
