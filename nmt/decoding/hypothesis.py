"""What a search gives for a source: hypotheses, best first."""

from __future__ import annotations

from typing import NamedTuple


class Hypothesis(NamedTuple):
    """One output of a search.

    Attributes:
        ids: its tokens without BOS; the last one is EOS where there was room for it.
        score: what it was ranked by: the log-probability, normalised by the length, with all penalties; or, in minimum
            Bayes risk decoding, the score that is expected of it, 0 to 1.
        log_probability: the sum of log P(token) in nats, EOS counted, without any normalisation or penalty.
        unmet: required phrases, and a required beginning, that it lacks.
    """

    ids: list[int]
    score: float
    log_probability: float
    unmet: int = 0
