"""Compares how fast batches are made with how fast training uses them, and says how much of them is padding.

    python benchmarks/input_pipeline.py RECIPE

RECIPE is run up to its stage ``encode``, if it has not been; nothing is trained that stays.
"""

from __future__ import annotations

import argparse
import os
import time


def main() -> None:
    """Prints batches per second without and with the model, and the share of padding in an epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--steps", type=int, default=50, help="training steps to time")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from nmt.config import find_recipe, load_recipe
    from nmt.dataset import EncodedCorpus, batches, plan_epoch
    from nmt.models.seq2seq import Seq2Seq
    from nmt.pipeline.run import run_recipe
    from nmt.pipeline.workspace import Workspace
    from nmt.tokenizer import TokenizerPair
    from nmt.training.step import TrainStep

    path = find_recipe(options.recipe)
    recipe = load_recipe(path)
    folders = {p.stage.name: p.artifact for p in run_recipe(recipe, path, Workspace.at(None), only=["encode"])}
    tokenizers = TokenizerPair.load(folders["tokenizer"])
    corpus = EncodedCorpus.load(folders["encode"], "train")
    lengths = corpus.source.lengths, corpus.target.lengths - 1
    plan = list(plan_epoch(*lengths, recipe.dataset.tokens_per_batch, recipe.seed, 0))
    for side, own in zip(("source", "target"), lengths, strict=True):
        cells = sum(len(rows) * int(own[rows].max()) for rows in plan)
        print(f"{side}: {1 - own.sum() / cells:.1%} of {cells:,} tokens of an epoch are padding")

    began, count = time.perf_counter(), 0
    for _ in batches(corpus, plan):
        count += 1
    alone = count / (time.perf_counter() - began)
    model = Seq2Seq(recipe.model, tokenizers.source.vocab_size, tokenizers.target.vocab_size)
    step = TrainStep(recipe, model)
    warm = 5
    for number, batch in enumerate(batches(corpus, plan[: options.steps + warm]), start=1):
        if number == warm + 1:
            began = time.perf_counter()
        step.take([batch], number, 1e-3)
    training = (number - warm) / (time.perf_counter() - began)
    print(f"{alone:,.0f} batches/s without the model, {training:.2f} steps/s with it: {alone / training:,.0f} times")


if __name__ == "__main__":
    main()
