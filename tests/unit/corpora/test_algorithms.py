"""Generated tests of sequence-to-sequence models: what the targets should be is computed here in another way."""

import ast
import hashlib
import re
from datetime import datetime
from itertools import islice
from random import Random

import pytest

from nmt.corpora import algorithms
from nmt.corpora.algorithms import VERSIONS, generate, part_of
from nmt.corpora.cards import GeneratedSplit, find_card
from nmt.corpora.materialize import reference_identity
from nmt.corpora.programs import draw_program
from nmt.errors import DataError

NAMES = sorted(VERSIONS)
DIFFICULTY = {"length": 3, "nesting": 3}


def pairs(name, lines, part="train", seed=1, **settings):
    settings = (DIFFICULTY if name == "programs" else {}) | settings
    split = GeneratedSplit(format="generated", generator=name, part=part, seed=seed, lines=lines, **settings)
    return list(generate(split))


def printed(program):
    """Runs a program as Python does, after a look at what is in it."""
    tree = ast.parse(program.replace(";", "\n"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called <= {"print", "range"}
    assert not any(isinstance(node, ast.Attribute | ast.Import | ast.ImportFrom) for node in ast.walk(tree))
    lines = []
    exec(compile(tree, "program", "exec"), {"__builtins__": {"print": lines.append, "range": range}})
    (value,) = lines
    return str(value)


def day_of(text):
    """Reads a date by patterns of the standard library."""
    text = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text.lower()).replace("the ", "").replace("of ", "")
    text = re.sub(r"^[a-z]+day, |^(mon|tue|wed|thu|fri|sat|sun) ", "", text)
    patterns = ("%d %B %Y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%b %d, %Y", "%Y %B %d", "%d.%m.%Y", "%Y/%m/%d")
    for pattern in patterns:
        try:
            return datetime.strptime(text, pattern).date().isoformat()
        except ValueError:
            continue
    raise AssertionError(text)


def ascending(text):
    return " ".join(sorted(text.split(), key=int))


TARGETS = {
    "echo": lambda source: source,
    "reversal": lambda source: " ".join(reversed(source.split())),
    "addition": lambda source: str(sum(map(int, source.split("+")))),
    "programs": printed,
    "dates": day_of,
    "sorting": ascending,
}


@pytest.mark.parametrize("name", NAMES)
def test_targets_are_right(name):
    for source, target in pairs(name, 3000):
        assert target == TARGETS[name](source), source


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_pairs_and_fewer_are_the_first_of_more(name):
    many = pairs(name, 400)
    assert pairs(name, 150) == many[:150]
    assert len({source for source, _ in many}) == 400
    assert pairs(name, 400, seed=2) != many


def test_pairs_do_not_depend_on_the_process():
    digest = hashlib.sha256("\n".join(str(pair) for name in NAMES for pair in pairs(name, 50)).encode()).hexdigest()
    assert digest == "2068f635ddaf9fb30d0c55a2a666b843c3c4ce094bf8cf4c72f7ae00fe81d718", (
        "raise VERSIONS of the generator that was changed, and correct this"
    )


# What no two parts may share.
KEYS = {
    "echo": lambda source: source,
    "reversal": lambda source: source,
    "addition": lambda source: frozenset(source.split("+")),
    "programs": lambda source: source,
    "dates": day_of,
    "sorting": ascending,
}


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_disjoint_whatever_their_seeds(name):
    sizes = {"train": 3000, "valid": 500, "test": 500}
    parts = [
        {KEYS[name](source) for source, _ in pairs(name, lines, part, seed)}
        for seed in (1, 2)
        for part, lines in sizes.items()
    ]
    for index in range(3):
        for other in range(3):
            assert index == other or not parts[index] & (parts[other] | parts[other + 3])


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_cards_have_as_many_lines_as_they_say(name):
    card = find_card(name)
    assert card.sides == ["source", "target"]
    for split in card.splits.values():
        assert isinstance(split, GeneratedSplit)
        wanted = min(split.lines, 40_000)
        assert len({source for source, _ in islice(generate(split), wanted)}) == wanted


def test_too_many_lines_are_an_error(monkeypatch):
    monkeypatch.setattr(algorithms, "_ATTEMPTS_IN_VAIN", 5)
    with pytest.raises(DataError, match="dates/valid: there are hardly more different sources"):
        pairs("dates", 1000, "valid")


def test_the_numbers_are_within_their_limits():
    for source, _ in pairs("echo", 300):
        assert 10 <= len(source.split()) <= 20
        assert all(0 <= int(number) <= 99 for number in source.split())
    for source, _ in pairs("sorting", 300):
        assert 5 <= len(set(source.split())) == len(source.split()) <= 10
    assert all(re.fullmatch(r"[1-9]\d{3}\+[1-9]\d{3}", source) for source, _ in pairs("addition", 300))


def test_dates_have_every_form_case_and_weekday():
    sources = [source for source, _ in pairs("dates", 3000)]
    shapes = {re.sub(r"\d+", "0", re.sub(r"[a-z]+", "a", source.lower())) for source in sources}
    assert {"0 a 0", "0-a-0", "a 0a, 0", "a 0a a a 0", "0.0.0", "0/0/0", "a, 0 a 0", "a 0 a 0"} <= shapes
    assert {source.isupper() for source in sources} == {source.islower() for source in sources} == {True, False}
    for source, target in pairs("dates", 3000):
        day = datetime.fromisoformat(target)
        assert 1900 <= day.year <= 2099
        if weekday := re.match(r"[A-Za-z]+(?=day, )|(?i:mon|tue|wed|thu|fri|sat|sun)(?= \d)", source):
            assert day.strftime("%A").lower().startswith(weekday[0].lower())


def test_length_and_nesting_are_the_difficulty_of_programs():
    hard = pairs("programs", 500, mix=False)
    mixed = pairs("programs", 500)
    assert sum(len(source) for source, _ in hard) > 1.3 * sum(len(source) for source, _ in mixed)
    for source, _ in pairs("programs", 200, length=1):
        assert all(int(number) <= 9 for number in re.findall(r"\d+", source))
    easy = pairs("programs", 500, nesting=1)
    assert all(source.count(";") <= 2 for source, _ in easy)


def test_no_program_has_an_operation_too_few():
    for nesting in (1, 9, 25):
        for seed in range(40):
            source, value = draw_program(Random(seed), 2, nesting)
            assert printed(source) == str(value)
            found = re.findall(r"[+*<>]|-(?!\d*=)|range", source)
            assert len(found) >= nesting


def test_only_programs_have_a_difficulty():
    for name, settings in (("programs", {"length": 3}), ("echo", {"length": 3}), ("phrases", {"mix": True})):
        with pytest.raises(ValueError, match="programs"):
            GeneratedSplit(format="generated", generator=name, part="train", lines=1, **settings)


def test_the_identity_of_a_corpus_holds_what_its_generator_has(tmp_path, monkeypatch):
    echo = reference_identity("echo/train", "source", "target", tmp_path)
    assert set(echo["split"]) == {"format", "generator", "part", "seed", "lines"}
    programs = reference_identity("programs/train", "source", "target", tmp_path)
    assert (programs["split"]["length"], programs["split"]["nesting"]) == (3, 3)
    monkeypatch.setitem(VERSIONS, "echo", 2)
    assert reference_identity("echo/train", "source", "target", tmp_path) != echo


def test_a_hash_decides_of_which_part_a_key_is():
    parts = [part_of(str(number)) for number in range(5000)]
    assert 400 < parts.count("test") < 600
    assert 150 < parts.count("valid") < 350
