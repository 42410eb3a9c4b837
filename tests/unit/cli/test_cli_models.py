"""The verbs of a bundle, in a process of their own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def nmt(*arguments, stdin=""):
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True)


def test_embed_reads_standard_input(tiny_bundle, tmp_path):
    result = nmt("embed", tiny_bundle, "-o", tmp_path / "vectors.npy", stdin="a few\n\nwords\n")
    assert result.returncode == 0, result.stderr
    assert np.load(tmp_path / "vectors.npy").shape == (3, 6)


def test_visualize_draws_what_comes_in(tiny_bundle, tmp_path):
    result = nmt("visualize", "phrases", tiny_bundle, "-", "-o", tmp_path / "x", stdin="a few\n\nwords\nof\ntext\n")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(tmp_path / "x" / name) for name in ("phrases.png", "phrases.html")]
    assert "4 phrases" in (tmp_path / "x" / "phrases.html").read_text(encoding="utf-8")


def test_too_few_lines_are_said_before_anything_is_written(tiny_bundle, tmp_path):
    result = nmt("visualize", "phrases", tiny_bundle, "-", "-o", tmp_path / "x", stdin="a\n \nb\n")
    assert result.returncode == 3
    assert "too few phrases" in result.stderr
    assert "2 lines" in result.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["embed", "no-such-bundle", "-o", "x.npy"], 3),
        (["embed", "BUNDLE", "no-such-file", "-o", "x.npy"], 3),
        (["embed", "BUNDLE"], 2),
        (["embed", "BUNDLE", "-o", "x.npy", "--pooling", "max"], 2),
        (["visualize", "phrases", "no-such-bundle", "-", "-o", "x"], 3),
        (["visualize", "phrases", "BUNDLE", "no-such-file", "-o", "x"], 3),
        (["visualize", "phrases", "BUNDLE", "-", "-o", "x"], 3),
        (["visualize", "phrases", "BUNDLE", "-"], 2),
        (["visualize", "nothing"], 2),
    ],
)
def test_exit_codes(arguments, code, tiny_bundle):
    result = nmt(*[tiny_bundle if argument == "BUNDLE" else argument for argument in arguments])
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert not Path("x").exists()
