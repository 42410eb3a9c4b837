"""Tuning by the command line: the run's own pairs or files, and a bundle that keeps the winner."""

import json
import shutil

import pytest
from conftest import Command

from nmt.bundle import load_bundle

OVER = ("--over", "beam_size=1,3")


@pytest.fixture(scope="module")
def tuned(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    shutil.copytree(finished.folder, folder, dirs_exist_ok=True)
    return Command(folder)


def test_the_winner_is_written_and_used(tuned):
    folder = tuned.folder / "work" / "runs" / "tiny" / "bundle"
    before = load_bundle(folder)
    rows = json.loads(tuned("tune", "tiny", *OVER, "--metric", "chrf", "--format", "json", "--no-write").stdout)
    assert [row["decoding"]["beam_size"] for row in rows] == [2, 1, 3]
    assert load_bundle(folder).digest == before.digest
    best = max(rows, key=lambda row: row["score"]["value"])
    assert best["best"]
    message = tuned("tune", folder, *OVER, "--metric", "chrf").stderr.decode()
    after = load_bundle(folder)
    assert after.recipe.decoding.beam_size == best["decoding"]["beam_size"]
    if best["current"]:
        assert "has the best" in message
    else:
        assert f"Written to {folder}" in message
        assert after.facts["tuning"]["score"] == best["score"]


def test_files_and_what_cannot_be_tuned(tuned, tmp_path):
    bundle = tmp_path / "bundle"
    (artifact,) = (tuned.folder / "work" / "artifacts" / "train").glob("*/bundle")
    shutil.copytree(artifact, bundle)
    assert "a part of an artifact" in tuned("tune", artifact, *OVER, expect=2).stderr.decode()
    assert "there are no validation pairs" in tuned("tune", bundle, *OVER, expect=3).stderr.decode()
    files = tuned.folder / "valid.en", tuned.folder / "valid.de"
    rows = json.loads(tuned("tune", bundle, *files, "--over", "beam_size=2", "--format", "json").stdout)
    assert [(row["current"], row["best"]) for row in rows] == [(True, True)]
    assert rows[0]["score"]["name"] == "bleu"
