"""The verb of scores: score."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.options import format_option, print_json, print_table


@click.command()
@click.argument("hypotheses", type=click.Path(path_type=Path))
@click.argument("references", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    default=["bleu", "chrf"],
    show_default=True,
    help="bleu, chrf, chrf++, ter, rouge1, rouge2, rougeL, rougeLsum, exact; can be repeated.",
)
@click.option(
    "--tokenize",
    default="13a",
    show_default=True,
    help="Tokenizer of BLEU: 13a, intl, char, zh, ja-mecab, ko-mecab, none.",
)
@click.option("--lowercase", is_flag=True, help="Compare without case.")
@click.option("--stemmer", is_flag=True, help="Porter's stemmer for ROUGE: for English.")
@click.option("--rouge-words", default="unicode", show_default=True, help="unicode, or ascii as in rouge-score.")
@click.option(
    "--bootstrap-samples",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="For the 95% interval; 0: none.",
)
@format_option("table", "json")
def score(
    hypotheses: Path,
    references: tuple[Path, ...],
    metrics: tuple[str, ...],
    tokenize: str,
    lowercase: bool,
    stemmer: bool,
    rouge_words: str,
    bootstrap_samples: int,
    form: str,
) -> None:
    """Score a file of HYPOTHESES against one or more files of REFERENCES, line by line."""
    from nmt.config import EvaluationConfig
    from nmt.evaluation.metrics import MetricOptions
    from nmt.evaluation.scores import score_files
    from nmt.strict_yaml import read_settings

    settings = read_settings(
        EvaluationConfig,
        {
            "metrics": list(metrics),
            "tokenize": tokenize,
            "lowercase": lowercase,
            "stemmer": stemmer,
            "rouge_words": rouge_words,
            "bootstrap_samples": bootstrap_samples,
        },
        "nmt score",
    )
    scores = score_files(
        hypotheses,
        list(references),
        settings.metrics,
        MetricOptions.of(settings),
        bootstrap_samples=settings.bootstrap_samples,
    )
    if form == "json":
        print_json([score.to_json() for score in scores])
    else:
        from nmt.pipeline.summary import score_rows

        print_table(["metric", "score", "95% interval", "signature"], score_rows(scores))
