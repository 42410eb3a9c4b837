"""The verbs of a bundle, in a process of their own."""

import subprocess
import sys

import numpy as np
import pytest


def nmt(*arguments, stdin=""):
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True)


def test_embed_reads_standard_input(tiny_bundle, tmp_path):
    result = nmt("embed", tiny_bundle, "-o", tmp_path / "vectors.npy", stdin="a few\n\nwords\n")
    assert result.returncode == 0, result.stderr
    assert np.load(tmp_path / "vectors.npy").shape == (3, 6)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["embed", "no-such-bundle", "-o", "x.npy"], 3),
        (["embed", "BUNDLE", "no-such-file", "-o", "x.npy"], 3),
        (["embed", "BUNDLE"], 2),
        (["embed", "BUNDLE", "-o", "x.npy", "--pooling", "max"], 2),
    ],
)
def test_exit_codes(arguments, code, tiny_bundle):
    result = nmt(*[tiny_bundle if argument == "BUNDLE" else argument for argument in arguments])
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
