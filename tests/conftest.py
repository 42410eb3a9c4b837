"""What all tests share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "corpora"


@pytest.fixture
def shared_corpora() -> Path:
    """The folder of real corpora beside the project, where there is one."""
    if not SHARED.is_dir():
        pytest.skip(f"the real corpora are not at {SHARED}")
    return SHARED
