"""A model of words writes names that its vocabulary lacks, from the recipe to the lines that come out."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """\
name: names
task: summarization
corpora:
  source: document
  target: summary
  train: [{source: train.document, target: train.summary}]
  valid: [{source: valid.document, target: valid.summary}]
  test: [{source: test.document, target: test.summary}]
tokenizer: {kind: word, vocab_size: 30}
dataset: {tokens_per_batch: 128}
model:
  embedding: {size: 24}
  encoder: {units: 32}
  decoder: {layers: 1, units: 32, attention: additive, copy_source: pointer_generator}
  dropout: 0.0
training: {max_epochs: 3, learning_rate: 1e-2, warmup_steps: 20, label_smoothing: 0.0, select_on: exact}
decoding: {beam_size: 2}
evaluation: {metrics: [exact], bootstrap_samples: 0}
"""
SYLLABLES = ["ka", "lo", "mi", "ru", "te", "zo", "ba", "ni", "pe", "su"]


def name(generator):
    return "".join(generator.choice(SYLLABLES) for _ in range(3)).capitalize()


def write_corpus(folder):
    """Of two names the summary keeps both; hardly any name is in the vocabulary."""
    generator = random.Random(1)
    for split, count in (("train", 900), ("valid", 20), ("test", 40)):
        sides = [], []
        for _ in range(count):
            who, whom = name(generator), name(generator)
            verb, place = generator.choice(["met", "saw", "called"]), generator.choice(["London", "Paris", "Rome"])
            sides[0].append(f"yesterday {who} {verb} {whom} in {place} .")
            sides[1].append(f"{who} {verb} {whom} .")
        for side, lines in zip(("document", "summary"), sides, strict=True):
            (folder / f"{split}.{side}").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from conftest import Command

    folder = tmp_path_factory.mktemp("names")
    write_corpus(folder)
    (folder / "names.yaml").write_text(RECIPE)
    command = Command(folder)
    command("run", "names.yaml")
    return command


def test_names_are_copied(trained):
    program = Path(__file__).parents[2] / "benchmarks" / "copied_words.py"
    (hypothesis,) = trained.folder.glob("work/artifacts/translate/*/test.txt")
    files = ["work/runs/names/bundle", "test.document", "test.summary", "--hypothesis", hypothesis]
    counted = subprocess.run(
        [sys.executable, program, *files], cwd=trained.folder, env=trained.environment, capture_output=True, check=True
    )
    need, have = map(int, counted.stdout.decode().split()[:2])
    assert need >= 35
    assert have >= 0.9 * need
    (history,) = trained.folder.glob("work/artifacts/train/*/history.jsonl")
    assert max(json.loads(line).get("exact", 0.0) for line in history.read_text().splitlines()) > 80.0


def test_a_run_of_summaries_is_compared_with_baselines_alone(trained):
    [shown] = json.loads(trained("compare", "names", "-m", "rougeL", "--format", "json").stdout)
    systems = [row["system"] for row in shown["rows"]]
    assert systems[:3] == ["names", "lead-4 words", "lead-3 sentences"]
    assert all(row["difference"] < 0.0 for row in shown["rows"][1:])


def test_what_was_copied_is_known(trained):
    source = "yesterday Zwingli met Brigitte in Rome .\n"
    bundle = trained.folder / "work" / "runs" / "names" / "bundle"
    (line,) = trained("translate", bundle, "--format", "jsonl", stdin=source.encode()).stdout.decode().splitlines()
    (found,) = json.loads(line)["translations"]
    assert found["text"] == "Zwingli met Brigitte ."
    assert found["copied"][0] == found["copied"][2] == 1.0
