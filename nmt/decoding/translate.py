"""Lines in, lines out: translation with a bundle."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nmt import textio
from nmt.bundle import Bundle
from nmt.config import DecodingConfig
from nmt.decoding.batches import encode_filled
from nmt.decoding.unknown import read_dictionary
from nmt.errors import UsageError
from nmt.strict_yaml import read_settings
from nmt.tokenizer import UNK
from nmt.vectors import Vectors, check_features, read_vectors

if TYPE_CHECKING:
    from nmt.decoding.output import OutputFormat
    from nmt.decoding.translation import Translation

_CHUNK_LINES = 2_000  # lines that are sorted by length together
_REPORT_SECONDS = 5


class Translator:
    """Translates lines with the model of a bundle.

    Args:
        bundle: the trained model.
        overrides: decoding settings that replace the bundle's, such as ``{"beam_size": 1}``.
        others: more models that vote with it.
        weights: of ``bundle`` and ``others``; equal when left out.
        combination: how the votes are combined; see :class:`nmt.decoding.ensemble.Ensemble`.
        dictionary: what ``replace_unknown`` writes instead of some source words.

    Raises:
        UsageError: an override is unknown or out of range, the weights do not fit, a model has another vocabulary, or
            unknown words are to be replaced and the model has no attention to point at others.
    """

    def __init__(
        self,
        bundle: Bundle,
        overrides: dict[str, Any] | None = None,
        others: Sequence[Bundle] = (),
        weights: Sequence[float] = (),
        combination: Literal["linear", "log_linear"] = "log_linear",
        dictionary: Mapping[str, str] | None = None,
    ) -> None:
        from nmt.decoding.decoder import BatchDecoder
        from nmt.decoding.ensemble import Ensemble
        from nmt.decoding.translation import Examiner

        _check_ensemble(bundle, others, weights)
        self.bundle = bundle
        self._bundles = [bundle, *others]
        self._normalize = bundle.normalize
        settings = bundle.recipe.decoding.model_dump() | (overrides or {})
        self.config = read_settings(DecodingConfig, settings, "decoding")
        self.model = bundle.model()
        voters: Any = self.model
        if others:
            voters = Ensemble([self.model, *(other.model() for other in others)], weights, combination)
        self._decoder = BatchDecoder(voters, self.config)
        if self.config.replace_unknown:
            self.check_attention("decoding.replace_unknown")
        elif dictionary is not None:
            raise UsageError(
                "the dictionary is for unknown words, and none are written",
                action="Add --replace-unknown, or leave it out",
            )
        replacements = (dictionary or {}) if self.config.replace_unknown else None
        self.examiner = Examiner(voters, bundle.tokenizers, replacements)

    def check_attention(self, what: str) -> None:
        """Raises UsageError if no model has the attention that ``what`` needs."""
        if all(each.recipe.model.decoder.attention == "none" for each in self._bundles):
            raise UsageError(
                f"{what}: the model has no attention that says which source word a word comes from",
                received="model.decoder.attention none",
                action="Leave it out, or train a model with attention",
            )

    def translate(self, lines: Iterable[str], chunk_lines: int = _CHUNK_LINES) -> Iterator[str]:
        """Yields one translation per line, in order. A blank line gives a blank line.

        Args:
            lines: the sources.
            chunk_lines: lines that are read before the first is answered.
        """
        for best, *_ in self.translations(lines, details=False, chunk_lines=chunk_lines):
            yield best.text

    def translations(
        self, lines: Iterable[str], hypotheses: int = 1, details: bool = True, chunk_lines: int = _CHUNK_LINES
    ) -> Iterator[list[Translation]]:
        """Yields the best translations of each line, best first; one blank translation for a blank line.

        Args:
            lines: the sources.
            hypotheses: most translations of a line; fewer where the search found fewer.
            details: whether word scores and alignments are found out, by a pass over each translation.
            chunk_lines: lines that are read before the first is answered.

        Raises:
            UsageError: there are more hypotheses than the beam holds.
        """
        from nmt.decoding.translation import Translation

        check_hypotheses(hypotheses, self.config)
        remaining = iter(lines)
        while chunk := list(islice(remaining, chunk_lines)):
            normalized = [self._normalize(line) for line in chunk]
            filled, sources = encode_filled(chunk, self._normalize, self.bundle.tokenizers.source)
            found = self._found(sources, [normalized[row] for row in filled], hypotheses, details)
            answers = dict(zip(filled, found, strict=True))
            for row, text in enumerate(normalized):
                yield answers.get(row) or [Translation(text, "")]

    def _found(
        self, sources: Sequence[Any], texts: Sequence[str] | None, hypotheses: int, details: bool
    ) -> list[list[Translation]]:
        """Returns the translations of each source; ``texts`` are the normalised lines, None for vectors."""
        from nmt.decoding.translation import Translation

        rows = [(row, best) for row, found in enumerate(self._decoder.decode(sources, hypotheses)) for best in found]
        outputs = [best.ids for _, best in rows]
        written = self.bundle.tokenizers.target.decode(outputs)
        # Without details only outputs with unknown words, if these are replaced, have to be looked at again.
        replace = self.config.replace_unknown
        wanted = [index for index, ids in enumerate(outputs) if details or (replace and UNK in ids)]
        read = [rows[index][0] for index in wanted]
        examined = self.examiner.examine(
            [sources[row] for row in read],
            [outputs[index] for index in wanted],
            None if texts is None else [texts[row] for row in read],
        )
        known = dict(zip(wanted, examined, strict=True))
        answers: list[list[Translation]] = [[] for _ in sources]
        for index, ((row, best), text) in enumerate(zip(rows, written, strict=True)):
            found = known.get(index)
            source = "" if texts is None else texts[row]
            answers[row].append(Translation(source, found.text if found else text, best, found if details else None))
        return answers

    def translate_vectors(self, vectors: Vectors) -> Iterator[str]:
        """Yields one line per sequence of vectors, in order.

        Raises:
            DataError: the vectors are not as long as those that the model was trained on.
        """
        for best, *_ in self.vector_translations(vectors, details=False):
            yield best.text

    def vector_translations(
        self, vectors: Vectors, hypotheses: int = 1, details: bool = True
    ) -> Iterator[list[Translation]]:
        """Yields the best translations of each sequence of vectors, as ``translations`` does.

        Raises:
            DataError: the vectors are not as long as those that the model was trained on.
            UsageError: there are more hypotheses than the beam holds.
        """
        check_features(vectors.features, self.bundle.recipe.model.encoder.features, "the model takes other vectors")
        check_hypotheses(hypotheses, self.config)
        sequences = iter(vectors.marked())
        while chunk := list(islice(sequences, _CHUNK_LINES)):
            yield from self._found(chunk, None, hypotheses, details)


def check_hypotheses(hypotheses: int, config: DecodingConfig) -> None:
    """Raises UsageError unless the search finds so many translations of a line."""
    if not 1 <= hypotheses <= config.beam_size:
        raise UsageError(
            "the search does not find so many translations of a line",
            received=f"{hypotheses} translations, beam size {config.beam_size}",
            expected="1 to the size of the beam",
            action=f"Set the beam size to {max(1, hypotheses)}, or ask for fewer",
        )


def translate_in_shards(
    translator: Translator, source: Path, folder: Path, say: Callable[[str], None], shard_lines: int = _CHUNK_LINES
) -> Iterator[str]:
    """Yields one translation per line of a file; what is done stays done when the process is killed.

    Every shard is written to a file of ``folder`` when it is complete, and is read from there when it is already there.
    A shard is translated by itself and with deterministic operations, so the result does not depend on where the work
    was interrupted, nor on what else the process has done.

    Args:
        translator: the model.
        source: the lines to translate; the same in every attempt.
        folder: of this file and this model alone.
        say: is told of the progress every few seconds.
        shard_lines: lines of a shard.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    total = textio.count_lines(source)
    remaining = textio.read_lines(source)
    began = shown = time.monotonic()
    seen = translated = 0
    for number in range(-(-total // shard_lines)):
        shard = list(islice(remaining, shard_lines))
        path = folder / f"{number:06}.txt"
        seen += len(shard)
        if not path.is_file():
            textio.write_lines(path, translator.translate(shard, shard_lines))
            translated += len(shard)
            now = time.monotonic()
            if now - shown > _REPORT_SECONDS or seen == total:
                rate = translated / (now - began)
                say(f"{seen:,} of {total:,} lines, {rate:,.0f} lines/s, {(total - seen) / rate / 60:.1f} min left")
                shown = now
        yield from textio.read_lines(path)


def _check_ensemble(bundle: Bundle, others: Sequence[Bundle], weights: Sequence[float]) -> None:
    """Raises UsageError unless the models read and write the same pieces, and there is a weight for each, or none."""
    for other in others:
        if not bundle.shares_text_with(other):
            raise UsageError(
                f"{other.folder}: its vocabulary or normalisation is not that of {bundle.folder}",
                expected="models of one tokenizer, for instance of one recipe with several seeds",
                action="Leave it out of the ensemble",
            )
    if weights and (len(weights) != 1 + len(others) or not all(0 < weight < math.inf for weight in weights)):
        raise UsageError(
            "the weights do not fit the ensemble",
            received=", ".join(map(str, weights)),
            expected=f"{1 + len(others)} positive numbers, that of the first bundle first",
        )


def translate_command(
    bundle: Bundle,
    source: Path | None,
    target: Path | None,
    overrides: dict[str, Any],
    layout: OutputFormat,
    dictionary: Path | None = None,
    **ensemble: Any,
) -> None:
    """Translates a file or standard input to a file or standard output.

    A terminal is answered line by line. A file is written under a temporary name and renamed when it is complete.

    Args:
        bundle: the model.
        source, target: None for standard input and output.
        overrides: as :class:`Translator` takes them.
        layout: what is written for each line.
        dictionary: what unknown words are replaced by.
        **ensemble: the arguments of :class:`Translator` of that kind.
    """
    vectors = vectors_for(bundle, source)
    entries = None if dictionary is None else read_dictionary(dictionary)
    translator = Translator(bundle, overrides, dictionary=entries, **ensemble)
    if layout.alignment != "none":
        translator.check_attention("--alignment")
    if vectors is not None:
        found = translator.vector_translations(vectors, layout.hypotheses, layout.details)
    else:
        lines = textio.read_input(source)
        chunk_lines = 1 if source is None and sys.stdin.isatty() else _CHUNK_LINES
        found = translator.translations(lines, layout.hypotheses, layout.details, chunk_lines)
    answers = (line for number, best in enumerate(found) for line in layout.lines(best, number))
    if target is None:
        for answer in answers:
            textio.print_line(answer)
    else:
        # A pipe can be read only once: counting its lines would leave none to translate.
        total = textio.count_lines(source) if vectors is None and source and source.is_file() else None
        textio.write_lines(target, _counted(answers, len(vectors) if vectors else total))


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


def _counted(lines: Iterable[str], total: int | None, say: Callable[[str], None] | None = None) -> Iterator[str]:
    """Passes lines on and reports count, rate and time left to standard error every few seconds."""
    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    began = shown = time.monotonic()
    for count, line in enumerate(lines, start=1):
        yield line
        now = time.monotonic()
        if now - shown > _REPORT_SECONDS:
            rate = count / (now - began)
            left = f", {(total - count) / rate / 60:.1f} min left" if total else ""
            say(f"{count:,} lines, {rate:,.0f} lines/s{left}")
            shown = now
