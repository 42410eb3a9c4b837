"""From clean text to ids on disk, some pairs at a time, so that memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from nmt.copied_words import CopyTokenizer
from nmt.dataset import EncodedCorpus, Sequences, ends_of
from nmt.errors import DataError
from nmt.long_sources import LongInput, LongSources
from nmt.parallel import Processes, Workers
from nmt.storage import atomic_file, write_json
from nmt.textio import SHARD_BYTES, Shard, read_shards
from nmt.tokenizer import BOS, EOS, Tokenizer, TokenizerPair
from nmt.vectors import Vectors

_ENCODE_LINES = 10_000


@dataclass(frozen=True)
class Encoder:
    """Encodes pairs of normalised text, some at a time.

    Pairs that are too long, EOS counted, are left out and counted, or their sources are cut.

    Attributes:
        tokenizers: of both sides.
        max_source_tokens, max_target_tokens: the limits; None is none.
        vectors: what the lines of the source stand for, where they do.
        long_sources: what is done to sources that are too long.
        copier: gives the unknown words of a source ids of their own, where a model copies them.
    """

    tokenizers: TokenizerPair
    max_source_tokens: int | None = None
    max_target_tokens: int | None = None
    vectors: Vectors | None = None
    long_sources: LongSources = "leave_out"
    copier: CopyTokenizer | None = None

    @property
    def dtype(self) -> type[np.generic]:
        """What sources are made of."""
        return np.float32 if self.vectors else np.int32

    def encode(
        self, sources: list[str], targets: list[str], marks: npt.NDArray[np.bool_], first: int = 0
    ) -> tuple[EncodedCorpus, dict[str, int]]:
        """Encodes N pairs.

        Args:
            sources, targets: their texts.
            marks: bool [N], which sources begin with the marker.
            first: the line of the first one.

        Returns:
            The pairs that are kept, and the counts of :func:`encode_corpus`.
        """
        source = self._encode_sources(sources)
        if marks.any():
            source = source.begun_with(cast(int, self.tokenizers.source.marker), marks)
        is_long = _longer(source.lengths, self.max_source_tokens)
        counts = {"pairs": len(source), self._long: int(is_long.sum())}
        if self.long_sources != "leave_out" and is_long.any():
            source, sources = self._cut(source, sources, is_long, marks)
            is_long = np.zeros_like(is_long)
        target = self._encode_targets(targets, sources)
        target_is_long = _longer(target.lengths - 1, self.max_target_tokens)  # without BOS
        kept = np.flatnonzero(~(is_long | target_is_long))
        if len(kept) < len(source):
            source, target = source.select(kept), target.select(kept)
        counts |= {"target_too_long": int(target_is_long.sum()), "kept": len(kept)}
        counts |= {"source_tokens": len(source.ids), "target_tokens": len(target.ids)}
        return EncodedCorpus(source, target, kept + first), counts

    def encode_shard(self, piece: tuple[Shard, npt.NDArray[np.bool_]]) -> tuple[EncodedCorpus, dict[str, int]]:
        """Encodes a shard of two files of text, source and target, and the marks of its lines."""
        shard, marks = piece
        sources, targets = shard.texts()
        return self.encode(sources, targets, marks, shard.first - 1)

    def no_counts(self) -> dict[str, int]:
        """Returns the counts of no pairs."""
        names = ("pairs", self._long, "target_too_long", "kept", "source_tokens", "target_tokens")
        return dict.fromkeys(names, 0)

    @property
    def _long(self) -> str:
        return "source_too_long" if self.long_sources == "leave_out" else "source_cut"

    def _encode_sources(self, lines: list[str]) -> Sequences:
        if self.vectors:
            return Sequences.of(self.vectors.marked(lines), np.float32)
        return _flat(self._reader, lines)

    def _encode_targets(self, lines: list[str], sources: list[str]) -> Sequences:
        copier = self.copier
        if copier is None:
            return _flat(self.tokenizers.target, lines, begin=True)
        pairs = zip(lines, map(copier.unknown_words, sources), strict=True)
        return Sequences.of([BOS, *copier.encode_target(line, unknown), EOS] for line, unknown in pairs)

    @property
    def _reader(self) -> Tokenizer:
        return self.copier or self.tokenizers.source

    def _cut(
        self, source: Sequences, lines: list[str], is_long: npt.NDArray[np.bool_], marks: npt.NDArray[np.bool_]
    ) -> tuple[Sequences, list[str]]:
        """Returns the sequences and the lines, those that are too long cut; the marker counts."""
        rows, lines = list[Any](source.rows()), [*lines]
        limit, mode = self.max_source_tokens or 0, cast(Any, self.long_sources)
        for number in np.flatnonzero(is_long).tolist():
            marker = rows[number][: int(marks[number])].tolist()
            part = LongInput(mode, max(limit - len(marker), 2), self._reader).cut(lines[number])
            rows[number], lines[number] = [*marker, *part.ids], part.text
        return Sequences.of(rows, self.dtype), lines


def encode_corpus(
    pairs: Iterable[tuple[str, str]],
    tokenizers: TokenizerPair,
    max_source_tokens: int | None = None,
    max_target_tokens: int | None = None,
    vectors: Vectors | None = None,
    marks: Iterable[bool] = (),
    long_sources: LongSources = "leave_out",
    copier: CopyTokenizer | None = None,
) -> tuple[EncodedCorpus, dict[str, int]]:
    """Encodes pairs of normalised text, in memory; :func:`encode_files` does it for any number of them.

    The arguments are those of :class:`Encoder`. ``marks`` says of each pair whether its source begins with the marker;
    those that it says nothing of do not.

    Returns:
        The corpus, and the counts ``pairs``, ``kept``, ``source_too_long``, ``target_too_long``, ``source_tokens``,
        ``target_tokens``; where sources are cut, ``source_cut`` instead of ``source_too_long``.
    """
    encoder = Encoder(tokenizers, max_source_tokens, max_target_tokens, vectors, long_sources, copier)
    marked = chain(marks, repeat(False))
    corpora, counts = [], encoder.no_counts()
    for chunk in _chunks(pairs, _ENCODE_LINES):
        sources, targets = (list(side) for side in zip(*chunk, strict=True))
        corpus, found = encoder.encode(sources, targets, _take(marked, len(chunk)), counts["pairs"])
        corpora.append(corpus)
        counts = {name: count + found[name] for name, count in counts.items()}
    joined = EncodedCorpus(
        Sequences.joined([corpus.source for corpus in corpora], encoder.dtype),
        Sequences.joined([corpus.target for corpus in corpora]),
        np.concatenate([np.zeros(0, np.int64), *(corpus.lines for corpus in corpora)]),
    )
    return joined, counts


def encode_files(
    files: tuple[Path, Path],
    encoder: Encoder,
    folder: Path,
    name: str,
    marks: Iterable[bool] = (),
    processes: Processes = 1,
    progress: Callable[[float], None] = lambda pairs: None,
    shard_bytes: int = SHARD_BYTES,
) -> dict[str, int]:
    """Encodes a corpus of any size and writes what :meth:`EncodedCorpus.save` would; memory does not grow with it.

    Args:
        files: the source and the target.
        encoder: how.
        folder, name: where the corpus is written.
        marks: as :func:`encode_corpus` takes them.
        processes: that encode beside this one. What is written does not depend on it, nor on ``shard_bytes``.
        progress: is told how many pairs more are done.
        shard_bytes: source text that is encoded at a time.

    Returns:
        The counts of :func:`encode_corpus`.

    Raises:
        DataError: a file cannot be read, or no pair is left; nothing is written then.
    """
    marked = chain(marks, repeat(False))
    pieces = ((shard, _take(marked, shard.lines)) for shard in read_shards(files, shard_bytes))
    counts = encoder.no_counts()
    with ExitStack() as stack:
        source, target = (_SequencesFile(folder / f"{name}.{side}", stack) for side in ("source", "target"))
        lines = _ArrayFile(stack.enter_context(atomic_file(folder / f"{name}.lines.npy")))
        # Vectors are in memory as it is: they are not copied to other processes.
        workers = stack.enter_context(Workers(encoder.encode_shard, 1 if encoder.vectors else processes))
        for corpus, found in workers.in_order(pieces):
            source.append(corpus.source)
            target.append(corpus.target)
            lines.append(corpus.lines)
            counts = {key: count + found[key] for key, count in counts.items()}
            progress(found["pairs"])
        if not counts["kept"]:
            raise _nothing_left(name, counts)
        for array in (*source.arrays, *target.arrays, lines):
            array.finish()
    return counts


class _ArrayFile:
    """An array that is written piece by piece; in the end the file is what ``np.save`` makes of the whole."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._rows = 0
        self._kind: tuple[np.dtype[Any], tuple[int, ...]] | None = None

    def append(self, piece: npt.NDArray[Any]) -> None:
        if self._kind is None:
            self._kind = piece.dtype, piece.shape[1:]
            self._write_header()
        self._rows += len(piece)
        self._stream.write(np.ascontiguousarray(piece).data)

    def finish(self) -> None:
        self._stream.seek(0)
        self._write_header()  # numpy leaves room in it for any number of rows

    def _write_header(self) -> None:
        dtype, shape = self._kind or (np.dtype(np.int32), ())
        facts = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (self._rows, *shape)}
        np.lib.format.write_array_header_1_0(self._stream, facts)


class _SequencesFile:
    """Sequences that are written piece by piece to the files of :meth:`Sequences.save`."""

    def __init__(self, stem: Path, stack: ExitStack) -> None:
        paths = (stem.with_name(f"{stem.name}.{part}.npy") for part in ("ids", "offsets"))
        self.arrays = [_ArrayFile(stack.enter_context(atomic_file(path))) for path in paths]
        self._end = np.zeros(1, np.int64)
        self.arrays[1].append(self._end)

    def append(self, piece: Sequences) -> None:
        self.arrays[0].append(piece.ids)
        self.arrays[1].append(piece.offsets[1:] + self._end)
        self._end = self._end + piece.offsets[-1]


def _flat(tokenizer: Tokenizer, texts: list[str], begin: bool = False) -> Sequences:
    """Encodes texts, each with EOS behind it and, if so asked, BOS before it."""
    ids, lengths = tokenizer.encode_flat(texts, begin)
    return Sequences(ids, ends_of(lengths))


def _longer(lengths: npt.NDArray[np.int64], limit: int | None) -> npt.NDArray[np.bool_]:
    return np.zeros(len(lengths), np.bool_) if limit is None else lengths > limit


def _take(marked: Iterator[bool], count: int) -> npt.NDArray[np.bool_]:
    return np.fromiter(islice(marked, count), np.bool_, count)


def write_encoded(corpus: EncodedCorpus, counts: Mapping[str, Any], folder: Path, name: str) -> None:
    """Writes a corpus and its counts.

    Raises:
        DataError: no pair is left.
    """
    if not len(corpus):
        raise _nothing_left(name, counts)
    corpus.save(folder, name)
    write_json(folder / f"{name}.json", counts)


def _nothing_left(name: str, counts: Mapping[str, Any]) -> DataError:
    return DataError(
        f"{name}: no pair is short enough",
        received=counts,
        expected="at least one pair within dataset.max_source_tokens and dataset.max_target_tokens",
        action="Raise the limits in the recipe",
    )


def _chunks(items: Iterable[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    chunk: list[tuple[str, str]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
