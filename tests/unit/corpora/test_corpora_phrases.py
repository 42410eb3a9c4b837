"""The phrase grammar: sentences written by hand for each phenomenon, and what the corpus promises."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from nmt.corpora import lexicon, phrases
from nmt.corpora.cards import find_card
from nmt.corpora.grammar import (
    NO_TIME,
    Bilingual,
    Clause,
    english_question,
    english_statement,
    german_present,
    german_question,
    german_statement,
    german_subordinate,
    noun_phrase,
)
from nmt.corpora.lexicon import NOUNS, spell_number
from nmt.corpora.phrases import Part, Sentence, generate, generate_sentences, part_of
from nmt.corpora.readers import read_pairs
from nmt.corpora.times import clock_time, date
from nmt.errors import DataError

SIZES: dict[Part, int] = {"train": 24_000, "valid": 500, "test": 1_000}
VERBS = {(verb.english, verb.particle): verb for verb in lexicon.VERBS}


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Sentence]]:
    sentences: dict[str, list[Sentence]] = {}
    for part, size in SIZES.items():
        stream = generate_sentences(part, 1)
        sentences[part] = [next(stream) for _ in range(size)]
    return sentences


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


# ---- Agreement ----


@pytest.mark.parametrize(
    ("noun", "determiner", "case", "plural", "adjective", "english", "german"),
    [
        ("man", "the", "nominative", False, "old", "the old man", "der alte Mann"),
        ("man", "the", "accusative", False, "old", "the old man", "den alten Mann"),
        ("man", "the", "dative", False, "old", "the old man", "dem alten Mann"),
        ("man", "a", "nominative", False, "old", "an old man", "ein alter Mann"),
        ("man", "a", "accusative", False, "young", "a young man", "einen jungen Mann"),
        ("man", "a", "dative", False, "", "a man", "einem Mann"),
        ("woman", "the", "accusative", False, "young", "the young woman", "die junge Frau"),
        ("woman", "the", "dative", False, "young", "the young woman", "der jungen Frau"),
        ("woman", "a", "dative", False, "clever", "a clever woman", "einer klugen Frau"),
        ("woman", "my", "nominative", False, "", "my woman", "meine Frau"),
        ("child", "the", "nominative", False, "small", "the small child", "das kleine Kind"),
        ("child", "a", "accusative", False, "small", "a small child", "ein kleines Kind"),
        ("child", "the", "dative", True, "small", "the small children", "den kleinen Kindern"),
        ("house", "our", "accusative", False, "white", "our white house", "unser weißes Haus"),
        ("house", "our", "dative", False, "white", "our white house", "unserem weißen Haus"),
        ("dog", "the", "accusative", True, "small", "the small dogs", "die kleinen Hunde"),
        ("dog", "their", "nominative", True, "black", "their black dogs", "ihre schwarzen Hunde"),
        ("dog", "", "accusative", True, "big", "big dogs", "große Hunde"),
        ("dog", "", "dative", True, "big", "big dogs", "großen Hunden"),
        ("boy", "the", "accusative", False, "", "the boy", "den Jungen"),
        ("neighbour", "the", "dative", False, "", "the neighbour", "dem Nachbarn"),
        ("student", "a", "accusative", False, "", "a student", "einen Studenten"),
        ("coffee", "", "accusative", False, "hot", "hot coffee", "heißen Kaffee"),
        ("milk", "", "accusative", False, "cold", "cold milk", "kalte Milch"),
        ("water", "", "accusative", False, "cold", "cold water", "kaltes Wasser"),
        ("apple", "twenty-two", "accusative", True, "fresh", "twenty-two fresh apples", "zweiundzwanzig frische Äpfel"),
        ("book", "31", "accusative", True, "", "31 books", "31 Bücher"),
        ("egg", "a", "accusative", False, "", "an egg", "ein Ei"),
    ],
)
def test_articles_and_endings_agree(
    noun: str, determiner: str, case: lexicon.Case, plural: bool, adjective: str, english: str, german: str
) -> None:
    assert noun_phrase(NOUNS[noun], determiner, case, plural, adjective) == (english, german)


@pytest.mark.parametrize(
    ("noun", "plural", "adjective", "german"),
    [
        ("coat", False, "blue", "keinen blauen Mantel"),
        ("newspaper", False, "new", "keine neue Zeitung"),
        ("dress", False, "red", "kein rotes Kleid"),
        ("letter", True, "short", "keine kurzen Briefe"),
        ("milk", False, "", "keine Milch"),
    ],
)
def test_kein_takes_the_endings_of_ein(noun: str, plural: bool, adjective: str, german: str) -> None:
    is_counted = NOUNS[noun].is_countable and not plural
    phrase = noun_phrase(NOUNS[noun], "a" if is_counted else "", "accusative", plural, adjective, negative=True)
    assert phrase.german == german


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        (("read", ""), "lese liest liest lesen"),
        (("see", ""), "sehe siehst sieht sehen"),
        (("carry", ""), "trage trägst trägt tragen"),
        (("eat", ""), "esse isst isst essen"),
        (("work", ""), "arbeite arbeitest arbeitet arbeiten"),
        (("find", ""), "finde findest findet finden"),
        (("wait", "for"), "warte wartest wartet warten"),
        (("dance", ""), "tanze tanzt tanzt tanzen"),
        (("invite", ""), "lade lädst lädt laden"),
        (("forget", ""), "vergesse vergisst vergisst vergessen"),
        (("help", ""), "helfe hilfst hilft helfen"),
        (("wash", ""), "wasche wäschst wäscht waschen"),
        (("sleep", ""), "schlafe schläfst schläft schlafen"),
        (("be", ""), "bin bist ist sind"),
    ],
)
def test_verbs_are_conjugated(verb: tuple[str, str], forms: str) -> None:
    assert " ".join(german_present(VERBS[verb], person) for person in ("1s", "2s", "3s", "3p")) == forms


# ---- The order of words ----

WOMAN = noun_phrase(NOUNS["woman"], "the", "nominative", False, "old")
DOGS = noun_phrase(NOUNS["dog"], "the", "accusative", True, "small")
YESTERDAY, TODAY = Bilingual("yesterday", "gestern"), Bilingual("today", "heute")
SEE = Clause(WOMAN, "3s", VERBS["see", ""], english_object=DOGS.english, middle=DOGS.german)
DOOR = noun_phrase(NOUNS["door"], "the", "accusative")
CLOSE = Clause(
    Bilingual("he", "er"), "3s", VERBS["close", ""], english_object=DOOR.english, middle=DOOR.german, time=TODAY
)
WAIT = Clause(
    Bilingual("I", "ich"), "1s", VERBS["wait", "for"], english_object="the bus", late="auf den Bus", time=TODAY
)
GO = Clause(Bilingual("we", "wir"), "1p", VERBS["go", ""], english_object="home", late="nach Hause", time=YESTERDAY)


@pytest.mark.parametrize(
    ("clause", "english", "german"),
    [
        (SEE, "the old woman sees the small dogs", "die alte Frau sieht die kleinen Hunde"),
        (
            replace(SEE, negative=True),
            "the old woman does not see the small dogs",
            "die alte Frau sieht die kleinen Hunde nicht",
        ),
        (
            replace(SEE, tense="past", time=YESTERDAY),
            "the old woman saw the small dogs yesterday",
            "die alte Frau hat gestern die kleinen Hunde gesehen",
        ),
        (
            replace(SEE, tense="past", time=YESTERDAY, negative=True),
            "the old woman did not see the small dogs yesterday",
            "die alte Frau hat die kleinen Hunde gestern nicht gesehen",
        ),
        (
            replace(SEE, tense="want to"),
            "the old woman wants to see the small dogs",
            "die alte Frau will die kleinen Hunde sehen",
        ),
        (
            replace(SEE, tense="have to", negative=True),
            "the old woman does not have to see the small dogs",
            "die alte Frau muss die kleinen Hunde nicht sehen",
        ),
        (
            replace(SEE, tense="can", negative=True),
            "the old woman cannot see the small dogs",
            "die alte Frau kann die kleinen Hunde nicht sehen",
        ),
        (CLOSE, "he is closing the door today", "er macht heute die Tür zu"),
        (replace(CLOSE, tense="future"), "he will close the door today", "er wird heute die Tür zumachen"),
        (replace(CLOSE, tense="past"), "he closed the door today", "er hat heute die Tür zugemacht"),
        (
            replace(CLOSE, negative=True, tense="be allowed to"),
            "he is not allowed to close the door today",
            "er darf die Tür heute nicht zumachen",
        ),
        (WAIT, "I am waiting for the bus today", "ich warte heute auf den Bus"),
        (replace(WAIT, negative=True), "I am not waiting for the bus today", "ich warte heute nicht auf den Bus"),
        (
            replace(WAIT, is_habit=True, time=Bilingual("every day", "jeden Tag")),
            "I wait for the bus every day",
            "ich warte jeden Tag auf den Bus",
        ),
        (replace(GO, tense="past"), "we went home yesterday", "wir sind gestern nach Hause gegangen"),
        (
            replace(GO, tense="past", negative=True),
            "we did not go home yesterday",
            "wir sind gestern nicht nach Hause gegangen",
        ),
        (
            Clause(Bilingual("you", "du"), "2s", lexicon.BE, "past", "tired", late="müde", negative=True),
            "you were not tired",
            "du warst nicht müde",
        ),
        (
            Clause(
                Bilingual("she", "sie"), "3s", VERBS["give", ""], "past", "him a book", "ihm", "ein Buch", "", YESTERDAY
            ),
            "she gave him a book yesterday",
            "sie hat ihm gestern ein Buch gegeben",
        ),
    ],
)
def test_statements(clause: Clause, english: str, german: str) -> None:
    assert english_statement(clause) == english
    assert german_statement(clause) == german


def test_the_verb_stays_second_behind_a_time() -> None:
    assert german_statement(replace(SEE, tense="past", time=YESTERDAY), "gestern") == (
        "gestern hat die alte Frau die kleinen Hunde gesehen"
    )
    assert german_statement(replace(CLOSE, negative=True), "heute") == "heute macht er die Tür nicht zu"


def test_questions_begin_with_the_verb() -> None:
    assert english_question(replace(SEE, negative=True)) == "does the old woman not see the small dogs"
    assert german_question(replace(SEE, negative=True)) == "sieht die alte Frau die kleinen Hunde nicht"
    assert english_question(replace(CLOSE, tense="past")) == "did he close the door today"
    assert german_question(CLOSE) == "macht er heute die Tür zu"
    assert english_question(WAIT) == "am I waiting for the bus today"
    assert german_question(replace(GO, tense="future", time=NO_TIME)) == "werden wir nach Hause gehen"


def test_the_verb_is_last_in_a_subordinate_clause() -> None:
    assert german_subordinate(CLOSE) == "er heute die Tür zumacht"
    assert german_subordinate(replace(CLOSE, tense="past")) == "er heute die Tür zugemacht hat"
    assert german_subordinate(replace(CLOSE, tense="should", negative=True)) == "er die Tür heute nicht zumachen sollte"
    assert german_subordinate(replace(SEE, negative=True)) == "die alte Frau die kleinen Hunde nicht sieht"


# ---- Numbers and times ----


@pytest.mark.parametrize(
    ("number", "english", "german"),
    [
        (2, "two", "zwei"),
        (7, "seven", "sieben"),
        (16, "sixteen", "sechzehn"),
        (17, "seventeen", "siebzehn"),
        (21, "twenty-one", "einundzwanzig"),
        (22, "twenty-two", "zweiundzwanzig"),
        (30, "thirty", "dreißig"),
        (67, "sixty-seven", "siebenundsechzig"),
        (76, "seventy-six", "sechsundsiebzig"),
        (99, "ninety-nine", "neunundneunzig"),
    ],
)
def test_numbers(number: int, english: str, german: str) -> None:
    assert spell_number(number) == (english, german)


@pytest.mark.parametrize(
    ("hour", "minute", "english", "german"),
    [
        (3, 30, "at half past three", "um halb vier"),
        (12, 30, "at half past twelve", "um halb eins"),
        (8, 45, "at a quarter to nine", "um Viertel vor neun"),
        (12, 45, "at a quarter to one", "um Viertel vor eins"),
        (1, 0, "at one o'clock", "um ein Uhr"),
        (11, 0, "at eleven o'clock", "um elf Uhr"),
        (1, 15, "at a quarter past one", "um Viertel nach eins"),
        (6, 40, "at twenty to seven", "um zwanzig vor sieben"),
        (6, 5, "at five past six", "um fünf nach sechs"),
    ],
)
def test_clock_times(hour: int, minute: int, english: str, german: str) -> None:
    assert clock_time(hour, minute) == (english, german)


def test_dates() -> None:
    assert date(3, 3) == ("on 3 March", "am 3. März")
    assert date(31, 12) == ("on 31 December", "am 31. Dezember")


# ---- The corpus ----

# Sentences of seed 1 that were read and translated by hand; a change of VERSION changes which ones are drawn.
GOLDEN = {
    "Tomorrow at half past seven my sons are allowed to work on the beach.": (
        "Morgen um halb acht dürfen meine Söhne am Strand arbeiten."
    ),
    "She says that his sister is arriving at the station today.": (
        "Sie sagt, dass seine Schwester heute am Bahnhof ankommt."
    ),
    "She is sad because the friendly student ate a tomato on 17 October.": (
        "Sie ist traurig, weil der freundliche Student am 17. Oktober eine Tomate gegessen hat."
    ),
    "We were in the garden when they washed 41 fresh apples.": (
        "Wir waren im Garten, als sie 41 frische Äpfel gewaschen haben."
    ),
    "If the student works at home tomorrow, I will help you.": (
        "Wenn der Student morgen zu Hause arbeitet, werde ich dir helfen."
    ),
    "Is the teacher not inviting your aunt at the moment?": "Lädt der Lehrer deine Tante im Moment nicht ein?",
    "When does the guest want to pick him up?": "Wann will der Gast ihn abholen?",
    "Who is showing you a black dog today?": "Wer zeigt dir heute einen schwarzen Hund?",
    "Where did you repair 92 small chairs?": "Wo hast du 92 kleine Stühle repariert?",
    "Did the guests help my sister?": "Haben die Gäste meiner Schwester geholfen?",
    "I did not forget a book.": "Ich habe kein Buch vergessen.",
    "Will the window cost fifty-two euros?": "Wird das Fenster zweiundfünfzig Euro kosten?",
    "My daughter turned on her radio yesterday at ten past four.": (
        "Meine Tochter hat gestern um zehn nach vier ihr Radio angemacht."
    ),
    "Now our father is angry.": "Jetzt ist unser Vater wütend.",
}


def test_sentences_of_the_corpus_as_a_person_translates_them(corpus: dict[str, list[Sentence]]) -> None:
    made = {sentence.english: sentence.german for part in corpus.values() for sentence in part}
    assert {english: made.get(english) for english in GOLDEN} == GOLDEN


def test_counts_and_distinct_sources(corpus: dict[str, list[Sentence]]) -> None:
    sources = [sentence.english for part in corpus.values() for sentence in part]
    assert len(sources) == len(set(sources)) == sum(SIZES.values())


def test_the_source_determines_the_target_whatever_the_seed(corpus: dict[str, list[Sentence]]) -> None:
    made = {sentence.english: sentence.german for part in corpus.values() for sentence in part}
    repeated = 0
    for seed in (2, 3):
        for english, german in generate("train", seed, 8_000):
            repeated += english in made
            assert made.setdefault(english, german) == german
    assert repeated > 100


def test_no_combination_is_in_two_parts(corpus: dict[str, list[Sentence]]) -> None:
    parts = {part: {sentence.combination for sentence in sentences} for part, sentences in corpus.items()}
    assert not parts["train"] & parts["test"]
    assert not parts["train"] & parts["valid"]
    assert not parts["valid"] & parts["test"]
    assert len(parts["test"]) > 300
    assert all(part_of(combination) == part for part, held in parts.items() for combination in held)


def test_the_words_of_a_combination_are_in_its_sentence(corpus: dict[str, list[Sentence]]) -> None:
    """The combination that is held out is that of the sentence, and not merely a label."""
    forms = {noun.english: {noun.english, noun.english_plural} for noun in NOUNS.values()}
    for sentence in corpus["test"]:
        present = set(words(sentence.english))
        for word in (sentence.combination[0], sentence.combination[2].split()[-1]):
            if sentence.combination[1] not in ("leave", "begin"):
                assert {form.lower() for form in forms.get(word, {word})} & present, sentence


@pytest.mark.parametrize("side", ["english", "german"])
def test_every_held_out_word_is_in_train(corpus: dict[str, list[Sentence]], side: str) -> None:
    known = Counter(word for sentence in corpus["train"] for word in words(getattr(sentence, side)))
    held_out = {word for part in ("valid", "test") for one in corpus[part] for word in words(getattr(one, side))}
    assert [word for word in held_out if known[word] < 2] == []


def test_held_out_content_words_are_frequent_in_train(corpus: dict[str, list[Sentence]]) -> None:
    counts = Counter(word for sentence in corpus["train"] for word in set(sentence.combination))
    held_out = {word for sentence in corpus["test"] for word in sentence.combination}
    assert min(counts[word] for word in held_out) >= 30


def test_sentences_are_sentences(corpus: dict[str, list[Sentence]]) -> None:
    for part in corpus.values():
        for english, german, *_ in part:
            assert english[-1] == german[-1]
            assert english[-1] in ".?"
            for text in (english, german):
                assert text[0].isupper()
                assert "  " not in text
                assert text == text.strip()
            assert 3 <= len(words(english)) <= 24
    lengths = [len(words(sentence.english)) for sentence in corpus["train"]]
    assert sum(4 <= length <= 14 for length in lengths) > 0.9 * len(lengths)


def test_every_kind_of_sentence_is_there(corpus: dict[str, list[Sentence]]) -> None:
    german = [sentence.german for sentence in corpus["test"]]
    patterns = ["dass", "ob", "weil", "als", "wenn", "nicht", "kein", "um halb", r"am \d+\.", "Wer", "Was", "Wann"]
    for pattern in [*patterns, "Warum", "Wo", "Wie viele", "am Montag", "montags", r"hat .*ge\w+[.]", "wird .*en[.]"]:
        assert any(re.search(pattern, text, re.IGNORECASE) for text in german), pattern


def test_the_same_seed_gives_the_same_corpus_in_every_process() -> None:
    program = (
        "import hashlib; from nmt.corpora.phrases import generate;"
        "print(hashlib.sha256(repr(list(generate('train', 5, 300))).encode()).hexdigest())"
    )
    expected = hashlib.sha256(repr(list(generate("train", 5, 300))).encode()).hexdigest()
    root = Path(phrases.__file__).parents[2]
    for hash_seed in ("0", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr


def test_another_seed_gives_another_corpus_and_fewer_lines_are_the_first_of_more() -> None:
    first, second = list(generate("valid", 1, 100)), list(generate("valid", 2, 100))
    assert first != second
    assert list(generate("valid", 1, 30)) == first[:30]


def test_more_lines_than_there_are_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = Sentence("I am.", "Ich bin.", ("I", "be", "x"), [])
    monkeypatch.setattr(phrases, "_ATTEMPTS_IN_VAIN", 10)
    monkeypatch.setattr(phrases, "_draw_sentence", lambda random, part: sentence)
    with pytest.raises(DataError, match=r"Received: 1 sentences\. Expected: 2 sentences"):
        list(generate("train", 1, 2))


def test_the_global_random_state_is_neither_read_nor_changed() -> None:
    import random

    random.seed(3)
    expected = Random(3).random()
    list(generate("test", 1, 20))
    assert random.random() == expected


def test_the_card_reads_both_directions(tmp_path: Path) -> None:
    card = find_card("phrases")
    assert {name: split.lines for name, split in card.splits.items()} == SIZES
    forth = list(read_pairs(card, "valid", "en", "de", tmp_path))
    back = list(read_pairs(card, "valid", "de", "en", tmp_path))
    assert [(pair.target, pair.source) for pair in back] == [tuple(pair) for pair in forth]
    assert [tuple(pair) for pair in forth] == list(generate("valid", 1, 500))
