"""What all tests share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "corpora"


@pytest.fixture
def shared_corpora() -> Path:
    """The folder of real corpora beside the project, where there is one."""
    if not SHARED.is_dir():
        pytest.skip(f"the real corpora are not at {SHARED}")
    return SHARED


@pytest.fixture
def run_together() -> Callable[..., None]:
    """Runs a Python program in as many processes as there are lists of arguments.

    Each prints a line when it is ready, and goes on when it is sent one, so that all begin at once.
    """

    def run(program: str, *arguments: list[str]) -> None:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", program, *own],
                cwd=Path(__file__).resolve().parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for own in arguments
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=300)
            assert process.returncode == 0

    return run


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle whose weights are random; tests must leave it as it is."""
    import keras

    from nmt.bundle import write_bundle
    from nmt.config import Recipe, TokenizerConfig
    from nmt.models.seq2seq import Seq2Seq
    from nmt.models.weights import weights_of
    from nmt.tokenizer import TokenizerPair

    model = {"embedding": {"size": 8}, "encoder": {"layers": 2, "units": 6}, "decoder": {"units": 6}}
    corpora = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}
    recipe = Recipe.model_validate({"name": "tiny", "corpora": corpora, "model": model})
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "text").write_text("a small text of a few words\n" * 3)
    config = TokenizerConfig(kind="char", vocab_size=40)
    tokenizers = TokenizerPair.train_pair(folder / "text", folder / "text", config, seed=1)
    keras.utils.set_random_seed(7)
    network = Seq2Seq(recipe.model, tokenizers.source.vocab_size, tokenizers.target.vocab_size)
    write_bundle(folder / "bundle", recipe, tokenizers, weights_of(network), {})
    return folder / "bundle"
