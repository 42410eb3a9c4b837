"""Phrases in the plane: what is drawn, what is refused, and that text stays text."""

import json
import re

import numpy as np
import pytest

from nmt.errors import DataError
from nmt.visualize.phrases import MAX_PHRASES, Phrases, draw_phrases, first_phrases, lay_out, shortened, write_phrases

ATTACK = "</script><script>alert(1)</script> $\\frac{ & \U0001f600 \u4e2d\u6587 \x00 \u2028"
GENERATOR = np.random.default_rng(2)


def two_clusters(count, size=8):
    """The first half of the vectors lies far from the second."""
    vectors = GENERATOR.normal(size=(2 * count, size)) * 0.1
    vectors[count:] += 3.0
    return vectors.astype(np.float32)


def test_the_first_phrases_that_are_not_blank_are_drawn():
    few = first_phrases(["a", " ", "b", "\u200b", "c"], "source")
    assert few == Phrases(["a", "b", "c"], more=False)
    assert few.caption == "3 phrases."
    endless = (str(number) for number in iter(int, 1))
    many = first_phrases(endless, "source")
    assert len(many.lines) == MAX_PHRASES
    assert many.caption.startswith("The first 5,000 phrases")
    assert not first_phrases(["x"] * MAX_PHRASES, "source").more


@pytest.mark.parametrize("lines", [[], ["a", "", "b"]])
def test_too_few_phrases_are_an_error(lines):
    with pytest.raises(DataError, match="source: too few phrases"):
        first_phrases(lines, "source")


def test_both_layouts_keep_clusters_apart_and_are_repeatable():
    vectors = two_clusters(10)
    for view, again in zip(lay_out(vectors), lay_out(vectors), strict=True):
        np.testing.assert_array_equal(view.points, again.points)
        assert np.abs(view.points).max() == pytest.approx(1.0, abs=1e-5)
        left, right = view.points[:10], view.points[10:]
        assert np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)) > left.std() + right.std()


@pytest.mark.parametrize("shape", [(3, 1), (3, 2), (4, 100)])
def test_the_smallest_sets_have_a_layout(shape):
    for view in lay_out(GENERATOR.normal(size=shape).astype(np.float32)):
        assert view.points.shape == (shape[0], 2)
        assert np.isfinite(view.points).all()


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_vectors_that_say_nothing_are_an_error(value):
    with pytest.raises(DataError, match="cannot be laid out"):
        lay_out(np.full((5, 4), value, np.float32))


def test_the_picture_and_the_page_need_nothing_else_and_text_stays_text(tmp_path, recwarn):
    phrases = Phrases([ATTACK, *(f"phrase {number}" for number in range(49))], more=True)
    picture, page = write_phrases(tmp_path / "new", "<b>$", phrases, two_clusters(25))
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = page.read_text(encoding="utf-8")
    assert "<b>$" not in text
    assert "alert(1)</script>" not in text
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:src|href)\s*=|url\(|https?:", text)
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data["phrases"] == phrases.lines
    assert [len(view["points"]) for view in data["views"]] == [50, 50]
    assert phrases.caption in text
    assert not recwarn.list


def test_the_picture_is_a_function_of_its_points():
    phrases, views = Phrases(["a", "b", ATTACK, "d"], more=False), lay_out(two_clusters(2))
    assert draw_phrases("x", phrases, views) == draw_phrases("x", phrases, views)


def test_a_label_is_one_short_line():
    assert shortened("a\x00b\tc ") == "a b c"
    assert len(shortened("word " * 20)) <= 32
    assert shortened("word " * 20).endswith("…")
    assert shortened("x" * 32) == "x" * 32
