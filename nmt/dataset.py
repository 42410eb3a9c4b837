"""From ids on disk to length-bucketed token batches.

The order of an epoch is planned in advance, as a function of (seed, epoch): which pairs form which batch. The plan is a
list of rows, so the position of training is one integer, nothing has to be buffered, and a resumed run continues with
the batch that comes next. tf.data then gathers, pads and prefetches the batches with native operations.

Example, with tokens_per_batch 8 and pairs of target lengths 4, 2, 4, 2, 3::

    sorted by length      2 2 | 3 4 4       a batch's size is rows x longest
    batches               [2 2 . .]  [3 4]  [4]   then shuffled
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.storage import atomic_file
from nmt.vectors import check_features


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
) -> list[npt.NDArray[np.int64]]:
    """Decides which pairs form which batch of an epoch, and in which order the batches come.

    Pairs are shuffled, sorted by length within windows, cut into batches of at most ``tokens_per_batch`` target tokens
    and as many source tokens twice over, padding included, and the batches are shuffled. A pair longer than the limit
    is a batch of its own. Every pair occurs exactly once.

    Args:
        source_lengths, target_lengths: tokens of each pair.
        tokens_per_batch: most tokens of one side of a batch (twice that on the source side).
        seed, epoch: the plan is a function of these.
        window: pairs that are sorted together.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(target_lengths))
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), window):
        chosen = order[start : start + window]
        # A stable sort keeps the shuffled order among pairs of equal lengths, so batches differ from epoch to epoch.
        chosen = chosen[np.lexsort((source_lengths[chosen], target_lengths[chosen]))]
        batches += _cut(chosen, source_lengths, target_lengths, tokens_per_batch)
    return [batches[index] for index in generator.permutation(len(batches))]


def _cut(
    chosen: npt.NDArray[np.int64],
    source_lengths: npt.NDArray[np.int64],
    target_lengths: npt.NDArray[np.int64],
    tokens_per_batch: int,
) -> list[npt.NDArray[np.int64]]:
    batches, begin, longest_source, longest_target = [], 0, 0, 0
    for position, index in enumerate(chosen):
        longest_source = max(longest_source, int(source_lengths[index]))
        longest_target = max(longest_target, int(target_lengths[index]))
        rows = position - begin + 1
        if rows > 1 and max(rows * longest_target, rows * longest_source / 2) > tokens_per_batch:
            batches.append(chosen[begin:position])
            begin = position
            longest_source, longest_target = int(source_lengths[index]), int(target_lengths[index])
    if begin < len(chosen):
        batches.append(chosen[begin:])
    return batches


def batches(corpus: EncodedCorpus, plan: list[npt.NDArray[np.int64]], start: int = 0) -> Iterator[Batch]:
    """Gathers and pads the batches of a plan, from batch ``start`` on, ahead of their use.

    Yields:
        Batches of int32 tensors, padded on the right with PAD; float32 for a source of vectors, padded with zeros.
    """
    import tensorflow as tf

    if start >= len(plan):
        return iter(())

    def ragged(sequences: Sequences) -> Any:
        return tf.RaggedTensor.from_row_splits(
            tf.constant(sequences.ids), tf.constant(sequences.offsets), validate=False
        )

    # The corpus lives on the host: the pipeline runs there, whatever device the model is on.
    with tf.device("CPU"):
        source, target = ragged(corpus.source), ragged(corpus.target)
        links = None if corpus.links is None else ragged(corpus.links)
        rows = tf.ragged.constant([batch.tolist() for batch in plan[start:]], dtype=tf.int64, row_splits_dtype=tf.int64)

        def gather(indices: Any) -> Batch | AlignedBatch:
            targets = tf.gather(target, indices)
            batch = Batch(
                tf.gather(source, indices).to_tensor(), targets[:, :-1].to_tensor(), targets[:, 1:].to_tensor()
            )
            return batch if links is None else AlignedBatch(*batch, tf.gather(links, indices).to_tensor(-1))

        dataset = tf.data.Dataset.from_tensor_slices(rows)
        dataset = dataset.map(gather, num_parallel_calls=2, deterministic=True).prefetch(8)
    return iter(dataset)


def ends_of(lengths: Any) -> npt.NDArray[np.int64]:
    """Returns where the first of some sequences begins, and where each ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
