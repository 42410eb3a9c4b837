"""What makes a translation suspect."""

import pytest

from nmt.decoding.quality import LENGTH_EXTRA, LOW_SCORE, quality_flags


def flags(source, text, score=-0.1, **options):
    return quality_flags(source, text, score, **{"finished": True, "unknown": "\u2047"} | options)


LONG = "word " * 20


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("a good line", "eine gute Zeile", []),
        ("a line", " ", ["empty"]),
        ("this is one line", "This  is one LINE", ["copy"]),
        ("New York", "New York", []),  # names are copied
        ("a b", "c d d d", ["repetition"]),
        ("a b", "c d e d e d e f", ["repetition"]),
        ("a b", "c d e d e d", []),
        ("ha ha ha", "ha ha ha nun", []),  # the source repeats as well
        ("a b", "eins zwei drei vier eins zwei drei vier eins zwei drei vier", ["repetition", "length_ratio"]),
        ("a b", "eins zwei drei vier f eins zwei drei vier f eins zwei drei vier f", ["length_ratio"]),
        ("kurz", "x" * (12 + LENGTH_EXTRA), []),
        ("kurz", "x" * (13 + LENGTH_EXTRA), ["length_ratio"]),
        (LONG, "kurz", ["length_ratio"]),
        ("it costs 3.50 euros", "es kostet 3,50 Euro", []),
        ("at 10 and at 10", "um 10", ["numbers_lost"]),
        ("\u0663 books", "3 Bücher", []),  # the same number in other digits
        ("see https://a.example/x1.", "siehe https://a.example/x1", []),
        ("see https://a.example/x1.", "siehe https://a.example/", ["links_lost"]),
        ("write to me@a.example, now", "schreib jetzt", ["links_lost"]),
        ("a word", "ein \u2047", ["unknown"]),
        ("", "", ["empty"]),
    ],
)
def test_what_is_flagged_in_texts(source, text, expected):
    assert flags(source, text) == expected


def test_the_search_is_heard_as_well():
    assert flags("a", "b", LOW_SCORE - 0.01) == ["low_score"]
    assert flags("a", "b", LOW_SCORE) == []
    assert flags("a", "b", finished=False) == ["unfinished"]


def test_a_summary_is_shorter_and_may_leave_out_numbers_and_links():
    assert flags(LONG + "3 www.a.example", "kurz", summary=True) == []


def test_a_long_line_without_repetition_is_judged_as_well():
    words = " ".join(f"w{number}" for number in range(20_000))
    assert flags(words, words.upper() + " end end end") == ["repetition"]
