from __future__ import annotations

import pytest

from nmt.cleaning.filters import (
    DecontaminateFilter,
    DeduplicateFilter,
    EmptyFilter,
    EvaluationDigests,
    LengthFilter,
    LengthRatioFilter,
    comparable,
)
from nmt.corpora.pair import Pair
from nmt.corpora_config import DecontaminateStep, DeduplicateStep, LengthRatioStep, LengthStep


@pytest.mark.parametrize(
    ("pair", "sides"),
    [
        (Pair("a", "b"), []),
        (Pair("", "b"), ["source"]),
        (Pair("a", " \u200b\u2028"), ["target"]),
        (Pair("\t", ""), ["source", "target"]),
    ],
)
def test_empty(pair: Pair, sides: list[str]) -> None:
    step = EmptyFilter()
    assert step.measure(pair) == sides
    assert step.accepts(step.measure(pair)) == (not sides)


def test_the_reason_names_the_empty_side() -> None:
    assert EmptyFilter().explain(["target"]) == "target empty"


@pytest.mark.parametrize(
    ("unit", "pair", "measured", "kept"),
    [
        ("word", Pair("a b", "c d e"), (2, 3), True),
        ("word", Pair("a", "c d e"), (1, 3), False),
        ("word", Pair("a b", "c d e f"), (2, 4), False),
        ("char", Pair("ab", "日本語"), (2, 3), True),
        ("char", Pair("a b", "日本語 "), (3, 4), False),
    ],
)
def test_length(unit: str, pair: Pair, measured: tuple[int, int], kept: bool) -> None:
    step = LengthFilter(LengthStep.model_validate({"unit": unit, "min": 2, "max": 3}))
    assert step.measure(pair) == measured
    assert step.accepts(measured) == kept
    assert step.explain((1, 4)) == f"1 and 4 {unit}s, not within 2 to 3"


@pytest.mark.parametrize(
    ("source", "target", "ratio"), [("ab", "abcd", 2.0), ("abcd", "ab", 2.0), ("a", "", float("inf"))]
)
def test_length_ratio(source: str, target: str, ratio: float) -> None:
    assert LengthRatioFilter(LengthRatioStep()).measure(Pair(source, target)) == ratio


def test_the_limit_of_the_ratio_is_allowed() -> None:
    step = LengthRatioFilter(LengthRatioStep(max=2.0))
    assert step.accepts(2.0)
    assert not step.accepts(2.001)
    assert step.explain(3.14159) == "length ratio 3.14 in chars, above 2"


@pytest.mark.parametrize(
    ("on", "kept"),
    [
        ("pair", [True, True, True, False]),
        ("source", [True, False, True, False]),
        ("target", [True, True, False, False]),
    ],
)
def test_deduplicate(on: str, kept: list[bool]) -> None:
    step = DeduplicateFilter(DeduplicateStep.model_validate({"on": on}))
    digests = list(map(step.digest, [Pair("a", "x"), Pair("a", "y"), Pair("b", "x"), Pair("a", "x")]))
    assert [step.accepts(digest in digests[:place]) for place, digest in enumerate(digests)] == kept
    assert {len(digest) for digest in digests} == {16}
    assert step.explain(True) == f"the same {on} came before"


def test_the_border_between_the_sides_counts() -> None:
    step = DeduplicateFilter(DeduplicateStep())
    pairs = [Pair("ab", "c"), Pair("a", "bc"), Pair("a\nb", "c"), Pair("a", "b\nc")]
    assert len(set(map(step.digest, pairs))) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "helloworld"),
        ("„Straße“ — ja…", "strasseja"),
        ("¿Qué?\u00a0«e\u0301»", "quéé"),
        ("日本語。テスト、", "日本語テスト"),
        ("नमस्ते दुनिया।", "नमस्तेदुनिया"),
        ("ﬁＡ\u200b\u200d\0", "fia"),
        ("3 + 4 = 7", "3+4=7"),
        ("? !", "?!"),
        ("", ""),
    ],
)
def test_what_is_compared(text: str, expected: str) -> None:
    assert comparable(text) == expected


EVALUATION = {
    "valid": EvaluationDigests([Pair("A dog.", "Ein Hund.")]),
    "test": EvaluationDigests([Pair("A cat!", "Eine Katze.")]),
}


@pytest.mark.parametrize(
    ("on", "pair", "measured"),
    [
        ("pair", Pair("a DOG", "ein hund"), ("pair", "valid")),
        ("pair", Pair("a dog", "eine Katze"), None),
        ("source", Pair("a dog", "other"), ("source", "valid")),
        ("source", Pair("other", "ein Hund"), None),
        ("target", Pair("other", "eine Katze"), ("target", "test")),
        ("target", Pair("a cat", "other"), None),
        ("either", Pair("a cat", "other"), ("source", "test")),
        ("either", Pair("other", "Ein Hund?"), ("target", "valid")),
        ("either", Pair("ein Hund", "a dog"), None),
    ],
)
def test_decontaminate(on: str, pair: Pair, measured: tuple[str, str] | None) -> None:
    step = DecontaminateFilter(DecontaminateStep.model_validate({"on": on}), EVALUATION)
    assert step.measure(pair) == measured
    assert step.accepts(measured) == (measured is None)


def test_only_the_named_sets_are_compared() -> None:
    step = DecontaminateFilter(DecontaminateStep(against=["test"]), EVALUATION)
    assert step.measure(Pair("a dog", "ein Hund")) is None
    assert step.explain(("source", "test")) == "its source occurs in the test set"
