"""Two workers on this machine: they train as one would, and the loss of one is not the end of the training."""

import json
import re
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest
from conftest import Command

SETTINGS = (
    "model.dropout=0",
    "training.max_epochs=12",
    "training.validate_every=1000",
    "training.checkpoint_every=10",
    "training.history_every=1",
    "training.average=0.9",
)
OPTIONS = [part for setting in SETTINGS for part in ("--set", setting)]
STEPS = 60
END_SECONDS = 120.0  # it takes some 10 s on an idle machine


def losses(command: Command, work: str) -> dict[int, float]:
    """The loss of every step that a workspace knows of."""
    found: dict[int, float] = {}
    for path in (command.folder / work).glob("*/train*/**/history.jsonl"):
        for line in path.read_text().split("\n"):
            if '"loss"' in line and line.endswith("}"):
                row = json.loads(line)
                found[row["step"]] = row["loss"]
    return found


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


@contextmanager
def workers(command: Command, work: str):
    """Two workers of one training; those that are left at the end are killed."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        arguments = command.arguments("run", "tiny.yaml", "train", *OPTIONS, "--work", work)
        environment = command.environment | {"TF_CONFIG": json.dumps(task)}
        with open(command.folder / f"worker-{index}.log", "wb") as log:
            processes.append(subprocess.Popen(arguments, cwd=command.folder, env=environment, stderr=log))
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def log_of(command: Command, worker: int) -> str:
    return (command.folder / f"worker-{worker}.log").read_text()


def test_a_worker_is_lost_and_one_goes_on_as_two_would_have(project):
    project("run", "tiny.yaml", "train", *OPTIONS, "--work", "alone")
    alone = losses(project, "alone")
    assert list(alone) == list(range(1, STEPS + 1))

    with workers(project, "work") as (chief, other):
        until = time.monotonic() + 5 * END_SECONDS
        while max(losses(project, "work"), default=0) < 25:
            assert chief.poll() is None, log_of(project, 0)
            assert time.monotonic() < until, log_of(project, 0)
            time.sleep(0.05)
        other.kill()
        assert chief.wait(END_SECONDS) == 4, log_of(project, 0)
    together = losses(project, "work")
    assert max(together) < STEPS, "the loss of the worker was not noticed"
    for step, loss in together.items():
        assert loss == pytest.approx(alone[step], rel=1e-5), step

    message = log_of(project, 0)
    assert re.search(
        r"error: worker 0 \(127.0.0.1:\d+, the chief\): worker 1 \(127.0.0.1:\d+\) does not answer", message
    )
    assert "Traceback" not in message
    command = f"nmt run tiny.yaml train {' '.join(OPTIONS)} --work work"
    assert message.rstrip().rpartition("\n")[2].lstrip().endswith(command)

    # One worker, which has another number of devices.
    project.environment["NMT_DEVICES"] = "2"
    project("run", "tiny.yaml", "train", *OPTIONS, "--work", "work")
    resumed = losses(project, "work")
    assert list(resumed) == list(range(1, STEPS + 1))
    assert list(resumed.values()) == pytest.approx(list(alone.values()), rel=1e-5)
