"""Samples: which lines are shown, and what is marked in them."""

from hypothesis import given
from hypothesis import strategies as st

from nmt.report.samples import Part, choose_samples, differences


def shown(parts):
    return " ".join(part.text for part in parts)


def test_what_differs_is_marked_on_both_sides():
    reference, hypothesis = differences("the old red house", "the red house stands")
    assert reference == [Part("the", False), Part("old", True), Part("red house", False)]
    assert hypothesis == [Part("the", False), Part("red house", False), Part("stands", True)]


def test_text_without_spaces_is_compared_by_characters():
    reference, hypothesis = differences("我们明天去北京看朋友和老师吧", "我们今天去北京看朋友和老师吧")
    assert [part.text for part in reference if part.differs] == ["明"]
    assert [part.text for part in hypothesis if part.differs] == ["今"]


@given(st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_no_word_is_lost(one, other):
    first, second = differences(" ".join(one), " ".join(other))
    assert (shown(first), shown(second)) == (" ".join(one), " ".join(other))
    equal = [[part.text for part in parts if not part.differs] for parts in (first, second)]
    assert equal[0] == equal[1]


def test_the_worst_the_middle_and_the_best():
    references = ["the house is green and the tree is tall"] * 21
    words = references[0].split()
    hypotheses = [" ".join(words[: number % 10]) for number in range(21)]
    samples = choose_samples([f"source {n}" for n in range(21)], references, hypotheses)
    assert [len(samples[kind]) for kind in ("worst", "middle", "best")] == [5, 5, 5]
    assert [sample.line for sample in samples["worst"][:3]] == [1, 11, 21]
    assert samples["best"][0].score == 100.0
    scores = [sample.score for kind in ("worst", "middle") for sample in samples[kind]]
    assert scores == sorted(scores)
    lines = [sample.line for rows in samples.values() for sample in rows]
    assert len(set(lines)) == len(lines)


def test_few_lines_are_shown_once_and_blank_ones_not_at_all():
    samples = choose_samples(["a", " ", "b"], ["a", "b", ""], ["a", "b", "c"])
    assert [sample.line for rows in samples.values() for sample in rows] == [1]
    assert choose_samples([" "], ["a"], ["a"]) == {"worst": [], "middle": [], "best": []}
