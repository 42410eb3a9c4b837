"""The weights that are kept of validated steps."""

import numpy as np
import pytest

from nmt.errors import BundleError
from nmt.training.candidates import Candidates


def weights(value):
    return {"layer/kernel": np.full((2, 3), value, np.float32)}


def offered(candidates, scores):
    kept = []
    for step, score in enumerate(scores, start=1):
        kept = candidates.add(kept, step, score, weights(step))
        candidates.prune(kept)
    return kept


def files(folder):
    return sorted(path.name for path in folder.glob("candidate-*.npz"))


def test_the_best_step_is_kept_and_the_earlier_one_wins_a_tie(tmp_path):
    candidates = Candidates(tmp_path, 1, "best")
    kept = offered(candidates, [1.0, 3.0, 3.0, 2.0])
    assert kept == [(2, 3.0)]
    assert files(tmp_path) == ["candidate-2.npz"]
    np.testing.assert_array_equal(candidates.best(kept)["layer/kernel"], weights(2)["layer/kernel"])


def test_the_mean_of_the_best_steps(tmp_path):
    candidates = Candidates(tmp_path, 2, "best")
    kept = offered(candidates, [1.0, 5.0, 2.0, 4.0])
    assert kept == [(2, 5.0), (4, 4.0)]
    mean, steps = candidates.mean(kept)
    assert steps == [2, 4]
    np.testing.assert_array_equal(mean["layer/kernel"], weights(3)["layer/kernel"])


def test_the_mean_of_the_last_steps_does_not_lose_the_best(tmp_path):
    candidates = Candidates(tmp_path, 2, "last")
    kept = offered(candidates, [5.0, 1.0, 2.0, 4.0])
    assert kept[0] == (1, 5.0)
    mean, steps = candidates.mean(kept)
    assert steps == [3, 4]
    np.testing.assert_array_equal(mean["layer/kernel"], weights(3.5)["layer/kernel"])
    assert len(files(tmp_path)) == 3


def test_what_an_older_checkpoint_names_stays(tmp_path):
    candidates = Candidates(tmp_path, 1, "best")
    before = candidates.add([], 1, 1.0, weights(1))
    now = candidates.add(before, 2, 2.0, weights(2))
    candidates.prune(now, before)
    assert files(tmp_path) == ["candidate-1.npz", "candidate-2.npz"]
    candidates.prune(now, now)
    assert files(tmp_path) == ["candidate-2.npz"]


def test_a_damaged_candidate_is_found(tmp_path):
    candidates = Candidates(tmp_path, 1, "best")
    kept = candidates.add([], 1, 1.0, weights(1))
    candidates.check(kept)
    (tmp_path / "candidate-1.npz").write_bytes(b"PK")
    with pytest.raises(BundleError):
        candidates.check(kept)
