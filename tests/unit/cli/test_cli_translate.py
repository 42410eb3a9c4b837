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


def test_what_is_asked_of_translations_comes_in_files(tiny_bundle, tmp_path):
    (tmp_path / "source").write_text("a small text\nwords\n")
    (tmp_path / "prefix").write_text("a sm\n\n")
    (tmp_path / "require").write_text("few\ttext\n\n")
    (tmp_path / "forbid").write_text("of\nsm\n")
    (tmp_path / "glossary.tsv").write_text("words\tfew\nsmall\tof\n")
    asked = [part for name in ("prefix", "require", "forbid") for part in (f"--{name}", tmp_path / name)]
    options = [*asked, "--glossary", tmp_path / "glossary.tsv", "--beam-size", 8]
    result = run(tiny_bundle, tmp_path / "source", *options)
    first, second = result.stdout.splitlines()
    assert first.startswith("a sm")  # a prefix is not forbidden
    assert "few" in first
    assert "text" in first
    assert " of" not in first  # but it is required: that is counted
    assert "few" in second
    assert result.stderr.splitlines() == ["1 translations lack a phrase or prefix that was asked of them"]
    flagged = run(tiny_bundle, tmp_path / "source", *options, "--flags").stdout.splitlines()
    assert ["request_unmet" in line.split(" ||| ")[1] for line in flagged] == [True, False]
    (tmp_path / "prefix").write_text("a\n")
    assert "1 lines" in run(tiny_bundle, tmp_path / "source", *options, expect=3).stderr
    assert "only decoding" in run(tiny_bundle, tmp_path / "source", "--set", "seed=2", expect=2).stderr


def test_draws_are_repeated_by_their_seed(tiny_bundle, tmp_path):
    (tmp_path / "source").write_text("a small text\nwords\nof a few\nsmall words\n")
    (tmp_path / "reversed").write_text("small words\nof a few\nwords\na small text\n")
    limit = ("--set", "decoding.max_output_tokens=20")
    first, again, other = (
        run(tiny_bundle, tmp_path / name, "--temperature", 1.5, "--seed", seed, *limit).stdout.splitlines()
        for name, seed in (("source", 1), ("reversed", 1), ("source", 2))
    )
    assert again[::-1] == first != other
