"""The verb summarize: documents by the line, by the file, or in a field of JSON objects."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from nmt.cli.options import bundle_argument, ensemble_options, no_dash, source_argument
from nmt.cli.search_options import long_option, search_options
from nmt.cli.translate import continuable


@click.command()
@bundle_argument
@source_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write here instead of standard output; a folder where SOURCE is one.",
)
@click.option("--resume", is_flag=True, help="Go on with what was interrupted; not of folders.")
@click.option("--words", type=int, metavar="N", help="About N words for each document.")
@click.option("--ratio", type=float, metavar="R", help="About R words for each word of the document, such as 0.1.")
@click.option("--field", metavar="NAME", help="Lines are JSON objects, and this field has the document.")
@click.option("--into", metavar="NAME", default="summary", show_default=True, help="With --field: gets the summary.")
@search_options
@long_option
@ensemble_options
def summarize(
    bundle: Path,
    source: Path | None,
    output: Path | None,
    resume: bool,
    words: int | None,
    ratio: float | None,
    field: str | None,
    into: str,
    ensemble: tuple[Path, ...],
    weight: tuple[float, ...],
    combination: Any,
    settings: tuple[str, ...],
    **options: Any,
) -> None:
    """Summarize documents with the model in BUNDLE: each line of SOURCE, or of standard input, is one.

    Where SOURCE is a folder, each file in it is a document, whose lines are joined, and the folder --output gets a file
    of the same name with the summary. With --field, each line is a JSON object, which comes out with its summary. N
    documents in, N summaries out; a blank one stays blank.
    """
    from nmt.bundle import load_bundle
    from nmt.decoding_config import overridden
    from nmt.errors import UsageError
    from nmt.terminal import StatusLine, load_tensorflow

    folder = source is not None and source.is_dir()
    target = no_dash(output)
    if folder and (target is None or resume or field):
        raise UsageError(
            f"{source} is a folder of documents",
            expected="--output, a folder for the summaries; neither --resume nor --field",
            action="Give nmt summarize BUNDLE FOLDER --output FOLDER",
        )
    opened, *others = map(load_bundle, (bundle, *ensemble))
    if words is not None or ratio is not None:
        options["wished_length"] = {"words": words, "ratio": ratio}
    overrides = overridden(opened.recipe.decoding, options, settings)
    load_tensorflow()
    from nmt.decoding.documents import JsonField, answer_folder
    from nmt.decoding.stream import translate_command
    from nmt.decoding.translate import Translator
    from nmt.progress import Progress

    votes: dict[str, Any] = {"others": others, "combination": combination}
    with StatusLine() as line:
        if folder and source is not None and target is not None:
            translator = Translator(opened, overrides, weights=weight, **votes)
            answer_folder(translator, source, target, lambda done, total: line.show(f"{done:,} of {total:,} documents"))
            report = translator.report()
        else:
            with continuable(target):
                report = translate_command(
                    opened,
                    no_dash(source),
                    target,
                    overrides,
                    resume=resume,
                    progress=Progress(line.show, line.pause) if target else None,
                    field=JsonField(field, into) if field else None,
                    weights=weight,
                    **votes,
                )
    if report:
        print(report, file=sys.stderr)
