"""The verbs of scores: score, compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.options import format_option, print_json, print_table, work_option

if TYPE_CHECKING:
    from nmt.config import EvaluationConfig

_METRICS = (
    "bleu, chrf, chrf++, ter, rouge1, rouge2, rougeL, rougeLsum, exact, wer, per, cer, repetition, comet, bertscore"
)
_path = click.Path(path_type=Path)


def _of_metrics(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb the options that choose metrics and what they are told."""
    for decorate in (
        format_option("table", "json"),
        click.option("--source", metavar="SOURCE", help="File or name of the source, which comet and summaries need."),
        click.option("--rouge-words", default="unicode", show_default=True, help="unicode; ascii as rouge-score."),
        click.option("--stemmer", is_flag=True, help="Porter's stemmer for ROUGE: for English."),
        click.option("--lowercase", is_flag=True, help="Compare without case."),
        click.option(
            "--tokenize",
            default="13a",
            show_default=True,
            help="Tokenizer of BLEU: 13a, intl, char, zh, ja-mecab, ko-mecab, flores101, flores200, spBLEU-1K, none.",
        ),
    ):
        verb = decorate(verb)
    return verb


def _settings(verb: str, options: dict[str, Any]) -> EvaluationConfig:
    from nmt.config import EvaluationConfig
    from nmt.strict_yaml import read_settings

    names = ("metrics", "tokenize", "lowercase", "stemmer", "rouge_words", "bootstrap_samples")
    settings = {name: options[name] for name in names} | {"metrics": list(options["metrics"])}
    return read_settings(EvaluationConfig, settings, f"nmt {verb}")


@click.command()
@click.argument("hypotheses", type=_path)
@click.argument("references", nargs=-1, required=True)
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    default=["bleu", "chrf"],
    show_default=True,
    help=f"{_METRICS}.",
)
@_of_metrics
@click.option(
    "--bootstrap-samples",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="For the 95% interval; 0: none.",
)
@work_option
def score(
    hypotheses: Path, references: tuple[str, ...], work: Path | None, form: str, source: str | None, **options: Any
) -> None:
    """Score a file of HYPOTHESES against one or more REFERENCES, line by line.

    A reference is a file, card/split:side of a corpus card (multi30k/test_2016_flickr:de), or a test set of sacreBLEU
    (wmt22:en-de), with all its references.
    """
    from nmt.pipeline.scoring import score_named
    from nmt.pipeline.summary import score_rows
    from nmt.pipeline.workspace import Workspace

    scored = score_named(hypotheses, references, _settings("score", options), source, Workspace.at(work).corpora)
    if form == "json":
        print_json(scored.to_json())
    else:
        print_table(["metric", "score", "95% interval", "signature"], score_rows(scored.scores))


@click.command()
@click.argument("systems", nargs=-1, required=True)
@click.option("--reference", "references", multiple=True, help="Compare files with it: file or name; can be repeated.")
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    help=f"{_METRICS}; can be repeated  [default: the runs'; bleu, chrf]",
)
@_of_metrics
@click.option(
    "--bootstrap-samples", type=click.IntRange(2), default=1000, show_default=True, help="For intervals and p values."
)
@click.option("--summaries", is_flag=True, help="The files are summaries of --source; baselines join.")
@work_option
def compare(
    systems: tuple[str, ...],
    references: tuple[str, ...],
    summaries: bool,
    work: Path | None,
    form: str,
    source: str | None,
    **options: Any,
) -> None:
    """Compare SYSTEMS with the first one: differences with p values of two paired tests, and ranks with ties.

    SYSTEMS are runs of the workspace, compared on the test sets that they share, each scored as its recipe says; with
    --reference, files of hypotheses. A low p value says that chance would hardly make such a difference. The paired
    bootstrap is sacreBLEU's, which is too sure of small differences; approximate randomisation is not.

    With runs of summarization, and files that are --summaries, baselines that need no model join, and a second table
    shows what the summaries are like: novel n-grams, compression, extractive coverage and density, repetition, numbers.
    """
    from nmt.evaluation.compare import HEADINGS
    from nmt.evaluation.summaries import MEASURE_HEADINGS
    from nmt.pipeline.compare import compare_files, compare_runs
    from nmt.pipeline.named_texts import read_references, read_source
    from nmt.pipeline.workspace import Workspace

    workspace = Workspace.at(work)
    if references:
        options["metrics"] = options["metrics"] or ("bleu", "chrf")
        texts = read_references(references, workspace.corpora)
        read = read_source(source, workspace.corpora) if source else None
        comparisons = [compare_files(texts, [Path(s) for s in systems], _settings("compare", options), read, summaries)]
    else:
        comparisons = compare_runs(workspace, systems, options["metrics"], options["bootstrap_samples"])
    if form == "json":
        print_json([comparison.to_json() for comparison in comparisons])
        return
    for comparison in comparisons:
        print(f"{comparison.test}, against {systems[0]}")
        print_table(list(HEADINGS), [row.cells() for row in comparison.rows])
        if comparison.measures:
            rows = [(system, *measures.cells()) for system, measures in comparison.measures.items()]
            print_table(["system", *MEASURE_HEADINGS], rows)
    signatures = {row.score.label: row.score.signature for comparison in comparisons for row in comparison.rows}
    print("\n".join(f"{label}: {signature}" for label, signature in signatures.items()))
