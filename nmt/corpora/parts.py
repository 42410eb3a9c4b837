"""How generated corpora are divided: by a hash of what an example is held out by."""

from __future__ import annotations

import hashlib
from typing import Literal

Part = Literal["train", "valid", "test"]


def part_of_key(key: str, test_percent: int, valid_percent: int) -> Part:
    """Returns the one part in which the examples with a key occur, whatever the seed of the corpus."""
    percent = int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:4], "big") % 100
    if percent < test_percent:
        return "test"
    return "valid" if percent < test_percent + valid_percent else "train"
