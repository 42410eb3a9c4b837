"""Back-translation and distillation by the command line: what is made, and that interruption does not change it."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import NOUNS, RECIPE, WORDS, Command, write_corpus

SHARD = 2_000  # lines that are translated together
TEXT = [f"{noun} {a} {b}" for noun in NOUNS.values() for a in WORDS.values() for b in WORDS.values()]
SYNTHETIC = """\
synthetic:
  - method: back_translation
    text: [{file: mono.de}]
  - method: distillation
    teacher: big.yaml
    beam_size: 2
"""


def write_project(folder: Path, lines: int) -> Command:
    write_corpus(folder)
    (folder / "mono.de").write_text("\n\n".join((TEXT * (lines // len(TEXT) + 1))[:lines]) + "\n")
    once = RECIPE.replace("max_epochs: 2", "max_epochs: 1").replace("vocab_size: 29", "vocab_size: 30")
    (folder / "tiny.yaml").write_text(once + SYNTHETIC)
    (folder / "big.yaml").write_text(once.replace("name: tiny", "name: big"))
    return Command(folder)


@pytest.fixture(scope="module")
def taught(tmp_path_factory) -> Command:
    """A project whose recipe with two teachers was run once; tests must leave it as it is."""
    command = write_project(tmp_path_factory.mktemp("taught"), 2 * SHARD + 10)
    command("run", "tiny.yaml")
    return command


def plan_of(command: Command) -> dict[str, dict]:
    plan = json.loads(command("plan", "tiny.yaml", "--format", "json").stdout)
    return {row["stage"]: row for row in plan["stages"]}


def artifact(command: Command, stage: str) -> Path:
    return command.folder / plan_of(command)[stage]["artifact"]


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def test_teachers_are_trained_and_write_pairs(taught):
    plan = plan_of(taught)
    assert {row["state"] for row in plan.values()} == {"done"}
    assert {"turned/train", "big/train", "synthesize"} <= plan.keys()
    assert not {"turned/translate", "big/evaluate"} & plan.keys()
    folder = artifact(taught, "synthesize")
    text = [line for line in lines_of(taught.folder / "mono.de") if line]
    assert lines_of(folder / "back_translation.target.txt") == text
    assert len(lines_of(folder / "back_translation.source.txt")) == len(text) == 2 * SHARD + 10
    assert lines_of(folder / "distillation.source.txt") == lines_of(taught.folder / "train.en")


def test_a_teacher_translates_as_its_bundle_does(taught):
    bundle = artifact(taught, "turned/train") / "bundle"
    text = lines_of(artifact(taught, "synthesize") / "back_translation.target.txt")
    source = taught.folder / "some.de"
    source.write_text("".join(f"{line}\n" for line in text[-10:]))  # the last shard
    answer = taught("translate", bundle, source, "--beam-size", 1).stdout.decode().split("\n")[:-1]
    source.unlink()
    assert answer == lines_of(artifact(taught, "synthesize") / "back_translation.source.txt")[-10:]


def test_the_parts_are_cleaned_and_the_marker_stands_before_back_translations_alone(taught):
    parts = json.loads((artifact(taught, "clean") / "report.json").read_bytes())["parts"]
    assert [part["name"] for part in parts] == ["train", "back_translation", "distillation"]
    assert parts[0]["kept"] == 140
    assert 0 < parts[1]["kept"] < parts[1]["read"]  # the text is repeated
    encoded = artifact(taught, "encode")
    counts = json.loads((encoded / "train.json").read_bytes())["parts"]
    ids, offsets = (np.load(encoded / f"train.source.{part}.npy") for part in ("ids", "offsets"))
    first = ids[offsets[:-1]]
    marked = np.repeat([False, True, False], counts)
    marker = 4  # behind PAD, UNK, BOS and EOS
    assert ((first == marker) == marked).all()
    assert (ids == marker).sum() == counts[1]


def test_status_and_report_know_of_the_stage(taught):
    (row,) = json.loads(taught("status", "--format", "json").stdout)
    assert (row["recipe"], row["state"]) == ("tiny", "finished")
    assert "synthesize" in {stage["stage"] for stage in row["stages"]}
    report = (taught.folder / "work" / "runs" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert "back_translation" in report


def test_a_second_run_does_nothing(taught):
    assert b"Nothing to do" in taught("run", "tiny.yaml").stderr


def test_killed_between_shards_it_writes_the_same_pairs_and_trains_the_same_model(taught, tmp_path):
    shutil.copytree(taught.folder, tmp_path, dirs_exist_ok=True)
    again = Command(tmp_path)
    expected = {stage: Path(row["artifact"]) for stage, row in plan_of(taught).items()}
    for stage in ("synthesize", "clean", "tokenizer", "encode", "train"):
        shutil.rmtree(tmp_path / expected[stage])
    process = subprocess.Popen(
        again.arguments("run", "tiny.yaml", "train"), cwd=tmp_path, env=again.environment, stderr=subprocess.DEVNULL
    )
    scratch = tmp_path / "work" / "scratch"
    while not list(scratch.glob("synthesize-*/back_translation/journal.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert not list(scratch.glob("synthesize-*/distillation"))
    assert b"going on at line" in again("run", "tiny.yaml", "train").stderr
    for stage in ("synthesize", "encode", "train"):
        for path in sorted((taught.folder / expected[stage]).rglob("*")):
            if path.is_file() and path.suffix in (".txt", ".npy", ".npz"):
                other = tmp_path / path.relative_to(taught.folder)
                assert other.read_bytes() == path.read_bytes(), other


def test_a_bundle_teaches_and_one_of_the_wrong_direction_is_refused(taught, tmp_path):
    command = write_project(tmp_path, 5)
    shutil.copytree(artifact(taught, "big/train") / "bundle", tmp_path / "bundle")
    recipe = (tmp_path / "big.yaml").read_text()
    (tmp_path / "tiny.yaml").write_text(recipe + "synthetic: [{method: distillation, teacher: [bundle, bundle]}]\n")
    folder = tmp_path / command("run", "tiny.yaml", "synthesize").stdout.decode().strip()
    assert [path.name for path in sorted((tmp_path / "work" / "artifacts").iterdir())] == ["fetch", "synthesize"]
    assert len(lines_of(folder / "distillation.target.txt")) == 140
    wrong = "synthetic: [{method: back_translation, text: [{file: mono.de}], teacher: bundle}]\n"
    (tmp_path / "tiny.yaml").write_text(recipe + wrong)
    message = command("run", "tiny.yaml", expect=2).stderr.decode()
    assert "the teacher bundle translates in another direction" in message
