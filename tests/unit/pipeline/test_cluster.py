"""What needs no cluster; test_ray.py has the rest."""

import pytest
from click.testing import CliRunner

from nmt.cli import cli
from nmt.errors import DataError, LostWorker, UsageError
from nmt.pipeline.cluster import _explained, _Forwarded, _resources


class OneMachine:
    """Of Ray, what says what a cluster has."""

    def __init__(self, *cpus, gpus=0):
        self._cpus, self._gpus = cpus, gpus

    def nodes(self):
        machines = [{"Alive": True, "Resources": {"CPU": float(count)}} for count in self._cpus]
        return [*machines, {"Alive": False, "Resources": {"CPU": 64.0}}, {"Alive": True, "Resources": {}}]

    def slots(self):
        return {"GPU": self._gpus, "CPU": sum(self._cpus)}


@pytest.mark.parametrize(
    ("cluster", "workers", "expected"),
    [
        (OneMachine(4, 4), None, ({"CPU": 4}, 2)),
        (OneMachine(4, 8), None, ({"CPU": 4}, 2)),
        (OneMachine(4, 4), 4, ({"CPU": 2}, 4)),
        (OneMachine(4, 4), 1, ({"CPU": 4}, 1)),
        (OneMachine(1, 1), 2, ({"CPU": 1}, 2)),
        (OneMachine(16, gpus=3), None, ({"GPU": 1, "CPU": 1}, 3)),
        (OneMachine(16, gpus=3), 2, ({"GPU": 1, "CPU": 1}, 2)),
    ],
)
def test_what_each_worker_gets(cluster, workers, expected, monkeypatch):
    monkeypatch.setattr("nmt.pipeline.cluster.slots", cluster.slots)
    assert _resources(cluster, workers) == expected
    with pytest.raises(UsageError, match="not so many"):
        _resources(cluster, 100)


def test_the_error_of_a_worker_is_told_unless_it_is_that_of_another_one():
    reason = DataError("the data is wrong")
    failed = RuntimeError("workers have failed")
    failed.worker_failures = {0: LostWorker("worker 1 is gone"), 1: reason}
    assert _explained(failed) is reason
    del failed.worker_failures[1]
    assert "worker 1 is gone" in str(_explained(failed))
    assert _explained(failed).exit_code == 4


def test_lines_go_to_the_screen_when_they_are_complete():
    shown = []

    class Screen:
        class add:
            remote = shown.append

    stream = _Forwarded(Screen)
    print("a", "b", file=stream)
    stream.write("c")
    stream.write("d\ne\nf")
    assert shown == [["a b"], ["cd", "e"]]


def test_workers_are_for_a_cluster():
    for options in (["--workers", "2"], ["--engine", "ray", "--jobs", "2"]):
        result = CliRunner().invoke(cli, ["run", "demo", *options])
        assert isinstance(result.exception, UsageError)
