"""A run that is killed goes on where it was, and ends as if nothing had happened."""

import hashlib
import json
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import Command


def contents(command: Command) -> dict[str, str]:
    """The digests of all artifacts, but for what records times: training's history and pictures, and the record."""
    root = command.folder / "work" / "artifacts"
    skipped = ("history.jsonl", "tensorboard", "record", "stage.json")
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part in skipped for part in path.relative_to(root).parts)
    }


def scores(command: Command) -> dict:
    board = json.loads(command("leaderboard", "tiny", "--format", "json").stdout)
    (record,) = [record for record in board["records"] if record.get("origin") != "baseline"]
    return record["scores"] | {"digests": record["hypothesis_digests"]}


def stop_at(command: Command, text: str, number: int, *options: str) -> subprocess.Popen[bytes]:
    """Starts a run and sends it a signal as soon as it shows ``text``."""
    process = subprocess.Popen(
        command.arguments("run", "tiny.yaml", *options),
        cwd=command.folder,
        env=command.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Where the tests themselves run in the background, SIGINT is ignored, and that would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seen = b""
    while text.encode() not in seen:
        line = process.stderr.readline()
        assert line, f"the run ended before it showed {text}: {seen.decode()}"
        seen += line
    process.send_signal(number)
    process.rest = process.stderr.read().decode()
    process.wait(timeout=60)
    return process


def test_killed_in_every_stage_it_ends_alike(finished, project):
    for stage in ("fetch", "clean", "tokenizer", "encode", "translate", "evaluate", "examine", "record"):
        assert stop_at(project, f"[{stage}] ", signal.SIGKILL).returncode == -signal.SIGKILL
        if stage == "encode":
            # Twice in training: at its beginning, and after a checkpoint and a validation.
            assert stop_at(project, "[train] ", signal.SIGKILL).returncode == -signal.SIGKILL
            assert stop_at(project, "validation after epoch 1", signal.SIGKILL).returncode == -signal.SIGKILL
            assert list((project.folder / "work" / "scratch").glob("train-*/checkpoint.npz"))
    project("run", "tiny.yaml")
    assert contents(project) == contents(finished)
    assert scores(project) == scores(finished)
    assert not list((project.folder / "work" / "scratch").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_the_command_that_goes_on(project, number):
    process = stop_at(project, "[train] ", number)
    assert process.returncode == 4, process.rest
    assert "Continue:\n" in process.rest
    assert "run tiny.yaml" in process.rest
    assert "Traceback" not in process.rest


def test_two_runs_at_once_share_the_work(project):
    processes = [
        subprocess.Popen(
            command_line, cwd=project.folder, env=project.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for command_line in [project.arguments("run", "tiny.yaml", "encode")] * 2
    ]
    for process in processes:
        _, text = process.communicate(timeout=120)
        assert process.returncode == 0, text.decode()
    assert len(list((project.folder / "work" / "artifacts" / "encode").iterdir())) == 1


def test_a_file_that_cannot_be_written_is_an_error_without_a_traceback(project):
    Path(project.folder / "work").write_text("a file where the workspace should be")
    result = project("run", "tiny.yaml", expect=1)
    assert b"Traceback" not in result.stderr


def test_a_forced_run_that_is_stopped_goes_on_without_force(project):
    project("run", "tiny.yaml")
    process = stop_at(project, "validation after epoch 1", signal.SIGTERM, "--force", "train")
    assert process.returncode == 4, process.rest
    assert process.rest.rstrip().endswith("run tiny.yaml")
    plan = json.loads(project("plan", "tiny.yaml", "--no-forecast", "--format", "json").stdout)
    states = {row["stage"]: row["state"] for row in plan["stages"]}
    begun = [name for name, state in states.items() if state == "run"]
    assert begun == ["train", "translate", "evaluate", "examine", "record"]
    project("run", "tiny.yaml")
    assert b"Nothing to do" in project("run", "tiny.yaml").stderr
