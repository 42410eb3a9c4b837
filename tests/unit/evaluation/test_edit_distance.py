import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.lib_ter import BeamEditDistance, translation_edit_rate

from nmt.evaluation.edit_distance import EditDistance, _SacrebleuDistance, translation_edits


def table_distance(first, second):
    """The textbook's table, cell by cell."""
    row = list(range(len(second) + 1))
    for place, unit in enumerate(first, start=1):
        above, row = row, [place]
        for other, second_unit in enumerate(second, start=1):
            row.append(min(above[other] + 1, row[-1] + 1, above[other - 1] + (unit != second_unit)))
    return row[-1]


@given(st.text("abc", max_size=80), st.text("abc", max_size=80))
def test_the_distance_is_that_of_the_table(first, second):
    assert EditDistance(first)(second) == table_distance(first, second)
    assert EditDistance(first)(second) == EditDistance(second)(first)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=14), st.lists(st.sampled_from("abcdefg"), max_size=14))
def test_edits_of_ter_are_sacrebleus(hypothesis, reference):
    assert (translation_edits(hypothesis, reference), len(reference)) == translation_edit_rate(hypothesis, reference)


@pytest.mark.parametrize("words", [6, 400])
def test_edits_of_long_sentences_with_moved_phrases_are_sacrebleus(words):
    chance = random.Random(3)
    for length in (30, 50, 70):
        reference = [f"w{chance.randrange(words)}" for _ in range(length)]
        place = length // 3
        hypothesis = reference[place : 2 * place] + reference[:place] + reference[2 * place :]
        hypothesis = [word if chance.random() < 0.8 else "x" for word in hypothesis][: length - 4]
        assert translation_edits(hypothesis, reference) == translation_edit_rate(hypothesis, reference)[0]


def test_distances_are_those_of_sacrebleus_beam_within_it_and_outside():
    chance = random.Random(5)
    for _ in range(40):
        reference = [chance.choice("abcdefgh") for _ in range(chance.randrange(1, 120))]
        shift = chance.randrange(0, 60)
        hypothesis = (["z"] * shift + reference)[: chance.randrange(1, 150)]
        distance, edits = _SacrebleuDistance(reference)(hypothesis)
        expected = BeamEditDistance(reference)(hypothesis)
        assert (distance, edits.translate({})) == expected


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_edits_are_sacrebleus_own(first, second):
    assert (EditDistance(first)(second), EditDistance(first).edits(second)) == BeamEditDistance(first)(second)
