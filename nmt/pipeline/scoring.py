"""What ``nmt score`` scores: a text against references by path or name, with the digests of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nmt.config import EvaluationConfig
from nmt.evaluation.metrics import MetricOptions
from nmt.evaluation.scores import Score, score_lines
from nmt.leaderboard.texts import Text
from nmt.pipeline.named_texts import read_lines_of, read_references, read_source


class Scored(NamedTuple):
    """Scores, and the texts that they are of."""

    scores: list[Score]
    hypotheses: Text
    references: list[Text]
    source: Text | None

    def to_json(self) -> dict[str, Any]:
        """Returns scores, and name, lines and sha256 of each text, as JSON values."""
        return {
            "hypotheses": _facts(self.hypotheses),
            "references": [_facts(text) for text in self.references],
            "source": _facts(self.source) if self.source else None,
            "scores": [score.to_json() for score in self.scores],
        }


def score_named(
    hypotheses: Path, references: Sequence[str], settings: EvaluationConfig, source: str | None, store: Path
) -> Scored:
    """Scores a file.

    Args:
        hypotheses: one segment per line.
        references: paths or names, at least one.
        settings: metrics, options, number of resamples.
        source: path or name; only COMET reads it.
        store: where files of corpus cards are kept.

    Raises:
        UsageError: there is no such metric or name.
        DataError: a file cannot be read, is empty or not UTF-8, or the numbers of lines differ; the message names the
            file and the line.
    """
    own = read_lines_of(hypotheses)
    others = read_references(references, store)
    translated = read_source(source, store) if source else None
    for text in [*others, *([translated] if translated else [])]:
        text.check_partner(own)
    scores = score_lines(
        own.lines,
        [text.lines for text in others],
        settings.metrics,
        MetricOptions.of(settings),
        bootstrap_samples=settings.bootstrap_samples,
        sources=translated.lines if translated else None,
    )
    return Scored(scores, own, others, translated)


def _facts(text: Text) -> dict[str, Any]:
    return {"name": text.name, "lines": len(text.lines), "sha256": text.digest}
