"""From ids on disk to length-bucketed token batches.

The order of an epoch is planned in advance, as a function of (seed, epoch): which pairs form which batch. So the
position of training is one integer, and a resumed run continues with the batch that comes next. The ids stay on the
disk; a thread gathers and pads a few batches ahead. (A tf.data pipeline of native operations would hold all ids in
memory, and one of ``from_generator`` would call this code for each batch, with a copy more. This one makes hundreds of
times the batches that training takes: ``benchmarks/input_pipeline.py``.)

Example, with tokens_per_batch 8 and pairs of target lengths 4, 2, 4, 2, 3::

    sorted by length      2 2 | 3 4 4       a batch's size is rows x longest
    batches               [2 2 . .]  [3 4]  [4]   then shuffled
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.storage import atomic_file
from nmt.tokenizer import PAD
from nmt.vectors import check_features

Rows = npt.NDArray[np.int64]
"""The numbers of some pairs."""

_AHEAD = 8  # batches that are ready before they are used


class Batch(NamedTuple):
    """``source`` [B, S] ends in EOS; ``target_in`` [B, T] starts with BOS; ``target_out`` [B, T] ends in EOS.

    A source of vectors is float32 [B, S, 1 + F]: each vector stands behind a 1, and padding is all zeros.
    """

    source: Any
    target_in: Any
    target_out: Any


class AlignedBatch(NamedTuple):
    """A batch with ``links`` [B, L] of its pairs, as :mod:`nmt.pair_alignment` writes them; -1 is padding."""

    source: Any
    target_in: Any
    target_out: Any
    links: Any


@dataclass(frozen=True)
class Sequences:
    """Sequences side by side in one array: sequence n is ``ids[offsets[n]:offsets[n + 1]]``.

    Attributes:
        ids: int32 [N], or marked vectors, float32 [N, 1 + F].
        offsets: where each sequence begins, and the last one's end.
    """

    ids: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> npt.NDArray[Any]:
        begin, end = self.offsets[number : number + 2].tolist()
        return self.ids[begin:end]

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self[number] for number in range(len(self)))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The length of each sequence."""
        return np.diff(self.offsets)

    def rows(self) -> list[npt.NDArray[Any]]:
        """Returns the sequences one by one."""
        ids = np.asarray(self.ids)
        return [ids[begin:end] for begin, end in pairwise(self.offsets.tolist())]

    def select(self, numbers: npt.NDArray[np.int64]) -> Sequences:
        """Returns the sequences of these numbers, in their order."""
        begins = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - begins
        offsets = ends_of(lengths)
        # Where each id of the result lies: ids of one sequence lie side by side.
        places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
        return Sequences(self.ids[places], offsets)

    def padded(self, value: int = 0) -> npt.NDArray[Any]:
        """Returns all sequences as one array, [B, S] or [B, S, 1 + F], with ``value`` behind those that are shorter."""
        lengths = self.lengths
        array = np.full((len(self), lengths.max(initial=0), *self.ids.shape[1:]), value, self.ids.dtype)
        array[np.arange(array.shape[1]) < lengths[:, None]] = self.ids
        return array

    def begun_with(self, first: int, marked: npt.NDArray[np.bool_]) -> Sequences:
        """Returns the sequences with the id ``first`` before those that are marked."""
        ids = np.insert(self.ids, self.offsets[:-1][marked], first)
        return Sequences(ids, ends_of(self.lengths + marked))

    @classmethod
    def of(cls, rows: Iterable[Any], dtype: type[np.generic] = np.int32) -> Sequences:
        """Packs lists of ids, or arrays of marked vectors."""
        arrays = [np.asarray(row, dtype) for row in rows]
        offsets = ends_of([len(array) for array in arrays])
        return cls(np.concatenate(arrays) if arrays else np.zeros(0, dtype), offsets)

    @classmethod
    def joined(cls, parts: Sequence[Sequences], dtype: type[np.generic] = np.int32) -> Sequences:
        """Returns all sequences of several, one behind the other."""
        if not parts:
            return cls.of([], dtype)
        return cls(
            np.concatenate([part.ids for part in parts]), ends_of(np.concatenate([part.lengths for part in parts]))
        )

    def save(self, stem: Path) -> None:
        """Writes ``<stem>.ids.npy`` and ``<stem>.offsets.npy``."""
        for part, array in (("ids", self.ids), ("offsets", self.offsets)):
            with atomic_file(stem.with_name(f"{stem.name}.{part}.npy")) as stream:
                np.save(stream, array, allow_pickle=False)

    @classmethod
    def load(cls, stem: Path) -> Sequences:
        """Reads what ``save`` wrote, without loading it into memory."""
        parts = (stem.with_name(f"{stem.name}.{part}.npy") for part in ("ids", "offsets"))
        ids, offsets = (np.load(part, mmap_mode="r", allow_pickle=False) for part in parts)
        return cls(ids, offsets)


@dataclass(frozen=True)
class EncodedCorpus:
    """A parallel corpus as ids. Sources end in EOS, or are vectors; targets stand between BOS and EOS.

    Attributes:
        source, target: the ids of both sides.
        lines: the line of the text, from 0, that each pair comes from, ascending; pairs that are too long are left out.
        links: which tokens of each pair are to be attended to, where training is told so; not saved.
    """

    source: Sequences
    target: Sequences
    lines: npt.NDArray[np.int64]
    links: Sequences | None = None

    def __len__(self) -> int:
        return len(self.source)

    def check_features(self, features: int | None, problem: str) -> None:
        """Raises DataError unless the sources are vectors of so many features; None for sources of ids."""
        if self.source.ids.ndim == 2:
            check_features(self.source.ids.shape[1] - 1, features, problem)

    def save(self, folder: Path, name: str) -> None:
        """Writes the corpus under ``name`` in ``folder``."""
        self.source.save(folder / f"{name}.source")
        self.target.save(folder / f"{name}.target")
        with atomic_file(folder / f"{name}.lines.npy") as stream:
            np.save(stream, self.lines, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, name: str) -> EncodedCorpus:
        """Reads what ``save`` wrote."""
        lines = np.load(folder / f"{name}.lines.npy", mmap_mode="r", allow_pickle=False)
        return cls(Sequences.load(folder / f"{name}.source"), Sequences.load(folder / f"{name}.target"), lines)

    def count_parts(self, lines: Sequence[int]) -> list[int]:
        """Returns the number of pairs of each part of the text, given the number of lines of each part, in order."""
        pairs: list[int] = np.diff(np.searchsorted(self.lines, np.cumsum(lines)), prepend=0).tolist()
        return pairs


def plan_epoch(
    source_lengths: npt.NDArray[np.int64],
    target_lengths: npt.NDArray[np.int64],
    tokens_per_batch: int,
    seed: int,
    epoch: int,
    window: int = 200_000,
) -> Sequences:
    """Decides which pairs form which batch of an epoch, and in which order the batches come.

    Pairs are shuffled, sorted by length within windows, cut into batches of at most ``tokens_per_batch`` target tokens
    and as many source tokens twice over, padding included, and the batches are shuffled. A pair longer than the limit
    is a batch of its own. Every pair occurs exactly once. The plan needs 8 bytes per pair and 8 per batch, and to make
    it 24 bytes per pair more for a while.

    Args:
        source_lengths, target_lengths: tokens of each pair.
        tokens_per_batch: most tokens of one side of a batch (twice that on the source side).
        seed, epoch: the plan is a function of these.
        window: pairs that are sorted together.

    Returns:
        The pairs of each batch.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(target_lengths))
    ends = [0]
    for start in range(0, len(order), window):
        chosen = order[start : start + window]
        # A stable sort keeps the shuffled order among pairs of equal lengths, so batches differ from epoch to epoch.
        chosen = chosen[np.lexsort((source_lengths[chosen], target_lengths[chosen]))]
        order[start : start + window] = chosen
        ends += (start + end for end in _cut(source_lengths[chosen], target_lengths[chosen], tokens_per_batch))
    return Sequences(order, np.array(ends, np.int64)).select(generator.permutation(len(ends) - 1))


def _cut(
    source_lengths: npt.NDArray[np.int64], target_lengths: npt.NDArray[np.int64], tokens_per_batch: int
) -> Iterator[int]:
    """Yields where each batch of pairs ends that are sorted by the lengths of their targets."""
    begin = 0
    while begin < len(target_lengths):
        # No more pairs fit than would if all targets were as short as the first; one more shows where they do not.
        most = tokens_per_batch // max(int(target_lengths[begin]), 1) + 2
        targets, sources = target_lengths[begin : begin + most], source_lengths[begin : begin + most]
        rows = np.arange(1, len(targets) + 1)
        tokens = np.maximum(rows * targets, rows * np.maximum.accumulate(sources) / 2)
        too_many = np.flatnonzero(tokens[1:] > tokens_per_batch)
        begin += int(too_many[0]) + 1 if len(too_many) else len(targets)
        yield begin


def batches(corpus: EncodedCorpus, plan: Sequences | Sequence[Rows], start: int = 0) -> Iterator[Batch]:
    """Gathers and pads the batches of a plan, from batch ``start`` on, ahead of their use.

    Of a corpus on the disk no more is read, and held, than the batches that are about to be used.

    Yields:
        Batches, or aligned ones where there are links, of int32 tensors that are padded on the right with PAD; float32,
        padded with zeros, for a source of vectors.
    """
    with ThreadPoolExecutor(1) as thread:
        ahead = deque[Future[Batch]]()
        for number in range(start, len(plan)):
            ahead.append(thread.submit(_gather, corpus, plan[number]))
            if len(ahead) > _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _gather(corpus: EncodedCorpus, rows: Rows) -> Any:
    import tensorflow as tf

    targets = corpus.target.select(rows)
    target = targets.padded()  # [B, 1 + T]
    arrays = [corpus.source.select(rows).padded(), target[:, :-1].copy(), target[:, 1:]]
    lengths = targets.lengths - 1
    shorter = np.flatnonzero(lengths < arrays[1].shape[1])
    arrays[1][shorter, lengths[shorter]] = PAD  # EOS is not read
    with tf.device("CPU"):  # whatever device the model is on
        batch = Batch(*map(tf.constant, arrays))
        return (
            batch if corpus.links is None else AlignedBatch(*batch, tf.constant(corpus.links.select(rows).padded(-1)))
        )


def ends_of(lengths: Any) -> npt.NDArray[np.int64]:
    """Returns where the first of some sequences begins, and where each ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
