"""Minimum Bayes risk decoding: the output that is most like all others, instead of the most probable one.

The outputs that were found for a source stand for what the model thinks of it (Kumar and Byrne 2004; of draws: Eikema
and Aziz 2020). Each is scored against every one of them as if that were the reference, and its score is the mean::

    E(y)  =  1 / K  *  sum over the K outputs z of  score(y, z)

An output that was drawn twice counts twice. What is said in many ways is so preferred to what is said in one that is
only a little more probable than each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nmt.decoding.hypothesis import Hypothesis
from nmt.evaluation.metrics import MetricOptions, open_metric


def expected_scores(texts: Sequence[str], metric: str, options: MetricOptions) -> dict[str, float]:
    """Returns E of each text, 0 to 1; each is there once, in the order in which they come first.

    Args:
        texts: all outputs of one source.
        metric: a name of a recipe's ``evaluation.metrics``.
        options: tokenizer, case, stemmer.
    """
    counts = Counter(texts)
    found, shares = list(counts), np.array(list(counts.values())) / len(texts)  # [n]
    scorer = open_metric(metric, [found], options)  # the n-grams of the n texts are numbered once
    expected = {}
    for text in found:
        scores = scorer.segment_scores(scorer.statistics([text] * len(found))) / 100.0  # [n]
        expected[text] = float(np.clip(scores, 0.0, 1.0) @ shares)
    return expected


def by_expected_score(
    outputs: Sequence[tuple[Hypothesis, str]], metric: str, options: MetricOptions
) -> list[tuple[Hypothesis, str]]:
    """Returns the outputs of one source, each with its text and no text twice, that with the greatest E first.

    What lacks less of what was asked of it comes before all that lacks more. The score of each output is its E; of
    equal ones the one that was found first comes first.

    Args:
        outputs: what was found, and what it reads.
        metric, options: as ``expected_scores`` takes them.
    """
    first: dict[str, Hypothesis] = {}
    for hypothesis, text in outputs:
        first.setdefault(text, hypothesis)
    expected = expected_scores([text for _, text in outputs], metric, options)
    ranked = sorted(first, key=lambda text: (first[text].unmet, -expected[text]))
    return [(first[text]._replace(score=expected[text]), text) for text in ranked]
