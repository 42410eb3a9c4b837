"""Statistics of text."""

import json

from nmt.evaluation.text_statistics import TextStatistics, measure_text


def test_lines_words_and_lengths_are_counted():
    found, words = measure_text(["a b a", "", "c"], [5, 1, 2, 2])
    assert found == TextStatistics(
        lines=3, words=4, characters=6, distinct_words=3, unseen_words=None, lengths={1: 1, 2: 2, 5: 1}
    )
    assert found.tokens == 10
    assert set(words) == {"a", "b", "c"}


def test_words_that_training_does_not_have_are_counted_as_often_as_they_occur():
    found, _ = measure_text(["a x x b"], [5], {"a", "b"})
    assert found.unseen_words == 0.5
    assert measure_text([" "], [1], {"a"})[0].unseen_words is None


def test_it_is_read_as_it_was_written():
    found, _ = measure_text(["a b"], [3, 3, 7], {"a"})
    assert TextStatistics.from_json(json.loads(json.dumps(found.to_json()))) == found
