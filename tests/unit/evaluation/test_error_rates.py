import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.error_rates import independent_edits, levenshtein
from nmt.evaluation.metrics import LOWER_IS_BETTER, MetricOptions, open_metric


@given(st.lists(st.sampled_from("abcd"), max_size=20), st.lists(st.sampled_from("abcd"), max_size=20))
def test_order_does_not_matter_for_independent_edits(first, second):
    assert independent_edits(first, second) == independent_edits(first[::-1], sorted(second))
    assert independent_edits(first, second) <= levenshtein(first, second)


def rate(name, references, hypotheses, **options):
    metric = open_metric(name, references, MetricOptions(**options))
    return metric.corpus_score(metric.statistics(hypotheses))


def test_rates_of_a_corpus():
    references, hypotheses = ["a b c d", "e f"], ["a c b d x", "e  f"]
    assert rate("wer", [references], hypotheses) == pytest.approx(100 * 3 / 6)
    assert rate("per", [references], hypotheses) == pytest.approx(100 * 1 / 6)
    assert rate("cer", [["ab cd"]], ["ab  ce "]) == pytest.approx(100 / 5)
    assert rate("wer", [["A"]], ["a"]) == 100.0
    assert rate("wer", [["A"]], ["a"], lowercase=True) == 0.0


def test_rates_can_exceed_100_and_blank_lines_are_legal():
    assert rate("wer", [["a"]], ["b c d"]) == 300.0
    assert rate("wer", [[""]], [""]) == 0.0
    assert rate("wer", [[""]], ["b"]) == 100.0
    assert rate("per", [["a b", ""]], ["", "b"]) == 150.0


def test_of_several_references_the_closest_counts():
    assert rate("wer", [["a b c d", "x"], ["a b", "x y z"]], ["a b c", "x y"]) == pytest.approx(100 * 2 / 7)


@pytest.mark.parametrize("name", ["wer", "per", "cer"])
def test_signatures_and_direction(name):
    unit = "char" if name == "cer" else "word"
    signature = open_metric(name, [["a"], ["b"]], MetricOptions(lowercase=True)).signature(10, 2)
    assert signature.startswith(f"nrefs:2|bs:10|seed:2|case:lc|unit:{unit}|version:")
    assert name in LOWER_IS_BETTER
