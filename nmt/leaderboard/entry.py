"""Entries of systems: test sets, hypotheses and baselines become records, after everything was read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import nmt
from nmt.errors import DataError
from nmt.evaluation.metrics import DEFAULT_OPTIONS, Metric, MetricOptions, open_metric
from nmt.evaluation.scores import score_statistics
from nmt.evaluation.summaries import summary_baselines
from nmt.leaderboard.records import Record, append_records
from nmt.leaderboard.texts import Text, TextStore
from nmt.storage import sha256_of_text

ONLY_REFERENCE = "reference"
"""The name of a reference that has none."""
COPY = "copy of the source"
"""The baseline that translates nothing."""


Reference = TypeVar("Reference")


@dataclass(frozen=True)
class View:
    """A test set with one choice of its references.

    Attributes:
        name: as in a record's ``scores``.
        source: the source.
        references: the chosen references by name.
    """

    name: str
    source: Text
    references: Mapping[str, Text]

    @property
    def digest(self) -> str:
        """The sha256 of the digests of source and references: which text it is."""
        return sha256_of_text(self.source.digest + "".join(text.digest for text in self.references.values()))


@dataclass(frozen=True)
class TestSet:
    """A source and its references, all with the same number of lines.

    Attributes:
        name: of the test set.
        source: one sentence or document per line.
        references: at least one, by name.
        languages: of source and target, such as ``en-de``, or empty.
    """

    __test__ = False  # no test class of pytest's

    name: str
    source: Text
    references: Mapping[str, Text]
    languages: str = ""

    def __post_init__(self) -> None:
        for reference in self.references.values():
            self.source.check_partner(reference)

    @property
    def views(self) -> list[View]:
        """The test set with each reference alone and with all; with the only one, under its own name."""
        return [View(name, self.source, chosen) for name, chosen in views_of(self.name, self.references).items()]


def views_of(test: str, references: Mapping[str, Reference]) -> dict[str, Mapping[str, Reference]]:
    """Returns the choices of a test set's references by the name of the view: each alone, and all."""
    if len(references) == 1:
        return {test: references}
    return {f"{test}/{name}": {name: reference} for name, reference in references.items()} | {f"{test}/all": references}


@dataclass(frozen=True)
class Scoring:
    """How the systems are scored.

    Attributes:
        metrics: names of a recipe's ``evaluation.metrics`` that score text.
        options: tokenizer, case, stemmer.
        bootstrap_samples: for the intervals; 0 for none.
    """

    metrics: Sequence[str] = ("bleu", "chrf")
    options: MetricOptions = DEFAULT_OPTIONS
    bootstrap_samples: int = 1000

    def open(self, view: View) -> list[Metric]:
        """Returns the metrics, comparing with the references of a view.

        Raises:
            UsageError: there is no such metric, or its tokenizer is not installed.
        """
        references = [reference.lines for reference in view.references.values()]
        return [open_metric(name, references, self.options, view.source.lines) for name in self.metrics]


@dataclass(frozen=True)
class Entry:
    """A system and its output for one test set.

    Attributes:
        system: its name.
        hypothesis: its output.
        origin: as in a record.
        facts: further fields of its record: parameters, training_seconds, words_per_second.
    """

    system: str
    hypothesis: Text
    origin: str = "text"
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_test_set(name: str, source: Path, references: Mapping[str, Path], languages: str = "") -> TestSet:
    """Reads a test set.

    Raises:
        DataError: a file cannot be read, is empty or not UTF-8, or the numbers of lines differ; the message names the
            file and the line.
    """
    return TestSet(name, Text.read(source), {key: Text.read(path) for key, path in references.items()}, languages)


def baselines(test: TestSet, task: str) -> Iterator[Entry]:
    """Yields the systems that need no model: the source itself, and for summaries those of ``summary_baselines``."""
    yield Entry(COPY, Text(COPY, test.source.lines), "baseline")
    if task == "summarization":
        references = [text.lines for text in test.references.values()]
        for name, lines in summary_baselines(test.source.lines, references).items():
            yield Entry(name, Text(name, tuple(lines)), "baseline")


def make_records(board: str, test: TestSet, entries: Sequence[Entry], scoring: Scoring) -> list[Record]:
    """Scores systems on a test set.

    Raises:
        DataError: a hypothesis has another number of lines than the source, or two systems have one name.
        UsageError: there is no such metric, or its tokenizer is not installed.
    """
    names = [entry.system for entry in entries]
    for entry in entries:
        test.source.check_partner(entry.hypothesis)
        if names.count(entry.system) > 1:
            raise DataError(f"{entry.hypothesis.name}, line 1: two systems have the name {entry.system}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    views = test.views
    metrics = {view.name: scoring.open(view) for view in views}
    facts: dict[str, Any] = {
        "time": now,
        "version": nmt.__version__,
        "languages": test.languages,
        "test_digests": {view.name: view.digest for view in views},
        "source_digests": {view.name: view.source.digest for view in views},
        "reference_digests": {
            view.name: {name: text.digest for name, text in view.references.items()} for view in views
        },
    }
    nothing: dict[str, Any] = {"recipe": {}, "recipe_digest": "", "run_digest": "", "seed": None, "bundle_digest": ""}
    return [
        Record(
            board=board,
            system=entry.system,
            origin=entry.origin,
            scores={
                view: [
                    score_statistics(metric, metric.statistics(entry.hypothesis.lines), scoring.bootstrap_samples)
                    for metric in opened
                ]
                for view, opened in metrics.items()
            },
            hypothesis_digests={view.name: entry.hypothesis.digest for view in views},
            **facts | nothing | dict(entry.facts),
        )
        for entry in entries
    ]


def enter(path: Path, records: Sequence[Record], texts: Iterable[Text]) -> list[Record]:
    """Adds records to the board at ``path``, and keeps their texts beside it; returns those that were new."""
    store = TextStore(path.parent)
    for text in texts:
        store.add(text)
    return append_records(path, records)


def texts_of(test: TestSet, entries: Iterable[Entry]) -> list[Text]:
    """Returns all texts of a test set and of the systems that are entered."""
    return [test.source, *test.references.values(), *(entry.hypothesis for entry in entries)]
