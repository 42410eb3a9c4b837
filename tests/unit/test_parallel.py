"""Work in several processes: order, errors, and the end of processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from nmt.errors import DataError, NmtError, UsageError
from nmt.parallel import FEW_PIECES, Workers, usable_processes


def in_order(work, pieces, processes=2):
    with Workers(work, processes) as workers:
        yield from workers.in_order(pieces)


@pytest.mark.parametrize("pieces", [0, FEW_PIECES - 1, FEW_PIECES, 50])
def test_results_come_in_order(pieces):
    assert list(in_order(abs, range(-pieces, 0))) == list(range(pieces, 0, -1))


def test_pieces_are_read_as_they_are_needed_and_the_rest_is_left():
    read = []
    results = in_order(abs, (read.append(number) or number for number in range(1000)))
    assert [next(results) for _ in range(20)] == list(range(20))
    assert len(read) <= 20 + 2 * 2
    results.close()
    assert list(in_order(abs, [])) == []


def fail(number):
    if number == 30:
        raise DataError("line 30: not a number", received=number, expected="another", action="Repair it")
    return number


def test_an_error_of_another_process_is_the_error():
    with pytest.raises(DataError) as caught:
        list(in_order(fail, range(100)))
    assert (caught.value.received, caught.value.action) == (30, "Repair it")
    assert str(caught.value) == "line 30: not a number. Received: 30. Expected: another. Repair it."


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do():
    with pytest.raises(NmtError, match=r"memory ran out.*--jobs 1"):
        list(in_order(os._exit, range(1, 100)))


SLEEPER = """
import time
from nmt.parallel import Workers

if __name__ == "__main__":
    with Workers(time.sleep, 2) as workers:
        for result in workers.in_order([0.0] * 8 + [1.0] * 8):
            print(result, flush=True)
"""


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are counted in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(tmp_path, number):
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "sleeper.py"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A process that was started in the background of a shell ignores it, and so would this one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(6):
        process.stdout.readline()
    assert len(alive(process.pid)) >= 3
    os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
    _, said = process.communicate(timeout=20)
    until = time.monotonic() + 20
    while alive(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(process.pid) == []
    assert said.count(b"Traceback") == (number == signal.SIGINT), said.decode()  # the processes beside say nothing


def alive(session):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stream:
                    fields = stream.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(name))
    return found


def test_the_number_of_processes(monkeypatch):
    monkeypatch.delenv("NMT_JOBS", raising=False)
    assert 1 <= usable_processes() <= (os.cpu_count() or 1)
    assert usable_processes(3) == 3
    monkeypatch.setenv("NMT_JOBS", "5")
    assert (usable_processes(), usable_processes(2)) == (5, 2)
    monkeypatch.setenv("NMT_JOBS", "none")
    with pytest.raises(UsageError, match="NMT_JOBS"):
        usable_processes()
