"""The verb translate in a process of its own: a dialogue through a pipe, and files that are interrupted."""

import signal
import subprocess
import sys
import time

GREEDY = ("--beam-size", "1")


def command(*arguments):
    return [sys.executable, "-m", "nmt", "translate", *map(str, arguments)]


def run(*arguments, expect=0):
    result = subprocess.run(command(*arguments), capture_output=True, text=True)
    assert result.returncode == expect, result.stderr
    return result


def test_a_line_that_comes_alone_is_answered_alone(tiny_bundle):
    with subprocess.Popen(command(tiny_bundle, *GREEDY), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        answers = []
        for line in (b"a few\n", b"\n", b"words\n"):
            process.stdin.write(line)
            process.stdin.flush()
            answers.append(process.stdout.readline())  # waits for ever unless the line is answered
        process.stdin.write(b"a few\nwords")
        process.stdin.close()
        assert process.stdout.readlines() == [answers[0], answers[2]]
        assert answers[1] == b"\n"


def test_a_file_that_is_interrupted_is_continued(tiny_bundle, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("".join(f"a {'few ' * (line % 3)}\n" for line in range(4_100)))
    process = subprocess.Popen(
        command(tiny_bundle, source, "-o", target, *GREEDY), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not (tmp_path / ".target.partial" / "journal.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "Continue:\n" in message.decode()
    assert message.decode().endswith(" --resume\n")
    assert not target.exists()
    other = run(tiny_bundle, source, "-o", target, "--beam-size", 2, "--resume", expect=2).stderr
    assert "was translated with other models or options" in other
    assert "going on at line 2,001\n" in run(tiny_bundle, source, "-o", target, *GREEDY, "--resume").stderr
    run(tiny_bundle, source, "-o", tmp_path / "undisturbed", *GREEDY)
    assert target.read_bytes() == (tmp_path / "undisturbed").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target", "undisturbed"]
