"""How much a model loses on text as careless people write it: variants of a test set, translated and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt import textio
from nmt.bundle import Bundle, load_bundle
from nmt.errors import DataError, UsageError, suggestion
from nmt.evaluation.metrics import METRICS, MetricOptions, open_metric
from nmt.evaluation.significance import Comparison, paired_randomisation
from nmt.evaluation.variants import VARIANTS, make_variant
from nmt.pipeline.doctor import find_run
from nmt.pipeline.run import print_progress
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import test_names
from nmt.pipeline.workspace import Workspace
from nmt.terminal import load_tensorflow

ORIGINAL = "original"
"""The name of the text as it is."""


@dataclass(frozen=True)
class Trial:
    """A model, what it is to translate, and what that is compared with.

    Attributes:
        bundle: the model.
        test: name of the test set.
        sources, references: line by line.
    """

    bundle: Bundle
    test: str
    sources: list[str]
    references: list[str]

    @classmethod
    def of(cls, bundle: Bundle, test: str, source: Path, reference: Path) -> Trial:
        """Reads a test set from two files."""
        rows = list(textio.read_parallel([source, reference]))
        if not rows:
            raise DataError(f"{source}: there is nothing to translate", expected="at least one line")
        return cls(bundle, test, [row[0] for row in rows], [row[1] for row in rows])


@dataclass(frozen=True)
class VariantResult:
    """What a model makes of a variant.

    Attributes:
        variant: its name; or :data:`ORIGINAL`.
        changed: share of the lines that differ from the original, 0 to 1.
        comparisons: by metric, the variant (the system) against the original (the baseline); of the original itself
            the differences are 0 and the p values 1.
    """

    variant: str
    changed: float
    comparisons: list[Comparison]

    def to_json(self) -> dict[str, Any]:
        """Returns the result as JSON values."""
        scores = {
            comparison.metric: {
                "value": comparison.system,
                "change": comparison.difference,
                "p_value": comparison.p_value,
            }
            for comparison in self.comparisons
        }
        return {"variant": self.variant, "changed": self.changed, "scores": scores}


def find_trial(name: str, workspace: Workspace, test: str | None, files: Sequence[Path]) -> Trial:
    """Returns what a run or a bundle is to translate.

    Args:
        name: of a run of the workspace, or the folder of a bundle.
        workspace: where the run lies.
        test: which of the run's test sets; the first one when left out.
        files: source and reference; none: a test set of the run.

    Raises:
        UsageError: there is no such run, bundle or test set, or the model takes vectors.
        BundleError: the run is not finished, or the bundle is damaged.
        DataError: a file cannot be read or is empty, or their numbers of lines differ.
    """
    run = find_run(name, workspace)
    bundle = load_bundle(run.workspace.run_folder(run.name) / "bundle" if run else Path(name))
    if bundle.recipe.model.encoder.input == "vectors":
        raise UsageError(f"{name}: its sources are vectors", expected="a model that reads text")
    if files:
        return Trial.of(bundle, files[0].name, files[0], files[1])
    tests = test_names(bundle.recipe) if run and "fetch" in run.digests else []
    if run is None or not tests:
        raise UsageError(f"{name}: there is no test set beside it", action="Give two files: a source and its reference")
    chosen = test or tests[0]
    if chosen not in tests:
        raise UsageError(
            f"{chosen}: the run {run.name} has no such test set",
            expected=f"one of {', '.join(tests)}",
            action=suggestion(chosen, tests),
        )
    return Trial.of(bundle, chosen, *side_files(run.folder("fetch"), f"test/{chosen}"))


def measure_robustness(
    trial: Trial,
    variants: Sequence[str],
    metrics: Sequence[str],
    options: MetricOptions,
    seed: int,
    output: Path | None = None,
    say: Callable[[str], None] = print_progress,
) -> list[VariantResult]:
    """Translates a text and its variants, and compares the scores line by line.

    The p values are those of approximate randomisation: that the variant's score differs as much by chance.

    Args:
        trial: the model, with its own decoding, and the test set.
        variants: names of :data:`nmt.evaluation.variants.VARIANTS`; all when empty.
        metrics: names of a recipe's ``evaluation.metrics``, without perplexity.
        options: of the metrics.
        seed: of the variants.
        output: a folder that gets every variant and its translation; None: they are not kept.
        say: shows a line of progress.

    Raises:
        UsageError: there is no such variant or metric.
    """
    scorers = [open_metric(name, [trial.references], options) for name in metrics]
    texts = {name: make_variant(name, trial.sources, seed) for name in variants or VARIANTS}
    load_tensorflow()
    from nmt.decoding.translate import Translator

    translator = Translator(trial.bundle)
    known: dict[str, str] = {}
    results: list[VariantResult] = []
    originals: list[Any] = []
    for variant, lines in ({ORIGINAL: trial.sources} | texts).items():
        new = [line for line in lines if line not in known]
        say(f"{variant}: {len(new):,} lines to translate")
        known |= zip(new, translator.translate(new), strict=True)
        hypotheses = [known[line] for line in lines]
        if output is not None:
            textio.write_lines(output / f"{variant}.source.txt", lines)
            textio.write_lines(output / f"{variant}.hypothesis.txt", hypotheses)
        statistics = [scorer.statistics(hypotheses) for scorer in scorers]
        originals = originals or statistics
        compared = [
            paired_randomisation(scorer, before, now)
            for scorer, before, now in zip(scorers, originals, statistics, strict=True)
        ]
        changed = sum(line != source for line, source in zip(lines, trial.sources, strict=True)) / len(lines)
        results.append(VariantResult(variant, changed, compared))
    return results


def table(results: Sequence[VariantResult]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Returns the headings and the rows that people see."""
    headings = ["variant", "lines changed"]
    for comparison in results[0].comparisons:
        headings += [METRICS[comparison.metric], "change", "p"]
    rows = []
    for result in results:
        cells = [result.variant, f"{result.changed:.1%}" if result.variant != ORIGINAL else ""]
        for comparison in result.comparisons:
            cells.append(f"{comparison.system:.2f}")
            original = result.variant == ORIGINAL
            cells += ["", ""] if original else [_change(comparison), f"{comparison.p_value:.4f}"]
        rows.append(tuple(cells))
    return headings, rows


def _change(comparison: Comparison) -> str:
    """Returns the difference in points, and as a share of the original's score where that is not 0."""
    share = f" ({comparison.difference / comparison.baseline:+.1%})" if comparison.baseline else ""
    return f"{comparison.difference:+.2f}{share}"
