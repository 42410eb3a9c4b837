"""What ``nmt compare`` compares: runs of the workspace on the test sets that they share, or files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from nmt.config import EvaluationConfig, Recipe
from nmt.errors import UsageError
from nmt.evaluation import significance
from nmt.evaluation.compare import Row, compare
from nmt.evaluation.metrics import OF_MODELS, Floats, MetricOptions, open_metric, text_metrics
from nmt.evaluation.perplexity import open_perplexity
from nmt.evaluation.summaries import SummaryMeasures, measure_summaries, summary_baselines
from nmt.leaderboard.texts import Text
from nmt.pipeline.entry import finished_run
from nmt.pipeline.named_texts import read_lines_of
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import references_of, test_names
from nmt.pipeline.workspace import Workspace
from nmt.strict_yaml import read_settings


class Comparison(NamedTuple):
    """Systems on one test set.

    Attributes:
        test: name of the test set.
        rows: one per metric and system, in the order of the command line.
        digests: sha256 of all texts, by what they are.
        measures: of summaries: what each system's are like, and the references.
    """

    test: str
    rows: list[Row]
    digests: dict[str, Any]
    measures: dict[str, SummaryMeasures]

    def to_json(self) -> dict[str, Any]:
        """Returns the comparison as JSON values."""
        measures = {system: asdict(own) for system, own in self.measures.items()}
        rows = [row.to_json() for row in self.rows]
        return {"test": self.test, "digests": self.digests, "rows": rows, "summaries": measures}


class _Run(NamedTuple):
    recipe: Recipe
    tests: list[str]
    fetched: Path
    translated: Path

    def sides(self, test: str) -> list[Text]:
        """Returns the source and the references."""
        source, _ = side_files(self.fetched, f"test/{test}")
        return [Text.read(path) for path in (source, *references_of(self.recipe, self.fetched, test).values())]

    def loss(self, test: str) -> dict[str, Any]:
        loss: dict[str, Any] = json.loads((self.translated / f"{test}.loss.json").read_bytes())
        return loss


def compare_runs(
    workspace: Workspace,
    names: Sequence[str],
    metrics: Sequence[str] = (),
    samples: int = significance.BOOTSTRAP_SAMPLES,
) -> list[Comparison]:
    """Compares finished runs with the first one, on every test set that all of them have.

    Args:
        workspace: where they were run.
        names: of the runs, the baseline first; one is enough of summaries, which baselines join.
        metrics: names of a recipe's metrics; by default, those that all the recipes have.
        samples: resamples of the bootstrap.

    Raises:
        UsageError: a run is not there, a name occurs twice, there is one alone, or the runs share no test set.
    """
    runs = {}
    for name in names:
        folders, record = finished_run(workspace, name)
        recipe = Recipe.model_validate(record.recipe)
        runs[name] = _Run(recipe, test_names(recipe), folders["fetch"], folders["translate"])
    _check_names(names, fewest=1 if _of_summaries(runs) else 2)
    first = runs[names[0]]
    own = [run.recipe.evaluation.metrics for run in runs.values()]
    common: list[str] = [name for name in own[0] if all(name in others for others in own)]
    settings = read_settings(
        EvaluationConfig,
        first.recipe.evaluation.model_dump() | {"metrics": list(metrics) or common, "bootstrap_samples": samples},
        "nmt compare",
    )
    comparisons = []
    for test in first.tests:
        if not all(test in run.tests for run in runs.values()):
            continue
        sides = first.sides(test)
        wanted = [text.digest for text in sides]
        if any([text.digest for text in run.sides(test)] != wanted for run in runs.values()):
            continue
        comparisons.append(_compare_runs(test, runs, sides, settings))
    if not comparisons:
        raise UsageError(
            "the runs have no test set in common",
            received="; ".join(f"{name}: {', '.join(run.tests)}" for name, run in runs.items()),
            expected="a test set of the same name, source and reference in all runs",
        )
    return comparisons


def _compare_runs(test: str, runs: Mapping[str, _Run], sides: Sequence[Text], settings: EvaluationConfig) -> Comparison:
    hypotheses = {name: read_lines_of(run.translated / f"{test}.txt") for name, run in runs.items()}
    source, *references = sides
    comparison = compare_texts(test, references, hypotheses, settings, source, _of_summaries(runs))
    for metric in settings.metrics:
        if metric in OF_MODELS:
            measured = {
                name: open_perplexity(metric, **run.loss(test), references=references[0].lines)
                for name, run in runs.items()
            }
            aggregate = next(iter(measured.values()))[0]
            # Per token, other vocabularies have another number of tokens: these do not compare.
            if len({own.signature() for own, _ in measured.values()}) == 1:
                statistics = {name: rows for name, (_, rows) in measured.items()}
                comparison.rows.extend(compare(aggregate, statistics, settings.bootstrap_samples))
    return comparison


def _of_summaries(runs: Mapping[str, _Run]) -> bool:
    return all(run.recipe.task == "summarization" for run in runs.values())


def compare_texts(
    test: str,
    references: Sequence[Text],
    hypotheses: Mapping[str, Text],
    settings: EvaluationConfig,
    source: Text | None = None,
    summaries: bool = False,
) -> Comparison:
    """Compares texts with the first one in every metric of text.

    Args:
        test: name of the test set.
        references: at least one.
        hypotheses: by the names of the systems, the baseline first.
        settings: metrics, options, number of resamples.
        source: for metrics that read it, and for summaries.
        summaries: whether the texts are summaries: then baselines join them, and all are measured.

    Raises:
        UsageError: a metric is not there, or summaries have no source.
        DataError: the numbers of lines differ.
    """
    for text in [*references[1:], *hypotheses.values(), *([source] if source else [])]:
        references[0].check_partner(text)
    measures = {}
    if summaries:
        if source is None:
            raise UsageError("summaries are compared with their source, too", action="Give the source: --source FILE")
        made = summary_baselines(source.lines, [text.lines for text in references])
        hypotheses = {**hypotheses, **{name: Text(name, tuple(lines)) for name, lines in made.items()}}
        measured = {**hypotheses, **{f"reference {n}": text for n, text in enumerate(references, start=1)}}
        measures = {name: measure_summaries(source.lines, text.lines) for name, text in measured.items()}
    rows = []
    for name in text_metrics(settings.metrics):
        lines = [text.lines for text in references]
        metric = open_metric(name, lines, MetricOptions.of(settings), source.lines if source else None)
        statistics: dict[str, Floats] = {system: metric.statistics(text.lines) for system, text in hypotheses.items()}
        rows += compare(metric, statistics, settings.bootstrap_samples)
    digests = {
        "references": [text.digest for text in references],
        "hypotheses": {system: text.digest for system, text in hypotheses.items()},
    }
    return Comparison(test, rows, digests, measures)


def compare_files(
    references: Sequence[Text],
    hypotheses: Sequence[Path],
    settings: EvaluationConfig,
    source: Text | None = None,
    summaries: bool = False,
) -> Comparison:
    """Compares files with the first one; systems have the names of their files; see ``compare_texts``."""
    names = [str(path) for path in hypotheses]
    _check_names(names, fewest=1 if summaries else 2)
    texts = {name: read_lines_of(path) for name, path in zip(names, hypotheses, strict=True)}
    return compare_texts(references[0].name, references, texts, settings, source, summaries)


def _check_names(names: Sequence[str], fewest: int = 2) -> None:
    if len(names) < fewest:
        raise UsageError("nothing to compare with", received=", ".join(names), expected="at least two systems")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice}: given twice", expected="each system once, the baseline first")
