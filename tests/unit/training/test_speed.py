"""The measured speed of training, and what it is compared with."""

import numpy as np
import pytest

from nmt.config import Recipe
from nmt.dataset import EncodedCorpus, Sequences
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.pipeline.bench import bench_rows
from nmt.tokenizer import BOS, EOS
from nmt.training.data import TrainingData
from nmt.training.distribution import Distribution
from nmt.training.operations import matrix_product, step_operations
from nmt.training.speed import measure_speed

VOCAB, SIZE, UNITS, LAYERS = 30, 6, 8, 2


class Vocabularies:
    class source:
        vocab_size = VOCAB

    target = source


def config(**decoder):
    shape = {"layers": LAYERS, "units": UNITS}
    parts = {"embedding": {"size": SIZE}, "encoder": shape, "decoder": {"attention": "dot", **shape, **decoder}}
    return ModelConfig.model_validate(parts)


def test_operations_of_a_step_are_those_of_its_products():
    rows, source, target = 3, 5, 7
    half = UNITS // 2
    encoder = sum(2 * (depth + half) * 4 * half for depth in (SIZE, UNITS))  # two directions
    decoder = sum((depth + UNITS) * 4 * UNITS for depth in (SIZE, 2 * UNITS))
    output = 2 * UNITS * SIZE + SIZE * VOCAB
    attention = source * 2 * UNITS
    cells = rows * (source * encoder + target * (decoder + output + attention))
    assert step_operations(Seq2Seq(config(), VOCAB, VOCAB), rows, source, target) == 6 * cells
    more = Seq2Seq(config(attention="general", initial_state="mean"), VOCAB, VOCAB)
    bridge = sum(np.prod(w.shape) for w in more.weights if w.path.startswith("bridge") and len(w.shape) == 2)
    assert bridge > 0
    assert step_operations(more, rows, source, target) == 6 * (cells + rows * (source * UNITS**2 + bridge))


def test_the_yardstick_is_a_product():
    assert np.isfinite(matrix_product(8)())
    assert np.isfinite(matrix_product(8, "bfloat16")())


@pytest.mark.parametrize("training", [{}, {"accumulate": 2, "mixed_precision": "bfloat16"}])
def test_steps_are_timed_and_their_tokens_counted(training):
    corpora = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}
    model, dataset = config().model_dump(), {"tokens_per_batch": 30}
    recipe = Recipe.model_validate(
        {"name": "r", "corpora": corpora, "model": model, "training": training, "dataset": dataset}
    )
    rows = [[5] * length for length in (3, 4, 5, 6)] * 5
    corpus = EncodedCorpus(
        Sequences.of([*row, EOS] for row in rows),
        Sequences.of([BOS, *row, EOS] for row in rows),
        np.arange(len(rows)),
    )
    data = TrainingData(recipe, corpus)
    speed = measure_speed(recipe, Vocabularies, data, Distribution(), 4)
    assert (speed.devices, speed.kind, speed.steps) == (1, "CPU", 4)
    assert speed.data_type == training.get("mixed_precision", "float32")
    # Source and target are equally long.
    assert speed.source_tokens == speed.target_tokens > 4 * recipe.training.accumulate
    assert speed.source_cells == speed.target_cells >= speed.source_tokens
    assert 0.0 <= speed.share_of_waiting < 1.0
    assert 0.0 <= speed.share_of_padding < 1.0
    assert 0.0 < speed.share_of_matrix_rate < 1.0
    found = {"recipe": "r", "device": "CPU"} | speed.to_json() | {"notes": ["model.x: why"]}
    shown = dict(bench_rows(found))
    assert shown["not on cuDNN"] == "model.x: why"
    assert shown["share of the matrix product's rate"].endswith("%")
    assert dict(bench_rows(found | {"share_of_matrix_rate": None}))["share of the matrix product's rate"][:3] == "not"
