"""Which pairs are shown with their attention."""

import numpy as np

from nmt.pipeline.examine import readable_pairs


def test_readable_pairs_are_spread_evenly():
    lengths = np.full(100, 8)
    assert readable_pairs(lengths, lengths).tolist() == [0, 20, 40, 59, 79, 99]
    lengths[50:] = 99
    assert readable_pairs(lengths, np.full(100, 8)).max() == 49
    assert readable_pairs(np.full(100, 8), np.arange(100)).min() == 4


def test_without_a_readable_pair_it_is_the_shortest():
    assert readable_pairs(np.array([90, 30, 80]), np.array([1, 40, 99])).tolist() == [1]
    assert readable_pairs(np.array([], int), np.array([], int)).tolist() == []
