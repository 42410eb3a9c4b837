"""The bench: builds what a recipe's training reads, and times its steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.config import Recipe
from nmt.errors import UsageError
from nmt.pipeline.environment import usable_cpus
from nmt.pipeline.run import print_progress, run_recipe
from nmt.pipeline.stage import side_files
from nmt.pipeline.workspace import Workspace
from nmt.terminal import load_tensorflow
from nmt.training.workers import CLUSTER_VARIABLE, Workers

if TYPE_CHECKING:
    pass


def bench(
    recipe: Recipe, recipe_path: Path, workspace: Workspace, steps: int, say: Callable[[str], None] = print_progress
) -> dict[str, Any]:
    """Runs a recipe up to its encoded text, where it has not been, and measures its training on this machine.

    Args:
        recipe, recipe_path, workspace: as for a run.
        steps: training steps to time.
        say: shows a line of progress.

    Returns:
        What ``Speed`` has, the recipe's name, the device in words, and ``notes``: what keeps a GPU from being used.

    Raises:
        UsageError: ``TF_CONFIG`` names several workers.
        NmtError: a stage failed, or the memory is too small.
    """
    if Workers.of_environment().count > 1:
        raise UsageError("nmt bench measures one machine", received=CLUSTER_VARIABLE, action="Start it without that")
    planned = run_recipe(recipe, recipe_path, workspace, ["encode"], say=say)
    folders = {stage.label: stage.artifact for stage in planned}
    load_tensorflow()
    from nmt.dataset import EncodedCorpus
    from nmt.models.cudnn import cudnn_notes
    from nmt.tokenizer import TokenizerPair
    from nmt.training.data import TrainingData
    from nmt.training.device_check import find_accelerators
    from nmt.training.distribution import join
    from nmt.training.speed import measure_speed

    tokenizers = TokenizerPair.load(folders["tokenizer"])
    corpus = EncodedCorpus.load(folders["encode"], "train")
    corpus.check_features(recipe.model.encoder.features, "corpora.train has other vectors than the model")
    clean = side_files(folders["clean"], "train")
    data = TrainingData.load(recipe, tokenizers, corpus, folders["encode"], clean)
    say(f"timing {steps} training steps")
    speed = measure_speed(recipe, tokenizers, data, join(), steps)
    gpus = find_accelerators().gpus if speed.kind == "GPU" else []
    device = ", ".join(gpus[: speed.devices]) or f"CPU, {usable_cpus():g} cores"
    return {"recipe": recipe.name, "device": device} | speed.to_json() | {"notes": cudnn_notes(recipe.model)}


def bench_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns what ``bench`` found as rows of a table: name and value."""
    share = found["share_of_matrix_rate"]
    size, rate = found["matrix_size"], found["matrix_rate"] / 1e9
    rows = [
        ("recipe", found["recipe"]),
        ("device", f"{found['device']}; {found['devices']} in all, {found['data_type']}"),
        ("training step", f"{1e3 * found['seconds'] / found['steps']:,.1f} ms, mean of {found['steps']}"),
        ("target tokens/s", f"{found['target_tokens_per_second']:,.0f}"),
        ("source tokens/s", f"{found['source_tokens_per_second']:,.0f}"),
        ("padding", f"{found['share_of_padding']:.1%} of the batches"),
        ("matrix product", f"{rate:,.0f} GFLOP/s, {size} x {size}"),
        ("share of the matrix product's rate", "not known with training.risk" if share is None else f"{share:.0%}"),
        ("waiting for data", f"{found['share_of_waiting']:.2%} of the time"),
    ]
    return rows + [("not on cuDNN", note) for note in found["notes"]]
