"""Variants of text: lines stay lines, seeds decide, every script has letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import UsageError
from nmt.evaluation.variants import VARIANTS, make_variant

LINES = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])))


@pytest.mark.parametrize("name", VARIANTS)
@given(lines=LINES, seed=st.integers(0, 5))
def test_lines_stay_lines_and_blank_ones_blank(name, lines, seed):
    variant = make_variant(name, lines, seed)
    assert [bool(line.strip()) for line in variant] == [bool(line.strip()) for line in lines]
    assert not any("\n" in line for line in variant)
    assert variant == make_variant(name, lines, seed)


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("upper", "straße und Αθήνα", "STRASSE UND ΑΘΉΝΑ"),
        ("lower", "Ein HAUS", "ein haus"),
        ("title", "it's  \u201cfine\u201d, isn't it? ǆungla", "It's  \u201cFine\u201d, Isn't It? ǅungla"),
        ("no_final_punctuation", "Really?! ", "Really"),
        ("no_final_punctuation", "他来了。", "他来了"),
        ("no_final_punctuation", "क्या?।", "क्या"),
        ("no_final_punctuation", "...", "..."),
        ("no_final_punctuation", "It costs 5 €", "It costs 5 €"),
    ],
)
def test_variants_without_chance(name, line, expected):
    assert make_variant(name, [line], 1) == make_variant(name, [line], 2) == [expected]


@pytest.mark.parametrize("name", ["typos", "noise"])
@pytest.mark.parametrize(
    "text", ["the quick brown fox jumps over it", "быстрая рыжая лиса прыгает", "敏捷的棕色狐狸跳过懒狗"]
)
def test_some_of_every_text_is_changed(name, text):
    lines = [text] * 200
    variant = make_variant(name, lines, 1)
    changed = sum(line != text for line in variant)
    assert 20 < changed < 195
    assert len(set(variant)) > 10  # each line by itself
    assert variant != make_variant(name, lines, 2)
    assert all(abs(len(line) - len(text)) < 8 for line in variant)


def test_typos_write_letters_of_the_text_and_keep_first_ones():
    lines = ["हिन्दी किताब"] * 300
    variant = make_variant("typos", lines, 1)
    assert set("".join(variant)) <= set(lines[0])
    assert {word[0] for line in variant for word in line.split()} == {"ह", "क"}
    marks = set("िी्ा")
    assert not any(word[0] in marks for line in variant for word in line.split())


def test_a_misspelt_variant_is_told_the_nearest():
    with pytest.raises(UsageError, match="Did you mean typos"):
        make_variant("typo", ["a"], 1)
