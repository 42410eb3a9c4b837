"""Words, their pieces, and links between words."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.word_alignment import (
    agreement,
    format_links,
    hard_alignment,
    parse_links,
    word_sums,
    word_weights,
    words_of_pieces,
)


def spans_of(text, lengths):
    begins = np.cumsum([0, *lengths])
    assert begins[-1] == len(text)
    return list(zip(begins.tolist(), begins[1:].tolist(), strict=False))


def test_a_piece_belongs_to_the_words_that_it_shares_characters_with():
    text = " an old\u00a0man "
    spans = spans_of(text, [0, 1, 1, 1, 1, 6, 1, 1])  # "", " ", "a", "n", " ", "old m", "a"+...
    words, places = words_of_pieces(text, spans)
    assert words == ["an", "old", "man"]
    # White space goes with the word behind it; what reaches over two words is a part of both.
    assert places == [[0], [0], [0], [0], [1], [1, 2], [2], [2]]


def test_without_words_pieces_belong_to_none():
    assert words_of_pieces("  ", [(0, 1), (1, 2)]) == ([], [[], []])
    assert words_of_pieces("", []) == ([], [])


@given(text=st.text(alphabet="ab \t\u3000", max_size=20), data=st.data())
def test_every_character_of_a_word_is_in_a_piece_of_it(text, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    spans = list(pairwise(cuts))
    words, places = words_of_pieces(text, spans)
    assert words == text.split()
    if words:
        assert all(places)
        assert {word for own in places for word in own} == set(range(len(words)))
        flat = [word for own in places for word in own]
        assert flat == sorted(flat)


def test_word_sums_keep_the_total():
    sums = word_sums([1.0, 2.0, 4.0, 8.0], [[0], [0, 1], [1], []], 2)
    assert sums.tolist() == [2.0, 5.0]


def test_attention_of_words_is_the_sum_over_source_pieces_and_the_mean_over_target_pieces():
    weights = np.array([[0.1, 0.2, 0.6, 0.1], [0.3, 0.3, 0.2, 0.2], [0.0, 0.0, 0.0, 1.0]])
    #           source pieces: word 0, word 0, word 1, EOS; target pieces: word 0, word 0, EOS
    result = word_weights(weights, [[0], [0], [1], []], [[0], [0], []], 2, 1)
    np.testing.assert_allclose(result, [[(0.3 + 0.6) / 2, (0.6 + 0.2) / 2]])


def test_links_are_the_best_source_word_and_those_with_a_share_of_its_weight():
    weights = np.array([[0.6, 0.35, 0.05], [0.0, 0.1, 0.8], [0.0, 0.0, 0.0]])
    assert hard_alignment(weights, 1.0) == [(0, 0), (2, 1)]
    assert hard_alignment(weights, 0.5) == [(0, 0), (1, 0), (2, 1)]
    assert hard_alignment(np.zeros((0, 3))) == hard_alignment(np.zeros((2, 0))) == []


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99))))
def test_links_survive_the_format(links):
    assert parse_links(format_links(links), "a line") == links


@pytest.mark.parametrize("text", ["0", "0-", "0-1-2", "a-b", "-1-0", "0–1", "٣-١", "0-0,1-1"])
def test_what_is_no_link_is_an_error(text):
    with pytest.raises(DataError, match=r"words\.al, line 3: not a word alignment"):
        parse_links(f"0-0 {text}", "words.al, line 3")


def test_agreement_counts_links_over_all_sentences():
    precision, recall, f1 = agreement([[(0, 0), (1, 1)], [(0, 0)]], [[(0, 0), (1, 2), (2, 1)], [(0, 0)]])
    assert (precision, recall, f1) == pytest.approx((2 / 3, 2 / 4, 4 / 7))
    assert agreement([[]], [[(0, 0)]]) == (0.0, 0.0, 0.0)
