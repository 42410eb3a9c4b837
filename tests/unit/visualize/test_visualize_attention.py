"""Pictures of attention: what is in them, and fonts for what is written on them."""

import struct

import numpy as np
import pytest

from nmt.decoding.forced import Forced
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.translation import Details, Translation, Words
from nmt.tokenizer import EOS
from nmt.visualize.attention import END, SPACE, attention_map, draw_attention, write_attention
from nmt.visualize.fonts import BASE, fonts_for

SOURCE = Words(["old", "house"], [[0], [0], [1], [1], []], ["o", "ld", " ", "house", ""])
TARGET = Words(["Haus", "7"], [[0], [1], []], ["Haus", " 7", ""])
WEIGHTS = np.array([[0, 0, 0.25, 0.75, 0], [0.5, 0.25, 0, 0, 0.25], [0, 0, 0, 0, 1]], np.float32)


def translation(generate=None, weights=WEIGHTS, copied=None):
    forced = Forced(np.zeros(3, np.float32), weights, generate, copied)
    details = Details([5, 6, EOS], "Haus 7", forced, SOURCE, TARGET)
    return Translation("old house", "Haus 7", Hypothesis([5, 6, EOS], -1.0, -3.0), details)


def test_by_piece_everything_that_the_model_sees_is_there():
    shares = np.array([1.0, 0.25, 1.0], np.float32), np.array([0.0, 0.5, 0.25], np.float32)
    found = attention_map(translation(shares[0], copied=shares[1]), "piece")
    assert (found.columns, found.rows) == (["o", "ld", SPACE, "house", END], ["Haus", "7", END])
    assert found.weights.tolist() == WEIGHTS.tolist()
    assert (found.generated, found.copied) == ([1.0, 0.25, 1.0], [0.0, 0.5, 0.25])
    assert (found.column_starts, found.row_starts) == ([0, 2, 4], [0, 1, 2])
    assert found.title == "old house\nHaus 7"


def test_by_word_it_is_what_alignments_are_made_of():
    found = attention_map(translation(), "word")
    assert (found.columns, found.rows) == (["old", "house"], ["Haus", "7"])
    np.testing.assert_allclose(found.weights, [[0.0, 1.0], [0.75, 0.0]])
    assert found.generated is found.copied is None
    shares = np.array([1.0, 0.25, 1.0], np.float32), np.array([0.0, 0.5, 0.25], np.float32)
    found = attention_map(translation(shares[0], copied=shares[1]), "word")
    assert (found.generated, found.copied) == ([1.0, 0.25], [0.0, 0.5])


@pytest.mark.parametrize("by", ["piece", "word"])
def test_there_is_no_picture_without_attention_or_text(by):
    assert attention_map(translation(weights=None), by) is None
    assert attention_map(Translation("", ""), by) is None


def test_equal_maps_give_equal_pictures_and_what_was_copied_widens_them(tmp_path):
    shares = (None, None), (np.zeros(3, np.float32), np.ones(3, np.float32))
    plain, copying = (attention_map(translation(one, copied=other), "piece") for one, other in shares)
    paths, missing = write_attention(tmp_path / "folder", [(1, plain), (3, copying)])
    assert [path.name for path in paths] == ["attention-1.png", "attention-3.png"]
    assert missing == ""
    pictures = [path.read_bytes() for path in paths]
    assert pictures[0] == draw_attention(plain)[0] != pictures[1]
    for picture in pictures:
        assert picture.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", picture[16:24])
        assert 400 < width < 1200
        assert 200 < height < 800


def test_fonts_are_found_for_what_the_first_lacks_and_the_rest_is_named():
    assert fonts_for(["Zürich Привет"]) == ([BASE], "")
    fonts, missing = fonts_for(["a\U000e0fff\u0378"])  # no font can have these: they are not assigned
    assert fonts[0] == BASE
    assert missing == ""  # and are not printable, so nobody wants to see them
    fonts, missing = fonts_for(["\U0001fbc5a"])
    assert (len(fonts) > 1) != bool(missing)
