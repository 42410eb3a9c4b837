"""What stands for unknown words is replaced by what attention points at."""

import numpy as np
import pytest

from nmt.decoding.unknown import read_dictionary, replace_unknown
from nmt.errors import DataError
from nmt.tokenizer import EOS, UNK


def test_an_unknown_word_becomes_the_source_word_or_its_translation():
    text, spans, ids = "sie \u2047 in \u2047", [(0, 3), (3, 5), (5, 8), (8, 10)], [5, UNK, 6, UNK, EOS]
    surfaces = ["Anna", " lives", " in", " Zork"]
    weights = np.array([[1, 0, 0, 0, 0], [0, 0.3, 0.1, 0.2, 0.4], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1.0]])
    assert replace_unknown(text, spans, ids, weights, surfaces, {"lives": "wohnt hier"}) == (
        "sie wohnt hier in Zork",
        [(0, 3), (3, 14), (14, 17), (17, 22)],
    )


def test_white_space_is_never_pointed_at():
    weights = np.array([[0.9, 0.1]])
    assert replace_unknown("\u2047", [(0, 1)], [UNK], weights, [" ", "x"], {}) == ("x", [(0, 1)])
    assert replace_unknown("\u2047", [(0, 1)], [UNK], weights, [" "], {}) == ("\u2047", [(0, 1)])


def test_a_dictionary_has_one_entry_on_a_line_and_the_first_counts(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("house\tHaus\n\ncar \t Auto\nhouse\tHeim\n", encoding="utf-8")
    assert read_dictionary(path) == {"house": "Haus", "car": "Auto"}
    path.write_text("house\tHaus\ncar Auto\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"words\.tsv, line 2: not an entry"):
        read_dictionary(path)
