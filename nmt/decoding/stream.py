"""Translation of any amount of text: in order, in flat memory, and continued where it was interrupted.

A source is read in chunks. A chunk is translated by itself, so what comes out of it depends neither on what was
translated before nor on where the work was interrupted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from nmt import textio
from nmt.bundle import Bundle
from nmt.decoding.documents import JsonField
from nmt.decoding.output import OutputFormat
from nmt.decoding.requests import Requests
from nmt.decoding.translate import CHUNK_LINES, Translator, check_hypotheses
from nmt.decoding.unknown import read_dictionary
from nmt.errors import DataError, UsageError
from nmt.progress import Progress
from nmt.storage import PartialFile, canonical_json
from nmt.vectors import Vectors, read_vectors

Answer = Callable[[list[str], int], Iterable[str]]
"""What translates a chunk, given its lines and the number of the first; it may write any number of lines for one."""


def write_answers(
    lines: Iterable[str],
    answer: Answer,
    target: Path,
    identity: dict[str, Any],
    progress: Progress,
    *,
    resume: bool = False,
    folder: Path | None = None,
    chunk_lines: int = CHUNK_LINES,
) -> int:
    """Writes what is answered to a stream of lines, and returns how many lines there were.

    The file appears when it is complete. What is complete of it stays when the process is killed, and is gone on with
    by ``resume``: the file is the same, byte for byte. A device or a pipe is written to as it is.

    Args:
        lines: the source, from its beginning in every attempt.
        answer: translates a chunk.
        target: the file; packed if its name ends in .gz or .zst.
        identity: all that the answers depend on beside the lines, as JSON values.
        progress: is told of every chunk.
        resume: go on with what an interrupted attempt has left, if there is anything.
        folder: where the incomplete file lies; see :class:`nmt.storage.PartialFile`.
        chunk_lines: lines that are answered together.

    Raises:
        UsageError: what is there was made with another identity, or another process is writing the file.
        DataError: what is there was made from other lines.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    remaining, done = iter(lines), 0
    if target.exists() and not target.is_file():
        with target.open("wb") as stream:
            for chunk in _chunks(remaining, chunk_lines):
                stream.write(textio.pack_lines(answer(chunk, done + 1), target.suffix))
                done += len(chunk)
                progress.add(len(chunk))
        return done
    digest = hashlib.sha256()
    with PartialFile(target, folder) as partial:
        if not resume:
            partial.discard()
        if facts := partial.facts():
            done = _skip(remaining, facts, identity, digest, target)
        if resume:
            progress.resume(done)
        while len(chunk := list(islice(remaining, chunk_lines))) == chunk_lines:
            piece = textio.pack_lines(answer(chunk, done + 1), target.suffix)
            digest.update(b"".join(map(textio.encode_line, chunk)))
            done += len(chunk)
            partial.append(piece, {"identity": identity, "lines": done, "sha256": digest.hexdigest()})
            progress.add(len(chunk))
        # A chunk that is not full is the last one. It never stands in the journal: behind it nothing could go on.
        partial.finish(textio.pack_lines(answer(chunk, done + 1), target.suffix))
    return done + len(chunk)


def _skip(lines: Iterator[str], facts: dict[str, Any], identity: dict[str, Any], digest: Any, target: Path) -> int:
    """Passes over the lines that are translated already, and returns how many these are.

    Raises:
        UsageError, DataError: they were translated otherwise, or were others.
    """
    check_identity(target, facts["identity"], identity)
    read = 0
    for line in islice(lines, facts["lines"]):
        digest.update(textio.encode_line(line))
        read += 1
    if read < facts["lines"] or digest.hexdigest() != facts["sha256"]:
        received = f"{read:,} lines with sha256 {digest.hexdigest()}"
        raise other_text(target, received, f"{facts['lines']:,} lines with sha256 {facts['sha256']}")
    return read


def check_identity(target: Path, before: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raises UsageError unless what is there of a file was translated as it is to be translated now."""
    if canonical_json(before) != canonical_json(identity):
        differing = [key for key in sorted(before | identity) if before.get(key) != identity.get(key)]
        raise UsageError(
            f"{target}: what is there of it was translated with other models or options",
            received=", ".join(f"{key} {identity.get(key)}" for key in differing),
            expected=", ".join(f"{key} {before.get(key)}" for key in differing),
            action="Give those, or leave --resume out to start again",
        )


def other_text(target: Path, received: str, expected: str) -> DataError:
    """Returns the error of a file of which there is something, but of another source."""
    return DataError(
        f"{target}: what is there of it is the translation of other text",
        received=received,
        expected=expected,
        action="Give that text, or leave --resume out to start again",
    )


def translate_command(
    bundle: Bundle,
    source: Path | None,
    target: Path | None,
    overrides: dict[str, Any],
    *,
    layout: OutputFormat | None = None,
    dictionary: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    requests: Requests | None = None,
    field: JsonField | None = None,
    **ensemble: Any,
) -> str | None:
    """Translates a file or standard input to a file or standard output.

    Standard input is answered as it arrives; where it is a file, it is read as one.

    Args:
        bundle: the model.
        source, target: None for standard input and output.
        overrides: as :class:`Translator` takes them.
        layout: what is written for each line; the text alone when absent.
        dictionary: a file with what unknown words are replaced by.
        resume: as ``write_answers`` takes it.
        progress: is told how far the translation is.
        requests: what is asked of the translations.
        field: where the text of each line is, which is a JSON object; the line itself when absent.
        **ensemble: the arguments of :class:`Translator` of that kind.

    Returns:
        What was done to lines that were too long, and how many translations lack what was asked; None for none of both.

    Raises:
        UsageError: ``resume`` without a file to write; the bundle takes another kind of source, or one of which nothing
            can be asked; see ``write_answers``.
        DataError: what is asked of each line is not that of so many lines; a line is no object with such a field.
    """
    if resume and target is None:
        raise UsageError("--resume: standard output cannot be continued", action="Give a file with --output")
    vectors = vectors_for(bundle, source)
    if requests is not None and vectors is not None:
        raise UsageError("nothing can be asked of translations of vectors", action="Leave prefixes and phrases out")
    entries = None if dictionary is None else read_dictionary(dictionary)
    translator = Translator(bundle, overrides, dictionary=entries, requests=requests, **ensemble)
    layout = layout or OutputFormat()
    check_layout(layout, translator)
    lines = textio.read_input(source) if vectors is None else iter(vectors.lines)

    answer = answers_of(translator, layout, vectors, field)
    progress = progress or Progress(lambda _: None)
    if vectors is not None:
        progress.total = len(vectors)
    elif source is not None and source.is_file():  # a pipe can be read only once
        progress.total = textio.count_lines(source)
        if requests is not None:
            requests.check(progress.total)
    if target is not None:
        identity = translator.identity | {"output": dataclasses.asdict(layout if field is None else field)}
        write_answers(lines, answer, target, identity, progress, resume=resume)
    else:
        _print_answers(textio.read_arriving(CHUNK_LINES) if _arrives(source) else _chunks(lines), answer, progress)
    return translator.report()


def check_layout(layout: OutputFormat, translator: Translator) -> None:
    """Raises UsageError unless the model has the attention, and the search the hypotheses, that are to be written."""
    if layout.alignment != "none":
        translator.check_attention("--alignment")
    check_hypotheses(layout.hypotheses, translator.config)


def answers_of(
    translator: Translator, layout: OutputFormat, vectors: Vectors | None = None, field: JsonField | None = None
) -> Answer:
    """Returns what answers the lines of a source.

    Args:
        translator: translates them.
        layout: what is written for each.
        vectors: what the lines stand for, where they are no text.
        field: where the text of each line is, which is a JSON object.
    """

    def answer(chunk: list[str], first_line: int) -> Iterator[str]:
        if field is not None:
            texts = [field.text(line, number) for number, line in enumerate(chunk, start=first_line)]
            yield from map(field.answered, chunk, translator.translate(texts, first_line=first_line))
            return
        if vectors is None:
            found = translator.translations(chunk, layout.hypotheses, layout.details, first_line=first_line)
        else:
            found = translator.vector_translations(vectors, chunk, layout.hypotheses, layout.details)
        for number, translations in enumerate(found, start=first_line - 1):
            yield from layout.lines(translations, number)

    return answer


def _print_answers(chunks: Iterable[list[str]], answer: Answer, progress: Progress) -> None:
    done = 0
    for chunk in chunks:
        textio.print_lines(answer(chunk, done + 1))
        done += len(chunk)
        progress.add(len(chunk))


def _chunks(lines: Iterator[str], chunk_lines: int = CHUNK_LINES) -> Iterator[list[str]]:
    while chunk := list(islice(lines, chunk_lines)):
        yield chunk


def _arrives(source: Path | None) -> bool:
    """Whether the source is standard input and not a file that is there as a whole."""
    if source is not None or sys.stdin is None:
        return False
    try:
        return not stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
    except OSError:  # an object of Python alone
        return True


def vectors_for(bundle: Bundle, source: Path | None) -> Vectors | None:
    """Returns the vectors of a source for a bundle that takes such, None for one that takes text.

    Raises:
        UsageError: the bundle takes the other kind of source.
        DataError: the vectors cannot be read.
    """
    takes_vectors = bundle.recipe.model.encoder.input == "vectors"
    if (source is not None and source.suffix == ".npz") != takes_vectors:
        expected = f"an .npz file of vectors of {bundle.recipe.model.encoder.features} features"
        raise UsageError(
            f"{source or 'standard input'}: not what this bundle translates",
            received="text" if takes_vectors else "an .npz file",
            expected=expected if takes_vectors else "text, one sentence per line",
            action=f"Give {'vectors' if takes_vectors else 'text'}, or another bundle",
        )
    return read_vectors(source) if takes_vectors and source else None
