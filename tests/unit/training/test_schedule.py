"""The learning rate over time."""

import pytest

from nmt.config import TrainingConfig
from nmt.training.schedule import scheduled


@pytest.mark.parametrize(
    ("decay", "expected"),
    [("none", [0.5, 1.0, 1.0, 1.0]), ("linear", [0.5, 1.0, 0.5, 1e-3]), ("cosine", [0.5, 1.0, 0.5, 1e-3])],
)
def test_rises_and_falls(decay, expected):
    config = TrainingConfig(warmup_steps=100, decay=decay)
    assert [scheduled(config, step, 1100) for step in (50, 100, 600, 1100)] == pytest.approx(expected)


def test_steps_beyond_the_last_still_train():
    assert scheduled(TrainingConfig(warmup_steps=0, decay="linear"), 1203, 1200) > 0


def test_a_warm_up_longer_than_the_training():
    assert scheduled(TrainingConfig(warmup_steps=100, decay="cosine"), 40, 50) == pytest.approx(0.4)
