"""Which of any number of digests are repetitions, found on the disk: memory does not grow with their number.

The digests are distributed to files, by some of their bits, so that equal ones come together. One file after the other
is then sorted in memory.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

DIGEST_BYTES = 16
_DIGESTS_PER_FILE = 1 << 20
_MOST_FILES = 512  # open at the same time
_ENTRY = np.dtype([("digest", "<u8", 2), ("place", "<i8")])


def find_repeated(digests: Path, output: Path, digests_per_file: int = _DIGESTS_PER_FILE) -> None:
    """Writes, for each of the N digests in a file, whether an equal one stands before it: bool [N].

    Args:
        digests: the file, 16 bytes a digest.
        output: the file to write. While it is made, 24 bytes per digest are needed beside it.
        digests_per_file: how many are sorted at a time, about, while 512 files are enough: 50 bytes of memory each.
    """
    count = digests.stat().st_size // DIGEST_BYTES
    output.write_bytes(b"")
    if not count:
        return
    repeated = np.memmap(output, np.bool_, "w+", shape=(count,))
    parts = [output.with_name(f"{output.name}-{n}") for n in range(min(_MOST_FILES, -(-count // digests_per_file)))]
    _distribute(digests, parts)
    for part in parts:
        entries = np.fromfile(part, _ENTRY)
        part.unlink()
        repeated[entries["place"][_later_of_equal(entries["digest"])]] = True
    repeated.flush()


def _distribute(digests: Path, parts: list[Path]) -> None:
    """Writes every digest, with its place among all, to one of the files; equal ones to the same, in order."""
    with ExitStack() as stack:
        stream = stack.enter_context(digests.open("rb"))
        outputs = [stack.enter_context(part.open("wb")) for part in parts]
        begin = 0
        while len(block := np.fromfile(stream, "<u8", 2 * _DIGESTS_PER_FILE).reshape(-1, 2)):
            entries = np.empty(len(block), _ENTRY)
            entries["digest"], entries["place"] = block, np.arange(begin, begin + len(block))
            begin += len(block)
            numbers = (block[:, 0] % len(parts)).astype(np.uint16)
            entries = entries[np.argsort(numbers, kind="stable")]
            ends = np.cumsum(np.bincount(numbers, minlength=len(parts)))
            for output, rows in zip(outputs, np.split(entries, ends[:-1]), strict=True):
                rows.tofile(output)


def _later_of_equal(digests: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Returns the rows of ``digests`` [N, 2] that an equal one stands before."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: of equal ones the first stays the first
    ordered = digests[order]
    repeats: npt.NDArray[np.int64] = order[1:][(ordered[1:] == ordered[:-1]).all(axis=1)]
    return repeats
