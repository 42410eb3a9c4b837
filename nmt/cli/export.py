"""The verb that hands a trained model to other programs: export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from nmt.cli.options import bundle_argument, ensemble_options


@click.command()
@bundle_argument
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a key of the bundle's decoding section, such as beam_size=1; can be repeated.",
)
@click.option(
    "--sample",
    type=click.Path(path_type=Path),
    help="More lines to try the model on; some odd ones are always tried.",
)
@ensemble_options
def export(
    bundle: Path,
    folder: Path,
    settings: tuple[str, ...],
    sample: Path | None,
    ensemble: tuple[Path, ...],
    weight: tuple[float, ...],
    combination: Any,
) -> None:
    """Write the model in BUNDLE as a TensorFlow SavedModel, which takes text and gives translations and scores.

    FOLDER works in TensorFlow Serving, and in any program with tensorflow and tensorflow_text, on a CPU too. Length
    penalty and longest lengths are inputs with the bundle's values as defaults; all else is fixed now. The model is
    kept only if it answers sample lines as nmt translate does.
    """
    from nmt.bundle import load_bundle
    from nmt.export.command import check_exportable, export_command
    from nmt.strict_yaml import override
    from nmt.terminal import StatusLine, load_tensorflow
    from nmt.textio import read_lines

    opened, *others = map(load_bundle, (bundle, *ensemble))
    decoding = opened.recipe.decoding.model_dump()
    for setting in settings:
        override(decoding, setting)
    samples = list(read_lines(sample)) if sample else []
    check_exportable(opened, folder, decoding)
    load_tensorflow()
    votes = {"others": others, "weights": weight, "combination": combination}
    with StatusLine() as line:
        functions = export_command(opened, folder, decoding, samples, line.show, **votes)
    print(f"{folder}: {', '.join(functions)}", file=sys.stderr)
