"""A tiny recipe of the user's own files, and the ``nmt`` command in a process of its own."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = {"red": "rot", "blue": "blau", "old": "alt", "new": "neu", "small": "klein", "big": "gross"}
NOUNS = {"house": "Haus", "book": "Buch", "car": "Auto", "child": "Kind", "animal": "Tier", "picture": "Bild"}

RECIPE = """\
name: tiny
corpora:
  source: en
  target: de
  train: [{source: train.en, target: train.de}]
  valid: [{source: valid.en, target: valid.de}]
  test: [{source: test.en, target: test.de}]
tokenizer: {kind: char, vocab_size: 29}
dataset: {tokens_per_batch: 512}
model:
  embedding: {size: 16}
  encoder: {layers: 1, units: 16}
  decoder: {layers: 1, units: 16}
training: {max_epochs: 2, learning_rate: 1e-2, warmup_steps: 5, checkpoint_every: 3}
decoding: {beam_size: 2, max_length_ratio: 1.0, max_length_extra: 5}
evaluation: {metrics: [bleu, chrf], bootstrap_samples: 20}
"""


def write_corpus(folder: Path) -> None:
    generator = random.Random(1)
    pairs = [
        (f"{a} {b} {n}", f"{n_out} {b_out} {a_out}")
        for a, a_out in WORDS.items()
        for b, b_out in WORDS.items()
        for n, n_out in NOUNS.items()
        if a != b
    ]
    generator.shuffle(pairs)
    for name, part in (("train", pairs[:140]), ("valid", pairs[140:160]), ("test", pairs[160:])):
        for side, texts in zip(("en", "de"), zip(*part, strict=True), strict=True):
            (folder / f"{name}.{side}").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


class Command:
    """Runs ``nmt`` in a folder with a workspace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        hidden = ("NMT_MIRROR", "NMT_WORK", "NMT_CARDS", "NMT_STORE")
        self.environment = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment |= {"NMT_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": "random"}

    def arguments(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "nmt", *map(str, arguments)]

    def __call__(self, *arguments: object, expect: int = 0, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        result = subprocess.run(
            self.arguments(*arguments), cwd=self.folder, env=self.environment, input=stdin, capture_output=True
        )
        assert result.returncode == expect, result.stderr.decode()[-3000:]
        return result


def make_project(folder: Path) -> Command:
    """Writes the tiny corpus and its recipe into a folder."""
    write_corpus(folder)
    (folder / "tiny.yaml").write_text(RECIPE)
    return Command(folder)


@pytest.fixture
def project(tmp_path: Path) -> Command:
    return make_project(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A project whose recipe was run once; tests must leave it as it is. ``continued`` is for those that run more."""
    command = make_project(tmp_path_factory.mktemp("finished"))
    command.output = command("run", "tiny.yaml").stdout.decode()
    return command


@pytest.fixture
def continued(finished: Command, tmp_path: Path) -> Command:
    """A copy of the finished project."""
    shutil.copytree(finished.folder, tmp_path / "continued")
    return Command(tmp_path / "continued")
