"""Scores of translations that are given."""

import numpy as np
import pytest

from nmt.bundle import load_bundle
from nmt.decoding.score_pairs import PairScorer, score_pairs_command
from nmt.decoding.translate import Translator
from nmt.tokenizer import EOS

LINES = ["a small text", "words of a few words", "text", "few"]


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    translator = Translator(load_bundle(tiny_bundle), {"beam_size": 4, "length_penalty": 0.6})
    ending = np.zeros(translator.model.target_vocab_size, np.float32)
    ending[EOS] = 2.0  # what nobody has trained goes on and on
    translator.model.output_bias.assign(ending)
    return translator


def test_what_the_search_found_has_the_scores_of_the_search(translator):
    found = [(line, best) for line, row in zip(LINES, translator.translations(LINES, 4), strict=True) for best in row]
    scored = PairScorer(translator).score([line for line, _ in found], [best.text for _, best in found])
    compared = 0
    for (_, best), score in zip(found, scored, strict=True):
        # A text that ends in a space, or was cut, is not what is read again.
        if [*translator.bundle.tokenizers.target.encode([best.text])[0], EOS] == best.hypothesis.ids:
            assert score.log_probability == pytest.approx(best.log_probability, abs=1e-4)
            assert score.score == pytest.approx(best.score, abs=1e-4)
            assert score.details.word_log_probabilities == pytest.approx(best.details.word_log_probabilities, abs=1e-4)
            compared += 1
    assert compared >= len(LINES)


def test_text_that_the_vocabulary_lacks_is_scored_as_it_stands(translator):
    (score,) = PairScorer(translator).score(["a small text"], ["few \u65e5\u672c words"])
    assert score.details.target.words == ["few", "\u65e5\u672c", "words"]
    assert np.isfinite(score.log_probability)
    assert sum(score.details.word_log_probabilities) + score.details.end_log_probability == pytest.approx(
        score.log_probability, abs=1e-4
    )


def test_an_empty_side_has_a_score(translator):
    scores = PairScorer(translator).score(["", "a", ""], ["", "", "a"])
    assert all(score.log_probability < 0 for score in scores)
    assert [score.details.target.words for score in scores] == [[], [], ["a"]]


def test_two_models_score_together(tiny_bundle, tmp_path):
    bundle = load_bundle(tiny_bundle)
    for side in ("source", "target"):
        (tmp_path / side).write_text("a small text\nfew words\n")
    for name, others in (("one", []), ("two", [bundle])):
        files = tmp_path / "source", tmp_path / "target", tmp_path / name
        score_pairs_command(bundle, *files, {}, words=True, jsonl=False, others=others)
    one, two = ((tmp_path / name).read_text().split() for name in ("one", "two"))
    assert len(one) == 2 * 2 + 4 + 3
    np.testing.assert_allclose(np.array(one, float), np.array(two, float), atol=1e-4)
