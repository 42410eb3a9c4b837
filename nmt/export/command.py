"""The verb ``export``: a bundle becomes a SavedModel that has been tried, or an error and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nmt
from nmt.bundle import Bundle
from nmt.copied_words import copies_unknown_words
from nmt.decoding_config import DecodingConfig
from nmt.errors import NmtError, UsageError
from nmt.storage import replace_folder, write_json
from nmt.strict_yaml import read_settings

FACTS = Path("assets.extra") / "nmt.json"
"""What is written beside the model; TensorFlow leaves the folder to others."""


def check_exportable(bundle: Bundle, folder: Path, settings: dict[str, Any]) -> None:
    """Says what is wrong before anything heavy is loaded; the arguments are those of ``export_command``.

    Raises:
        UsageError: there is something in the folder, the bundle takes no text, or the settings are not valid or ask for
            what an exported model cannot do.
    """
    if bundle.recipe.model.encoder.input == "vectors":
        raise UsageError(
            f"{bundle.folder}: it cannot be exported",
            received="a model of vectors",
            expected="a model that takes text",
        )
    if copies_unknown_words(bundle.recipe):
        raise UsageError(
            f"{bundle.folder}: it cannot be exported",
            received="a model that copies words of the source that its vocabulary lacks",
            expected="a vocabulary of unigram, bpe or char, or a model that does not copy",
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder}: it is there already", action="Give a new folder, or remove what is there")
    decoding = read_settings(DecodingConfig, bundle.recipe.decoding.model_dump() | settings, "decoding")
    impossible = {"replace_unknown": "false", "minimum_bayes_risk": "null"}
    for key in (key for key in impossible if getattr(decoding, key)):
        raise UsageError(
            f"decoding.{key}: an exported model cannot do this",
            action=f"Export without it: --set {key}={impossible[key]}",
        )


def export_command(
    bundle: Bundle,
    folder: Path,
    settings: dict[str, Any],
    samples: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
    **ensemble: Any,
) -> list[str]:
    """Writes a SavedModel, tries it on sample lines, and returns the names of its functions.

    Args:
        bundle: the model.
        folder: what is written; it must be new, or empty.
        settings: decoding settings that replace the bundle's.
        samples: lines that are translated beside those of the project.
        say: is told what is being done.
        **ensemble: the arguments of :class:`nmt.decoding.translate.Translator` of that kind.

    Raises:
        UsageError: as ``check_exportable``, or TensorFlow Text is missing.
        NmtError: the exported model does not answer as the bundle does.
    """
    check_exportable(bundle, folder, settings)
    _require_tensorflow_text()
    _hide_gpus()
    from nmt.decoding.translate import Translator
    from nmt.export.saved_model import TextGraph, save
    from nmt.export.trial import bundle_answers, check_same, sample_lines, saved_model_answers

    translator = Translator(bundle, settings, **ensemble)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        say("writing the model")
        functions = save(TextGraph(translator), temporary)
        facts = {"nmt_version": nmt.__version__, "functions": functions} | translator.identity
        write_json(temporary / FACTS, facts)
        say("translating sample lines")
        long_input = translator.long_input
        lines = [*samples, *sample_lines(bundle.tokenizers.source, long_input.limit, long_input.mode)]
        for name, received in zip(functions, saved_model_answers(temporary, functions, lines), strict=True):
            asked = translator
            if name == "greedy":
                asked = Translator(bundle, translator.config.with_beam(1).model_dump(), **ensemble)
            count = translator.config.beam_size if name == "n_best" else 1
            check_same(name, lines, bundle_answers(asked, lines, count), received)
        replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return functions


def _require_tensorflow_text() -> None:
    try:
        import tensorflow_text  # noqa: F401
    except Exception as error:  # it is missing, or made for another TensorFlow, which can show in many ways
        raise UsageError(
            "nmt export needs TensorFlow Text, of the same version as TensorFlow",
            received=f"{type(error).__name__}: {error}",
            action='Install it: pip install "nmt[export]"',
        ) from error


def _hide_gpus() -> None:
    """Makes sure that nothing in the graph needs a GPU.

    Raises:
        NmtError: a GPU is in use already.
    """
    import tensorflow as tf

    from nmt.models.cudnn import uses_cudnn

    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise NmtError(
            "TensorFlow uses a GPU already, and an exported model must run without one",
            action="Export in a process of its own",
        ) from error
    if uses_cudnn():
        raise NmtError("TensorFlow still uses a GPU", action="Set CUDA_VISIBLE_DEVICES to nothing")
