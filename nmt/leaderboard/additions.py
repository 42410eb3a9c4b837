"""What ``nmt leaderboard add`` was asked to add: from options to files, test set, systems and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.errors import DataError, UsageError, suggestion
from nmt.evaluation.metrics import DEFAULT_OPTIONS, OF_MODELS, MetricOptions
from nmt.evaluation.scores import METRICS
from nmt.leaderboard.entry import (
    ONLY_REFERENCE,
    Entry,
    Scoring,
    TestSet,
    baselines,
    enter,
    make_records,
    read_test_set,
    texts_of,
)
from nmt.leaderboard.languages import check_file_language, split_languages
from nmt.leaderboard.records import Record, board_path, read_records
from nmt.leaderboard.shared_task import (
    Reproduction,
    SharedTask,
    compare_published,
    files_in,
    read_published,
    test_set_name,
)
from nmt.leaderboard.texts import Text, TextStore

_TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}  # as sacreBLEU chooses by the target language


@dataclass(frozen=True)
class Additions:
    """The options of ``nmt leaderboard add``; the command line explains them."""

    board: str
    system: str | None = None
    hypothesis: Path | None = None
    hypotheses: Path | None = None
    shared_task: Path | None = None
    source: Path | None = None
    references: tuple[str, ...] = ()
    test: str | None = None
    languages: str = ""
    summaries: bool = False
    metrics: tuple[str, ...] = ()
    tokenize: str | None = None
    lowercase: bool = False
    bootstrap_samples: int = 1000
    parameters: int | None = None
    training_minutes: float | None = None
    words_per_second: float | None = None

    def check_only_a_run(self) -> None:
        """Checks that nothing is given beside a run, which has all of it.

        Raises:
            UsageError: an option is given.
        """
        if self != Additions(self.board):
            raise UsageError(
                "--run: a run has its own texts, metrics and costs",
                expected="no option beside it but --work",
                action="Leave the others out, or enter the text with --system and --hypothesis",
            )

    def check(self) -> None:
        """Checks that the options fit together.

        Raises:
            UsageError: they do not.
        """
        ways = [self.hypothesis, self.hypotheses, self.shared_task]
        if sum(way is not None for way in ways) != 1:
            raise UsageError(
                "nmt leaderboard add: say what is to be added",
                expected="one of --run, --hypothesis, --hypotheses, --shared-task",
            )
        if (self.system is None) != (self.hypothesis is None):
            raise UsageError("--system and --hypothesis belong together", expected="both or neither")
        if self.system is not None and not self.system.strip():
            raise UsageError("--system: the name is empty")
        if self.shared_task is not None and (self.source or self.references):
            raise UsageError("--shared-task brings its own source and references", action="Leave them out")
        if (self.source is None) != (not self.references):
            raise UsageError("--source and --reference belong together", expected="both or neither")
        if self.hypothesis is None and any(cost is not None for cost in self._costs.values()):
            raise UsageError("costs are those of one system", expected="--system and --hypothesis")
        for metric in self.metrics:
            if metric not in METRICS:
                raise UsageError(
                    f"--metric {metric}: there is no such metric",
                    expected=f"one of {', '.join(METRICS)}",
                    action=suggestion(metric, METRICS),
                )

    @property
    def _costs(self) -> dict[str, Any]:
        seconds = None if self.training_minutes is None else self.training_minutes * 60
        return {
            "parameters": self.parameters,
            "training_seconds": seconds,
            "words_per_second": self.words_per_second,
        }

    def entries(self, task: SharedTask | None) -> dict[str, Path]:
        """Returns the files of hypotheses by the names of their systems."""
        if task is not None:
            return task.hypotheses
        if self.hypotheses is not None:
            return files_in(self.hypotheses)
        return {self.system: self.hypothesis} if self.system and self.hypothesis else {}

    def read_entries(self, files: dict[str, Path]) -> list[Entry]:
        """Reads the files of hypotheses."""
        facts = self._costs if self.hypothesis is not None else {}
        return [Entry(name, Text.read(path), facts=facts) for name, path in files.items()]


def enter_files(
    leaderboards: Path, additions: Additions, published: Path | None = None
) -> tuple[list[Record], list[Reproduction]]:
    """Adds texts that were made elsewhere to a board, with the baselines of their test set.

    Everything is read, checked and scored before anything is written.

    Returns:
        The records that were new, and how well published scores were reproduced.

    Raises:
        UsageError: the options do not fit together, or there is no such metric or language.
        DataError: a file cannot be read, is empty, is not UTF-8, has another number of lines than its partners or, by
            its name, another language; the message names the file and the line.
    """
    additions.check()
    path = board_path(leaderboards, additions.board)
    known = read_records(path)[0] if path.exists() else []
    task = SharedTask.find(additions.shared_task, additions.languages) if additions.shared_task else None
    files = additions.entries(task)
    test = _test_set(additions, task, known, TextStore(leaderboards), list(files.values()))
    _check_languages(test, known, path)
    scores = read_published(published, test.languages) if published else []
    entries = additions.read_entries(files)
    own = baselines(test, "summarization" if additions.summaries else "translation")
    entries += [entry for entry in own if entry.system not in files and not _has(known, entry, test)]
    records = make_records(additions.board, test, entries, _scoring(additions, test, known))
    added = enter(path, records, texts_of(test, entries))
    return added, compare_published(scores, records, test.name)


def board_test_sets(records: Sequence[Record]) -> dict[str, tuple[Record, str]]:
    """Returns the test sets of a board by name, each with its last record and its view of all references."""
    found = {}
    for record in records:
        for view in record.source_digests:
            name = view.removesuffix("/all")
            if name != view or f"{view.rpartition('/')[0]}/all" not in record.source_digests:
                found[name] = (record, view)
    return found


def _test_set(
    additions: Additions, task: SharedTask | None, known: Sequence[Record], store: TextStore, hypotheses: list[Path]
) -> TestSet:
    """Returns the test set of the files that are given, or that of the board."""
    if task is not None:
        source, references, languages = task.source, task.references, task.languages
        name = additions.test or task.test
    elif additions.source is not None:
        source, references = additions.source, _named_references(additions.references)
        name, languages = additions.test or test_set_name(source), additions.languages
    else:
        return _own_test_set(additions, known, store, hypotheses)
    _check_files(languages, source, list(references.values()), hypotheses)
    return read_test_set(name, source, references, languages)


def _own_test_set(additions: Additions, known: Sequence[Record], store: TextStore, hypotheses: list[Path]) -> TestSet:
    sets = board_test_sets(known)
    name = additions.test or (next(iter(sets)) if len(sets) == 1 else None)
    if name not in sets:
        raise UsageError(
            f"{additions.board}: " + ("which test set?" if sets else "the board has no test set whose texts are kept"),
            received=additions.test,
            expected=f"--test with one of {', '.join(sets)}" if sets else None,
            action=None if sets else "Give --source and --reference",
        )
    record, view = sets[name]
    if additions.languages and record.languages and additions.languages != record.languages:
        raise DataError(
            f"{hypotheses[0]}, line 1: the languages are not those of {name}",
            received=additions.languages,
            expected=record.languages,
        )
    languages = record.languages or additions.languages
    if _is_pair(languages):
        _check_files(languages, None, [], hypotheses)
    references = {key: store.get(digest) for key, digest in record.reference_digests[view].items()}
    return TestSet(name, store.get(record.source_digests[view]), references, languages)


def _is_pair(languages: str) -> bool:
    try:
        split_languages(languages)
    except UsageError:
        return False  # a recipe may call its sides as it likes
    return True


def _named_references(references: Sequence[str]) -> dict[str, Path]:
    """Returns the files of ``NAME=FILE``; without names they are numbered, and a single one needs none."""
    named: dict[str, Path] = {}
    for number, text in enumerate(references, start=1):
        name, separator, path = text.partition("=")
        if not separator or Path(text).exists():
            name, path = ONLY_REFERENCE if len(references) == 1 else str(number), text
        if name in named or name == "all" or "/" in name:
            raise UsageError(
                f"--reference {text}: {name} cannot be the name of a reference",
                expected="a name of its own, without slashes, that is not 'all'",
            )
        named[name] = Path(path)
    return named


def _check_files(languages: str, source: Path | None, references: list[Path], hypotheses: list[Path]) -> None:
    if languages:
        ours, theirs = split_languages(languages)
        if source is not None:
            check_file_language(source, ours, languages)
        for path in (*references, *hypotheses):
            check_file_language(path, theirs, languages)


def _check_languages(test: TestSet, known: Sequence[Record], board: Path) -> None:
    """Checks that a board has each test set in one pair of languages only."""
    for record in known:
        names = {view.removesuffix("/all") for view in record.scores}
        if test.name in names and test.languages and record.languages not in ("", test.languages):
            raise DataError(
                f"{board}: {test.name} has other languages there, of {record.system}",
                received=test.languages,
                expected=record.languages,
                action="Give the right --languages, or another --test",
            )


def _has(known: Sequence[Record], entry: Entry, test: TestSet) -> bool:
    digests = {view.name: view.digest for view in test.views}
    return any((record.system, record.test_digests) == (entry.system, digests) for record in known)


def _scoring(additions: Additions, test: TestSet, known: Sequence[Record]) -> Scoring:
    """Returns how to score: as the options say, else as the board's test set is scored, else by the language."""
    view = test.views[0].name
    last = next((record.scores[view] for record in reversed(known) if view in record.scores), [])
    known_options = {
        score.name: MetricOptions.of_signature(score.signature) for score in last if score.name not in OF_MODELS
    }
    bleu = known_options.get("bleu")
    tokenize = bleu.tokenize if bleu else _TOKENIZERS.get(test.languages.rpartition("-")[2][:2], "13a")
    rouge = next((options for name, options in known_options.items() if name.startswith("rouge")), DEFAULT_OPTIONS)
    options = MetricOptions(
        tokenize=additions.tokenize or tokenize,
        lowercase=additions.lowercase or any(options.lowercase for options in known_options.values()),
        stemmer=rouge.stemmer,
        rouge_words=rouge.rouge_words,
    )
    usual = ("rouge1", "rouge2", "rougeL") if additions.summaries else Scoring().metrics
    return Scoring(additions.metrics or tuple(known_options) or usual, options, additions.bootstrap_samples)
