"""The verb export, in a process of its own."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("tensorflow_text", reason="TensorFlow Text is not installed")


def export(*arguments):
    return subprocess.run([sys.executable, "-m", "nmt", "export", *map(str, arguments)], capture_output=True, text=True)


def test_settings_of_the_command_line_are_exported(tiny_bundle, tmp_path):
    (tmp_path / "lines").write_text("a few words\nof my own\n")
    settings = ["--set", "beam_size=1", "--set", "sampling.top_k=2", "--sample", tmp_path / "lines"]
    result = export(tiny_bundle, tmp_path / "model", *settings)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "model" / "saved_model.pb").is_file()
    facts = json.loads((tmp_path / "model" / "assets.extra" / "nmt.json").read_text())
    assert facts["decoding"]["sampling"]["top_k"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["no-such-bundle", "model"], 3, "there is no bundle here"),
        (["BUNDLE", "model", "--set", "beam=1"], 2, "beam"),
        (["BUNDLE", "model", "--set", "beam_size=0"], 2, "beam_size"),
        (["BUNDLE", "model", "--sample", "no-such-file"], 3, "no-such-file"),
        (["BUNDLE", "FULL"], 2, "it is there already"),
    ],
)
def test_exit_codes(arguments, code, message, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = export(*[{"BUNDLE": tiny_bundle, "FULL": tiny_bundle}.get(argument, argument) for argument in arguments])
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
