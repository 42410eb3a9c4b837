"""Charts: what they show, that they are whole XML, that text stays text."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.charts import curves, heatmap, histogram

ATTACK = "</title><script>alert(1)</script>"
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


def points_of(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20))
def test_every_curve_stays_within_the_picture(points):
    picture = ElementTree.fromstring(curves({"a": sorted(points)}, "title", "x", best="highest"))
    width, height = (float(picture.get(side)) for side in ("width", "height"))
    (line,) = picture.iter("polyline")
    assert len(points_of(line)) == len(points)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points_of(line))


def test_higher_values_stand_higher_and_values_without_a_number_are_left_out():
    picture = ElementTree.fromstring(curves({"a": [(1, 2.0), (2, float("nan")), (3, 5.0)], "none": []}, "t", "x"))
    ((left, low), (right, high)) = points_of(next(picture.iter("polyline")))
    assert left < right
    assert high < low  # y grows downwards
    assert "none" not in [text.text for text in picture.iter("text")]


def test_the_best_point_is_marked():
    series = {"training": [(1, 0.5)], "validation": [(1, 9.0), (2, 3.25), (3, 4.0)]}
    picture = ElementTree.fromstring(curves(series, "t", "x", best="lowest"))
    texts = [text.text for text in picture.iter("text")]
    assert "validation 3.25" in texts
    assert "training" in texts
    (ring,) = [circle for circle in picture.iter("circle") if circle.get("class") == "best"]
    dots = [circle.get("cx") for circle in picture.iter("circle") if circle.get("class") == "fill-1"]
    assert ring.get("cx") == dots[1]
    assert re.findall('class="best"', curves(series, "t", "x", best="highest")) == ['class="best"'] * 2


def test_nothing_to_draw_is_no_picture():
    assert not curves({"a": []}, "t", "x")
    assert not histogram({"a": {}}, "t", "x")


def test_a_histogram_shows_shares_of_each_series():
    picture = ElementTree.fromstring(histogram({"train": {1: 50, 2: 50}, "valid": {1: 1}}, "t", "x"))
    train, valid = (points_of(line) for line in picture.iter("polyline"))
    tops = [sorted({y for _, y in points}) for points in (train, valid)]
    assert tops[1][0] < tops[0][0]  # all of the one, half of the other
    assert train[2][1] == train[4][1]  # as many of length 1 as of length 2


@given(st.dictionaries(st.integers(0, 5000), st.integers(1, 100), min_size=1))
def test_a_histogram_has_at_most_thirty_groups(counts):
    picture = ElementTree.fromstring(histogram({"a": counts}, "t", "x"))
    (line,) = picture.iter("polyline")
    assert len(points_of(line)) <= 60


def test_a_heatmap_has_a_cell_for_every_weight_that_can_be_seen():
    picture = ElementTree.fromstring(heatmap([[0.9, 0.1], [0.0, 1.0]], ["das", "Haus"], ["the", "house"], "t"))
    cells = [cell for cell in picture.iter("rect") if cell.get("class") == "cell"]
    assert [cell.get("fill-opacity") for cell in cells] == ["0.90", "0.10", "1.00"]
    assert cells[2].find("title").text == "Haus · house: 1.00"


@pytest.mark.parametrize(
    "picture",
    [
        curves({ATTACK: [(1, 1)]}, ATTACK, ATTACK),
        histogram({ATTACK: {1: 1}}, ATTACK, ATTACK),
        heatmap([[1.0]], [ATTACK], [ATTACK], ATTACK),
    ],
)
def test_text_stays_text(picture):
    assert "<script" not in picture
    ElementTree.fromstring(picture)
