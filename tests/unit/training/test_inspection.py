"""What a model is asked: its attention, its use of the source, its embeddings."""

import numpy as np
import pytest

from nmt.config import Recipe
from nmt.dataset import EncodedCorpus, Sequences
from nmt.evaluation.diagnostics import measure_attention
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS
from nmt.training.inspection import attention_weights, embedding_tables, exchange_loss, sample

SOURCES = [[4, 5, 6, EOS], [7, EOS], [5, 5, EOS]]
TARGETS = [[BOS, 4, 5, EOS], [BOS, 6, EOS], [BOS, 7, 7, 7, EOS]]
CORPUS = EncodedCorpus(Sequences.of(SOURCES), Sequences.of(TARGETS), np.arange(len(TARGETS)))
CORPORA = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}


def network(decoder=None, embedding=None):
    model = {
        "embedding": {"size": 8} | (embedding or {}),
        "encoder": {"layers": 1, "units": 6},
        "decoder": {"layers": 1, "units": 6} | (decoder or {}),
    }
    config = Recipe.model_validate({"name": "x", "corpora": CORPORA, "model": model}).model
    return Seq2Seq(config, 8, 8)


def test_attention_has_the_shape_of_each_pair():
    weights = list(attention_weights(network(), CORPUS, 8))
    assert sorted(array.shape for array in weights) == sorted(
        (len(target) - 1, len(source)) for source, target in zip(SOURCES, TARGETS, strict=True)
    )
    for array in weights:
        assert array.sum(axis=1) == pytest.approx(np.ones(len(array)), abs=1e-5)


def test_a_model_of_zeros_attends_everywhere_alike():
    model = network()
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    assert measure_attention(attention_weights(model, CORPUS, 64)).entropy == pytest.approx(1.0)


def test_a_model_without_attention_has_no_weights():
    assert list(attention_weights(network({"attention": "none"}), CORPUS, 64)) == []


def test_a_model_that_does_not_read_loses_nothing_by_the_exchange():
    model = network()
    assert abs(exchange_loss(model, CORPUS, 64)) > 1e-6
    for weight in model.encoder.weights:
        weight.assign(np.zeros(weight.shape))
    assert exchange_loss(model, CORPUS, 64) == pytest.approx(0.0, abs=1e-6)


def test_one_pair_cannot_be_exchanged():
    assert exchange_loss(network(), sample(CORPUS, 1), 64) is None


def test_a_sample_is_spread_and_keeps_pairs_together():
    rows = [[n, EOS] for n in range(4, 14)]
    corpus = EncodedCorpus(Sequences.of(rows), Sequences.of([[n] for n in range(4, 14)]), np.arange(10))
    chosen = sample(corpus, 4)
    assert chosen.target.ids.tolist() == [4, 7, 10, 13]
    assert chosen.source.ids[chosen.source.ids != EOS].tolist() == [4, 7, 10, 13]
    assert len(sample(corpus, 99)) == 10


@pytest.mark.parametrize(
    ("tie", "names"),
    [
        ("all", {"output/source/target"}),
        ("target", {"output/target", "source"}),
        ("none", {"output", "source", "target"}),
    ],
)
def test_tables_are_named_by_their_roles(tie, names):
    tables = embedding_tables(network(embedding={"tie": tie}))
    assert set(tables) == names
    assert all(array.shape == (8, 8) for _, array in tables.values())
