"""How the doctor's findings are shown, and its exit code."""

import json
import re
import sys

import pytest

from nmt.cli import cli
from nmt.evaluation.findings import Finding
from nmt.pipeline import doctor

LONG = "A sentence that is so long that it does not stand on one line of a terminal of eighty columns, as this one."
GOOD = Finding("memory", 9.0, "9.0 GB", "good", "It is enough.")
LOOK = Finding("disk", 1.0, "1.0 GB", "look", LONG, "Make room.")
BAD = Finding("keras", None, "1.0", "bad", "It is too old.", "Install it again.")


def run(monkeypatch, capsys, findings, *arguments, terminal=False):
    diagnosis = doctor.Diagnosis("this machine", list(findings), ["Attention: the model has none."])
    monkeypatch.setattr(doctor, "examine", lambda workspace: diagnosis)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        cli.main(["doctor", *arguments], standalone_mode=False)
    return stop.value.code, capsys.readouterr().out


def test_plain_lines_have_one_finding_each(monkeypatch, capsys):
    code, shown = run(monkeypatch, capsys, [GOOD, LOOK, BAD])
    assert code == 1
    assert shown.splitlines() == [
        "good  memory: 9.0 GB. It is enough.",
        f"look  disk: 1.0 GB. {LONG} Make room.",
        "bad   keras: 1.0. It is too old. Install it again.",
        "left out  Attention: the model has none.",
        "1 good, 1 to look at, 1 bad.",
    ]


def test_what_is_worth_a_look_is_no_failure(monkeypatch, capsys):
    assert run(monkeypatch, capsys, [GOOD, LOOK])[0] == 0


def test_a_terminal_breaks_between_words(monkeypatch, capsys):
    _, shown = run(monkeypatch, capsys, [GOOD, LOOK, BAD], terminal=True)
    lines = re.sub("\x1b\\[[0-9;]*m", "", shown).splitlines()
    assert lines[0] == "this machine"
    assert max(map(len, lines)) <= 80
    words = {word for line in lines for word in line.split()}
    assert set(LONG.split()) <= words


def test_json_has_everything(monkeypatch, capsys):
    code, shown = run(monkeypatch, capsys, [BAD], "--format", "json")
    assert code == 1
    assert json.loads(shown) == {
        "subject": "this machine",
        "findings": [BAD.to_json()],
        "left_out": ["Attention: the model has none."],
    }
