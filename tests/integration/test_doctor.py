"""The doctor on a tiny run, on broken ones, and on a bundle alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Command

from nmt.pipeline.workspace import Workspace


def diagnosis(command, *arguments, expect) -> dict:
    return json.loads(command("doctor", *arguments, "--format", "json", expect=expect).stdout)


def verdicts(found) -> dict[str, str]:
    return {finding["name"]: finding["verdict"] for finding in found["findings"]}


@pytest.fixture
def copied(finished, tmp_path) -> Command:
    """The tiny run in a folder of its own, to be broken."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Command(tmp_path / "copy")


def artifact(command, stage: str) -> Path:
    run = json.loads((command.folder / "work/runs/tiny/run.json").read_bytes())
    return command.folder / "work/artifacts" / stage / run["stages"][stage]


def test_a_run_is_examined_from_its_loss_to_its_outputs(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    found = diagnosis(finished, "tiny", expect=1)  # two epochs teach it little
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()} == before
    assert found["left_out"] == []
    names = {name.split(",")[0] for name in verdicts(found)}
    assert {"validation loss", "use of the source", "skipped steps", "repetition", "attention entropy"} <= names
    assert {"embeddings that never moved", "unused pieces", "pairs dropped by cleaning"} <= names
    assert verdicts(found)["skipped steps"] == "good"
    assert verdicts(found)["embeddings that never moved, output/source/target"] == "good"
    for finding in found["findings"]:
        assert set(finding) == {"name", "value", "shown", "verdict", "meaning", "action"}
        assert bool(finding["action"]) == (finding["verdict"] != "good")
    (loss,) = (finding["value"] for finding in found["findings"] if finding["name"] == "validation loss")
    rows = [json.loads(line) for line in (artifact(finished, "train") / "history.jsonl").read_text().splitlines()]
    assert loss in [row.get("valid_loss") for row in rows]


def test_equal_hypotheses_are_bad(copied):
    folder = artifact(copied, "translate")
    workspace = Workspace(copied.folder / "work")
    count = (folder / "test.txt").read_text().count("\n")
    (folder / "test.txt").write_text("das das das das\n" * count)
    manifest = workspace.manifest("translate", folder.name)
    workspace.write_manifest(folder, {key: value for key, value in manifest.items() if key != "files"})
    found = verdicts(diagnosis(copied, "tiny", expect=1))
    assert found["identical outputs, test"] == "bad"
    assert found["repetition, test"] == "bad"
    assert found["empty outputs, test"] == "good"


def test_weights_of_zero_are_bad(copied):
    from nmt.bundle import load_bundle, write_bundle
    from nmt.models.weights import load_arrays

    folder = artifact(copied, "train") / "bundle"
    bundle = load_bundle(folder)
    arrays = {name: np.zeros_like(array) for name, array in load_arrays(folder / "weights.npz").items()}
    write_bundle(folder, bundle.recipe, bundle.tokenizers, arrays, bundle.facts)
    found = verdicts(diagnosis(copied, "tiny", expect=1))
    for name in ("weights", "use of the source", "attention entropy", "embeddings near zero, output/source/target"):
        assert found[name] == "bad"


def test_weights_that_are_not_finite_are_not_asked(copied):
    from nmt.bundle import load_bundle, write_bundle
    from nmt.models.weights import load_arrays

    folder = artifact(copied, "train") / "bundle"
    bundle = load_bundle(folder)
    arrays = {name: np.full_like(array, np.nan) for name, array in load_arrays(folder / "weights.npz").items()}
    write_bundle(folder, bundle.recipe, bundle.tokenizers, arrays, bundle.facts)
    found = diagnosis(copied, "tiny", expect=1)
    assert verdicts(found)["weights"] == "bad"
    assert "attention entropy" not in verdicts(found)
    assert any("not finite" in sentence for sentence in found["left_out"])


def test_without_hypotheses_the_validation_set_is_translated(copied):
    (artifact(copied, "translate") / "test.txt").unlink()
    found = diagnosis(copied, "tiny", expect=1)
    assert "repetition, valid" in verdicts(found)
    assert any("test sets" in sentence for sentence in found["left_out"])


def test_the_bundle_of_a_run_is_examined_as_the_run(finished):
    found = diagnosis(finished, "work/runs/tiny/bundle", expect=1)
    assert found["subject"].startswith("run tiny")


def test_a_bundle_alone_says_what_was_left_out(finished, tmp_path):
    shutil.copytree(finished.folder / "work/runs/tiny/bundle", tmp_path / "alone")
    found = diagnosis(finished, tmp_path / "alone", expect=0)
    assert len(found["left_out"]) == 3
    assert set(verdicts(found).values()) <= {"good", "look"}
    assert verdicts(found)["weights"] == "good"


def test_a_run_without_a_model_says_so(project):
    project("run", "tiny.yaml", "tokenizer")
    result = project("doctor", "tiny", expect=3)
    assert b"no trained model" in result.stderr


def test_a_run_of_another_version_says_so(copied):
    path = artifact(copied, "encode") / "stage.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps(manifest | {"version": manifest["version"] - 1}))
    result = copied("doctor", "tiny", expect=3)
    assert b"another version" in result.stderr
    assert b"artifacts of encode" in result.stderr


def test_a_misspelt_run_is_told_the_nearest(finished):
    assert b"Did you mean tiny?" in finished("doctor", "tinny", expect=2).stderr


def test_the_environment(project):
    found = diagnosis(project, expect=0)
    steps = {"LSTM step on CPU:0", "GRU step on CPU:0"}
    assert {"Python", "tensorflow", "memory", "disk", "workspace"} | steps <= set(verdicts(found))
    assert not (project.folder / "work").exists()
