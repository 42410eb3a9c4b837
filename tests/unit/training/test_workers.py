"""What TF_CONFIG says of the machines that train."""

import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from nmt.errors import UsageError
from nmt.training.workers import Workers


def config(index, kind="worker", **cluster):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize("text", [None, "", config(0, worker=["one:1"])])
def test_one_process_trains_alone(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    workers = Workers.of_environment()
    assert (workers.count, workers.is_chief, workers.unreachable()) == (1, True, [])


def test_the_first_worker_is_the_chief(monkeypatch):
    for index in range(3):
        monkeypatch.setenv("TF_CONFIG", config(index, worker=["one:1", "two:2", "three:3"]))
        workers = Workers.of_environment()
        assert (workers.count, workers.index, workers.is_chief) == (3, index, index == 0)
    assert workers.name == "worker 2 (three:3)"
    assert workers.name_of(0) == "worker 0 (one:1, the chief)"


def test_a_chief_of_its_own_comes_before_the_workers(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config(1, worker=["two:2", "three:3"], chief=["one:1"]))
    assert Workers.of_environment() == Workers(("one:1", "two:2", "three:3"), 2)
    monkeypatch.setenv("TF_CONFIG", config(0, "chief", worker=["two:2"], chief=["one:1"]))
    assert Workers.of_environment().is_chief


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        config(2, worker=["one:1", "two:2"]),
        config(0, "ps", worker=["one:1"], ps=["two:2"]),
        config(0, worker=["one:1"], evaluator=["two:2"]),
        config(0, worker=["one:1", "one:1"]),
    ],
)
def test_what_names_no_cluster_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG: it does not say which machines train"):
        Workers.of_environment()


def test_workers_that_do_not_answer_are_found(monkeypatch):
    monkeypatch.setattr("nmt.training.workers._ANSWER_SECONDS", 0.3)
    with ExitStack() as stack:
        there, frozen, gone = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3))
        addresses = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in (there, frozen, gone))
        gone.close()

        def answer() -> None:
            connection, _ = there.accept()
            connection.recv(100)
            connection.sendall(b"settings")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert Workers(("127.0.0.1:1", *addresses), 0).unreachable() == [2, 3]
        thread.join()


@pytest.mark.parametrize(("chief_apart", "expected"), [(False, [0, 2]), (True, [0, 3])])
def test_workers_that_tensorflow_names_are_found(chief_apart, expected):
    workers = Workers(("one:1", "two:2", "three:3", "four:4"), 1, chief_apart)
    first = "chief/replica:0/task:0" if chief_apart else "worker/replica:0/task:0"
    own = 0 if chief_apart else 1
    text = f"no heartbeats: /job:{first} and /job:worker/replica:0/task:2, says /job:worker/replica:0/task:{own}"
    assert workers.named_in(text) == expected
    assert workers.named_in("all is well") == []


def test_workers_meet_when_all_are_there(monkeypatch):
    monkeypatch.setattr("nmt.training.workers._TOLD_SECONDS", 0.0)
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        addresses = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in servers)
    told: list[list[str]] = [[], [], []]
    threads = [
        threading.Thread(target=Workers(addresses, index).meet, args=(told[index].append,), daemon=True)
        for index in range(3)
    ]
    for thread in threads[:2]:
        thread.start()
    until = time.monotonic() + 20
    waits = f"worker 0 ({addresses[0]}, the chief) still waits for worker 2 ({addresses[2]})"
    while waits not in told[0] and time.monotonic() < until:
        time.sleep(0.01)
    assert waits in told[0]
    threads[2].start()
    threads[2].join(20)
    # The last one has found the others. TensorFlow opens its port then, where they find it.
    with socket.create_server(("127.0.0.1", int(addresses[2].rpartition(":")[2]))):
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def test_a_port_that_is_taken_is_the_users_to_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match="its port cannot be opened"):
            Workers((address, "127.0.0.1:1"), 0).meet(print)
    with pytest.raises(UsageError, match="its port cannot be opened"):
        Workers(("one:port", "127.0.0.1:1"), 0).meet(print)
