"""What the texts of a board say beyond its scores: which differences are significant, and where systems are good.

The statistics of a system's segments are kept beside the texts in ``statistics``; they only save time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.errors import NmtError
from nmt.evaluation.metrics import LOWER_IS_BETTER, OF_MODELS, Floats, Metric, MetricOptions, open_metric
from nmt.evaluation.significance import BOOTSTRAP_SAMPLES, pairwise_bootstrap, ranks
from nmt.leaderboard.comparison import Column, Comparison, describe, scores_of
from nmt.leaderboard.records import Record
from nmt.leaderboard.texts import Text, TextStore
from nmt.storage import atomic_file, sha256_of_json

LEVEL = 0.05
"""A difference is significant where its p value is lower."""
_TOLERANCE = 0.005  # of a recorded score against that of the text
_LENGTH_BUCKETS = 6
_FREQUENCY_EDGES = (1, 2, 3, 5, 10, 20, 50, 100)  # first counts of the buckets


class Bucket(NamedTuple):
    """A part of a test set: what is in it, of how much, and each system's score on it."""

    label: str
    size: int
    values: list[float]


@dataclass(frozen=True)
class Standing:
    """The systems of a board in one metric on one test set, those whose scores are comparable and whose texts are kept.

    Attributes:
        column: test set and metric.
        metric: the metric, comparing with the test set's references.
        source, references: the test set.
        systems: the places of the systems among the board's records.
        hypotheses: their outputs.
        values: their scores.
        statistics: those of their segments, each [N, F].
    """

    column: Column
    metric: Metric
    source: Text
    references: list[Text]
    systems: list[int]
    hypotheses: list[Text]
    values: list[float]
    statistics: list[Floats]

    @cached_property
    def p_values(self) -> Floats:
        """Of the paired bootstrap for each two systems [systems, systems]; 1 for itself."""
        return pairwise_bootstrap(self.metric, self.statistics, BOOTSTRAP_SAMPLES)

    @cached_property
    def ranks(self) -> dict[int, int]:
        """The rank of each system by its place among the records; systems that are tied share one."""
        if not self.systems:
            return {}
        found = ranks(self.values, self.p_values, self.column[1] in LOWER_IS_BETTER, LEVEL)
        return dict(zip(self.systems, found, strict=True))

    def sentence_scores(self) -> list[Floats]:
        """Returns the score of each sentence by itself [N], for each system; BLEU counts only orders that there are."""
        return [self.metric.segment_scores(statistics) for statistics in self.statistics]

    def by_length(self) -> list[Bucket]:
        """Returns the scores by the length of the source, in words, or in characters where words have no spaces.

        The buckets have about equally many sentences.
        """
        lengths = _lengths(self.source.lines)
        edges = np.unique(np.quantile(lengths, np.linspace(0, 1, _LENGTH_BUCKETS + 1)[1:-1]).astype(int))
        places = np.searchsorted(edges, lengths, side="left")
        buckets = []
        for place in np.unique(places):
            inside = places == place
            values = [self.metric.corpus_score(statistics[inside]) for statistics in self.statistics]
            label = _range(int(lengths[inside].min()), int(lengths[inside].max()))
            buckets.append(Bucket(label, int(inside.sum()), values))
        return buckets


def by_frequency(reference: Text, hypotheses: Sequence[Text], tokenize: Callable[[str], Sequence[str]]) -> list[Bucket]:
    """Returns how well words are translated by how often they occur in the reference: F1 of words, in percent.

    A word of a hypothesis is right where the line's reference has it, at most as often as it is there (as compare-mt
    does it, Neubig et al. 2019).

    Args:
        reference: the reference.
        hypotheses: the output of each system.
        tokenize: splits a line into words.
    """
    expected = [Counter(tokenize(line)) for line in reference.lines]
    counts: Counter[str] = Counter()
    for words in expected:
        counts.update(words)
    buckets = len(_FREQUENCY_EDGES) + 1
    wanted = np.zeros(buckets)
    for count in counts.values():
        wanted[_bucket(count)] += count
    values = []
    for hypothesis in hypotheses:
        right, given = np.zeros(buckets), np.zeros(buckets)
        for line, of_line in zip(hypothesis.lines, expected, strict=True):
            for word, count in Counter(tokenize(line)).items():
                bucket = _bucket(counts[word])
                given[bucket] += count
                right[bucket] += min(count, of_line[word])
        values.append(200.0 * right / np.maximum(given + wanted, 1))
    ends = [*(following - 1 for following in _FREQUENCY_EDGES[1:]), None]
    labels = [
        f"{first}+" if end is None else _range(first, end) for first, end in zip(_FREQUENCY_EDGES, ends, strict=True)
    ]
    return [
        Bucket(label, int(wanted[place]), [float(value[place]) for value in values])
        for place, label in enumerate(labels, start=1)
        if wanted[place] > 0
    ]


class Analysis:
    """The standings of a board.

    Args:
        records: of the board.
        comparison: which scores may be compared.
        leaderboards: the folder with the texts.
    """

    def __init__(self, records: Sequence[Record], comparison: Comparison, leaderboards: Path) -> None:
        self.problems: list[str] = []
        self._records = records
        self._comparison = comparison
        self._store = TextStore(leaderboards)
        self._folder = leaderboards / "statistics"
        self._standings: dict[Column, Standing | None] = {}
        self._texts: dict[str, Text | None] = {}

    def standing(self, column: Column) -> Standing | None:
        """Returns a column's standing, or None where no texts are kept or the metric is none of text."""
        if column not in self._standings:
            self._standings[column] = self._stand(column)
        return self._standings[column]

    def text(self, digest: str) -> Text | None:
        """Returns a text, or None where it is not kept or was altered, which is a problem."""
        if digest not in self._texts:
            try:
                self._texts[digest] = self._store.get(digest) if self._store.has(digest) else None
            except NmtError as error:
                self.problems.append(str(error))
                self._texts[digest] = None
        return self._texts[digest]

    def _stand(self, column: Column) -> Standing | None:
        test, name = column
        signature, digest = self._comparison.bases[column]
        first = next((record for record in self._records if _has_texts(record, test, digest)), None)
        if first is None or name in OF_MODELS:
            return None
        source = self.text(first.source_digests[test])
        found = [self.text(digest) for digest in first.reference_digests[test].values()]
        references = [text for text in found if text is not None]
        if source is None or len(references) < len(found):
            return None
        try:
            metric = open_metric(
                name, [text.lines for text in references], MetricOptions.of_signature(signature), source.lines
            )
        except NmtError as error:
            self.problems.append(f"{describe(column)}: {error}")
            return None
        standing = Standing(column, metric, source, references, [], [], [], [])
        for index, record in enumerate(self._records):
            score = scores_of(record).get(column)
            if score is None or self._comparison.mark(record, column, score):
                continue
            text = self.text(record.hypothesis_digests.get(test, ""))
            if text is None or len(text.lines) != len(source.lines):
                continue
            statistics = self._statistics(text, digest, metric)
            value = metric.corpus_score(statistics)
            if abs(value - score.value) > _TOLERANCE:
                problem = (
                    f"{describe(column)}: the record of {record.system} has {score.value:.2f}, its text {value:.2f}."
                )
                self.problems.append(problem)
            standing.systems.append(index)
            standing.hypotheses.append(text)
            standing.values.append(score.value)
            standing.statistics.append(statistics)
        return standing if standing.systems else None

    def _statistics(self, text: Text, test_digest: str, metric: Metric) -> Floats:
        """Returns the statistics of a text's segments [N, F], kept or computed."""
        key = sha256_of_json([text.digest, test_digest, metric.name, metric.signature()])
        path = self._folder / f"{key}.npz"
        if (kept := _load(path, len(text.lines))) is not None:
            return kept
        statistics = metric.statistics(text.lines)
        whole = np.rint(statistics)
        compact: npt.NDArray[Any] = whole.astype(np.int32) if bool((whole == statistics).all()) else statistics
        with atomic_file(path) as stream:
            np.savez_compressed(stream, statistics=compact)
        return statistics


def _load(path: Path, segments: int) -> Floats | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            statistics: Floats = archive["statistics"].astype(np.float64)
    except Exception:
        return None
    return statistics if statistics.ndim == 2 and len(statistics) == segments else None


def _has_texts(record: Record, test: str, digest: str) -> bool:
    return record.test_digests.get(test) == digest and test in record.source_digests


def length_unit(lines: Sequence[str]) -> str:
    """Returns what lines are measured in: ``words``, or ``characters`` where words are not divided by spaces."""
    return "characters" if sum(map(len, lines)) > 15 * sum(len(line.split()) for line in lines) else "words"


def _lengths(lines: Sequence[str]) -> npt.NDArray[np.int64]:
    in_words = length_unit(lines) == "words"
    return np.array([len(line.split()) if in_words else len(line) for line in lines])


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}\u2013{last}"


def _bucket(count: int) -> int:
    """Returns the place of a count among the buckets, from 1; 0 for none."""
    return sum(count >= first for first in _FREQUENCY_EDGES)
