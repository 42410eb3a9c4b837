"""The tiny training step."""

import numpy as np

from nmt.training import device_check


def test_the_cpu_computes_what_the_plain_loop_computes():
    steps = device_check.check_devices()
    assert [(step.device, step.cell) for step in steps] == [("CPU:0", "lstm"), ("CPU:0", "gru")]
    for step in steps:
        assert step.finite
        assert step.difference < 1e-5
        assert step.milliseconds > 0


def test_a_fault_is_seen():
    reference = [np.array([1.0, 2.0])]
    assert device_check._difference([np.array([1.0, 2.2])], reference) > 0.09
    assert not device_check._finite([np.array([1.0]), np.array([np.inf])])
