"""Repeated digests, found on the disk."""

from pathlib import Path

import numpy as np
import pytest

from nmt.cleaning.duplicates import find_repeated


@pytest.mark.parametrize("digests_per_file", [7, 1000])
def test_all_but_the_first_of_equal_digests_are_repeated(tmp_path: Path, digests_per_file: int) -> None:
    generator = np.random.default_rng(1)
    digests = generator.integers(0, 5, (500, 2)).astype("<u8")  # of 25 kinds, some equal in one half alone
    digests.tofile(tmp_path / "digests")
    seen: set[bytes] = set()
    expected = []
    for digest in map(bytes, digests):
        expected.append(digest in seen)
        seen.add(digest)
    find_repeated(tmp_path / "digests", tmp_path / "repeated", digests_per_file)
    assert np.fromfile(tmp_path / "repeated", np.bool_).tolist() == expected
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_has_no_repetitions(tmp_path: Path) -> None:
    (tmp_path / "digests").write_bytes(b"")
    find_repeated(tmp_path / "digests", tmp_path / "repeated")
    assert (tmp_path / "repeated").read_bytes() == b""
