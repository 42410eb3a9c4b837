"""Sequences of vectors as sources: features of images or recordings that were computed beforehand.

A user's ``.npz`` file has one array per example. The pipeline keeps them packed, beside lines that stand for them, such
as ``[12 vectors 9f86d081884c7d65]``. A line names the content, so whatever the text stages do to pairs, a line that is
left finds its vectors again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt.errors import DataError
from nmt.storage import atomic_file

Floats = npt.NDArray[np.float32]
_EXPECTED = "an .npz file with one array of floats per example, [steps, features] or [features]"
_DIGEST_CHARACTERS = 16


@dataclass(frozen=True)
class Vectors:
    """Sequences of vectors side by side: sequence n is ``values[offsets[n]:offsets[n + 1]]``.

    Attributes:
        values: the vectors, [N, F].
        offsets: where each sequence begins, and the last one's end.
    """

    values: Floats
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def features(self) -> int:
        """The length of a vector, F."""
        return int(self.values.shape[1])

    @classmethod
    def of(cls, sequences: Sequence[Floats]) -> Vectors:
        """Packs sequences [S, F], at least one."""
        return cls(np.concatenate(sequences), np.cumsum([0, *map(len, sequences)], dtype=np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Vectors]) -> Vectors:
        """Puts the sequences of several files one after the other.

        Raises:
            DataError: they have vectors of different lengths.
        """
        for part in parts:
            check_features(part.features, parts[0].features, "the files of one set differ")
        return cls.of([sequence for part in parts for sequence in part._sequences])

    def select(self, numbers: Iterable[int]) -> Vectors:
        """Returns the sequences of these numbers, at least one."""
        sequences = self._sequences
        return Vectors.of([sequences[number] for number in numbers])

    @cached_property
    def lines(self) -> list[str]:
        """A line of text for each sequence, which names its content."""
        return [_line(sequence) for sequence in self._sequences]

    def marked(self, lines: Iterable[str] | None = None) -> list[Floats]:
        """Returns sequences as a model takes them, [S, 1 + F]: each vector behind a 1, which padding has not.

        Args:
            lines: the lines of the wanted sequences; all sequences when absent.
        """
        chosen = self._sequences if lines is None else [self._by_line[line] for line in lines]
        return [np.pad(sequence, ((0, 0), (1, 0)), constant_values=1.0) for sequence in chosen]

    def save(self, path: Path) -> None:
        """Writes one file that ``load`` reads."""
        with atomic_file(path) as stream:
            np.savez(stream, values=self.values, offsets=self.offsets)

    @classmethod
    def load(cls, path: Path) -> Vectors:
        """Reads what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as archive:
            return cls(archive["values"], archive["offsets"])

    @property
    def _sequences(self) -> list[Floats]:
        return [self.values[a:b] for a, b in pairwise(self.offsets)]

    @cached_property
    def _by_line(self) -> dict[str, Floats]:
        return dict(zip(self.lines, self._sequences, strict=True))


def read_vectors(path: Path) -> Vectors:
    """Reads a user's ``.npz`` file, its arrays in the order of the archive. Nothing in it is executed.

    Raises:
        DataError: it cannot be read, has no array, or has one that is no sequence of finite vectors of equal length.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        names = archive.files
    except Exception as error:  # numpy raises whatever it meets first
        action = "Write it with numpy.savez" if path.exists() else "Check the path"
        raise DataError(f"{path}: cannot be read as vectors ({error})", expected=_EXPECTED, action=action) from error
    with archive:
        sequences = [_sequence(archive, name, f"{path}, array {name}") for name in names]
    if not sequences:
        raise DataError(f"{path}: there is no array", expected=_EXPECTED, action="Check the file")
    for name, sequence in zip(names, sequences, strict=True):
        check_features(sequence.shape[1], sequences[0].shape[1], f"{path}, array {name}: not as the first array")
    return Vectors.of(sequences)


def check_features(received: int, expected: int | None, problem: str) -> None:
    """Says that vectors have the wrong length; None expects nothing.

    Raises:
        DataError: ``received`` is not ``expected``.
    """
    if expected not in (received, None):
        raise DataError(
            problem,
            received=f"vectors of {received} features",
            expected=f"vectors of {expected} features",
            action="Compute all features alike, and give their number as model.encoder.features",
        )


def _sequence(archive: Any, name: str, where: str) -> Floats:
    """Returns an array of an archive as a sequence [S, F]."""
    try:
        array = archive[name]
    except Exception as error:
        raise DataError(f"{where}: cannot be read ({error})", expected=_EXPECTED, action="Write it again") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.ndim not in (1, 2) or not array.size:
        kind = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else "bytes"
        expected = "floats of shape [steps, features] or [features], none of them 0"
        raise DataError(f"{where}: not a sequence of vectors", received=kind, expected=expected, action="Convert it")
    with np.errstate(over="ignore"):
        values: Floats = np.atleast_2d(array).astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(
            f"{where}: not finite",
            received=f"{int((~np.isfinite(values)).sum())} values that are infinite, too large or not a number",
            expected="finite 32-bit floats",
            action="Compute these features again, or leave the example out",
        )
    return values


def _line(sequence: Floats) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(sequence, "<f4").tobytes()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"[{len(sequence)} {'vector' if len(sequence) == 1 else 'vectors'} {digest}]"
