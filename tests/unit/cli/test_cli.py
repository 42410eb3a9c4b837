"""The command line: how fast it answers, and the exit codes of what it cannot do."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from nmt.cli import cli

HEAVY = {"tensorflow", "keras", "numpy", "pydantic", "sklearn", "scipy", "matplotlib", "jinja2", "sentencepiece"}


def nmt(*arguments):
    return subprocess.run([sys.executable, "-m", "nmt", *map(str, arguments)], capture_output=True, text=True)


def test_parsing_imports_nothing_heavy():
    shown = subprocess.run(
        [sys.executable, "-c", "import nmt.cli, sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert not HEAVY & {name.partition(".")[0] for name in shown.stdout.split()}


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_every_verb_explains_itself(verb):
    assert verb in CliRunner().invoke(cli, ["--help"]).output
    result = CliRunner().invoke(cli, [verb, "--help"])
    assert result.exit_code == 0
    assert cli.commands[verb].get_short_help_str()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["translat"], 2),
        (["plan", "no-such-recipe"], 2),
        (["corpora", "show", "no-such-corpus"], 2),
        (["translate", "no-such-bundle"], 3),
        (["doctor", "no-such-run"], 2),
        (["score", "no-such-file", "no-such-file"], 3),
    ],
)
def test_exit_codes(arguments, code):
    result = nmt(*arguments)
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
