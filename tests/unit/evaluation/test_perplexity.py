import math

import numpy as np
import pytest

from nmt.evaluation.perplexity import open_perplexity
from nmt.evaluation.scores import score_statistics

NLL, TOKENS, REFERENCES = [10.0, 2.0, 1.0], [4, 3, 1], ["ab cd", "e", ""]


@pytest.mark.parametrize(
    ("name", "unit", "units"),
    [("perplexity", "token", 8), ("perplexity-word", "word", 6), ("perplexity-char", "char", 9)],
)
def test_is_the_exponential_of_the_mean_loss_per_unit(name, unit, units):
    score = score_statistics(*open_perplexity(name, NLL, TOKENS, REFERENCES))
    assert score.value == pytest.approx(math.exp(13.0 / units))
    assert score.lower_is_better
    assert score.low is None
    assert score.signature.startswith(f"unit:{unit}|{unit}s:{units}|version:")


def test_segmentation_does_not_matter_per_word_and_character():
    for name in ("perplexity-word", "perplexity-char"):
        scores = [
            score_statistics(*open_perplexity(name, NLL, tokens, REFERENCES)).value for tokens in (TOKENS, [9, 9, 9])
        ]
        assert scores[0] == scores[1]


def test_the_interval_is_that_of_resampled_lines():
    generator = np.random.default_rng(4)
    tokens = generator.integers(5, 15, 400)
    nll = tokens * generator.gamma(2.0, 1.0, 400)
    score = score_statistics(*open_perplexity("perplexity", nll, tokens, [""] * 400), 1000, seed=5)
    drawn = generator.integers(0, 400, (2000, 400))
    expected = np.quantile(np.exp(nll[drawn].sum(axis=1) / tokens[drawn].sum(axis=1)), (0.025, 0.975))
    assert score.low < score.value < score.high
    assert (score.low, score.high) == pytest.approx(tuple(expected), rel=0.06)
    assert score.signature.startswith("bs:1000|seed:5|unit:token|")


def test_what_is_larger_than_any_float_is_still_a_number():
    assert math.isfinite(score_statistics(*open_perplexity("perplexity", [1e9], [1], ["a"])).value)
