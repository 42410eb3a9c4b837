"""The output that is most like all others."""

import pytest

from nmt.bundle import load_bundle
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.minimum_bayes_risk import by_expected_score, expected_scores
from nmt.decoding.translate import Translator
from nmt.errors import UsageError
from nmt.evaluation.metrics import DEFAULT_OPTIONS
from nmt.evaluation.scores import sentence_scores

ASKED = "chrf", DEFAULT_OPTIONS
LINES = ["a few words", "", "words", "some other text of a few words"]
DRAWS = {"sampling": {"temperature": 2.0}, "max_output_tokens": 8, "minimum_bayes_risk": {"candidates": 6}}


def test_the_score_that_is_expected_is_the_mean_over_all_outputs():
    texts = ["the cat sat", "a dog", "the cat sat", "the cat sits"]
    expected = expected_scores(texts, *ASKED)
    assert list(expected) == ["the cat sat", "a dog", "the cat sits"]
    for text, score in expected.items():
        assert score == pytest.approx(sum(sentence_scores([text] * 4, texts, *ASKED)) / 4)


@pytest.mark.parametrize("metric", ["bleu", "chrf", "rougeL", "exact"])
def test_what_most_outputs_say_is_preferred_to_what_one_says(metric):
    texts = ["no such thing", "the cat sat on the mat", "", "the cat sat on a mat", "the cat sat on the mat"]
    expected = expected_scores(texts, metric, DEFAULT_OPTIONS)
    assert max(expected, key=expected.get) == "the cat sat on the mat"
    assert all(0.0 <= score <= 1.0 for score in expected.values())


def test_nothing_is_ranked_twice_and_what_was_asked_for_comes_before_all_else():
    texts = ["the cat", "the cats", "the cat", "a bird"]
    hypotheses = [Hypothesis([number], -number, -number, unmet=number < 3) for number in range(4)]
    ranked = by_expected_score(list(zip(hypotheses, texts, strict=True)), "exact", DEFAULT_OPTIONS)
    assert [text for _, text in ranked] == ["a bird", "the cat", "the cats"]
    assert [best.ids for best, _ in ranked] == [[3], [0], [1]]  # of equal texts the first
    assert [best.score for best, _ in ranked] == [0.25, 0.5, 0.25]
    assert [best.log_probability for best, _ in ranked] == [-3, 0, -1]
    assert by_expected_score([], "exact", DEFAULT_OPTIONS) == []


@pytest.fixture(scope="module")
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


def test_a_translator_answers_with_the_draw_that_is_most_like_the_others(bundle):
    draws = list(Translator(bundle, DRAWS | {"minimum_bayes_risk": None}).translations(LINES, 6, details=False))
    found = list(Translator(bundle, DRAWS).translations(LINES, 3, details=False))
    assert list(Translator(bundle, DRAWS).translate(LINES)) == [best.text for best, *_ in found]
    differs = False
    for line, drawn, best in zip(LINES, draws, found, strict=True):
        if not line:
            assert [each.text for each in best] == [""]
            continue
        expected = expected_scores([each.text for each in drawn], *ASKED)
        assert [each.text for each in best] == sorted(expected, key=expected.get, reverse=True)[:3]
        assert [each.score for each in best] == [expected[each.text] for each in best]
        differs |= best[0].text != drawn[0].text
    assert differs


def test_the_outputs_of_a_beam_are_compared_with_each_other(bundle):
    settings = {"beam_size": 4, "max_output_tokens": 8, "length_penalty": 0.0}
    beams = list(Translator(bundle, settings).translations(LINES, 4, details=False))
    found = list(Translator(bundle, settings | {"minimum_bayes_risk": {"candidates": 4}}).translate(LINES))
    for line, beam, text in zip(LINES, beams, found, strict=True):
        expected = expected_scores([each.text for each in beam], *ASKED)
        assert text == (max(expected, key=expected.get) if line else "")
    with pytest.raises(UsageError, match="candidates 6 is above beam_size 4"):
        Translator(bundle, settings | {"minimum_bayes_risk": {"candidates": 6}})
