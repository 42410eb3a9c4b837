"""Ensembles against their definition, and against single models."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.bundle import load_bundle, write_bundle
from nmt.decoding.decoder import BatchDecoder
from nmt.decoding.ensemble import Ensemble, EnsembleMemory
from nmt.decoding.translate import Translator
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import weights_of
from nmt.tokenizer import EOS

VOCAB = 12
SOURCES = [[4, 5, 6, EOS], [7, EOS], [9, 8, 7, 6, 5, EOS]]


def fake(probabilities):
    """A model that always predicts the same distribution."""
    logits = tf.math.log(tf.constant(probabilities))[None, None] + 3.0  # unnormalised

    def step(tokens, memory, state, projections, shortlist):
        return tf.tile(logits, [*tokens.shape, 1]), state + 1, None

    return SimpleNamespace(step=step, source_spec=None, target_vocab_size=len(probabilities))


def network(seed):
    keras.utils.set_random_seed(seed)
    settings = {"embedding": {"size": 8}, "encoder": {"units": 8}, "decoder": {"units": 8}}
    return Seq2Seq(ModelConfig.model_validate(settings), VOCAB, VOCAB)


@pytest.mark.parametrize("weights", [None, [3.0, 1.0]])
@pytest.mark.parametrize("combination", ["linear", "log_linear"])
def test_probabilities_are_combined_by_the_formula(combination, weights):
    members = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    ensemble = Ensemble([fake(row) for row in members.astype("float32")], weights, combination)
    memory = EnsembleMemory([None, None], None)
    logits, states, _ = ensemble.step(tf.constant([[0, 1]]), memory, [tf.constant(1), tf.constant(5)])
    shares = np.array(weights or [1.0, 1.0]) / sum(weights or [1.0, 1.0])
    expected = shares @ members if combination == "linear" else np.exp(shares @ np.log(members))
    np.testing.assert_allclose(tf.nn.softmax(logits)[0, 1], expected / expected.sum(), rtol=1e-5)
    assert [int(state) for state in states] == [2, 6]


@pytest.mark.parametrize("combination", ["linear", "log_linear"])
def test_one_model_alone_or_twice_is_the_model(combination):
    model, config = network(1), DecodingConfig(beam_size=3)
    expected = BatchDecoder(model, config).decode_ids(SOURCES)
    for members in ([model], [model, model]):
        assert BatchDecoder(Ensemble(members, None, combination), config).decode_ids(SOURCES) == expected


def test_the_weights_decide_between_different_models():
    one, other, config = network(1), network(2), DecodingConfig(beam_size=2)
    alone = [BatchDecoder(model, config).decode_ids(SOURCES) for model in (one, other)]
    assert alone[0] != alone[1]
    for weights, expected in zip(([1.0, 1e-6], [1e-6, 1.0]), alone, strict=True):
        assert BatchDecoder(Ensemble([one, other], weights), config).decode_ids(SOURCES) == expected


def test_bundles_of_one_vocabulary_vote_and_others_are_refused(tiny_bundle, tmp_path):
    bundle = load_bundle(tiny_bundle)
    lines = ["a small text", "", "words of text"]
    expected = list(Translator(bundle).translate(lines))
    assert list(Translator(bundle, others=[bundle], weights=[1.0, 2.0]).translate(lines)) == expected
    with pytest.raises(UsageError, match="2 positive numbers"):
        Translator(bundle, others=[bundle], weights=[1.0])
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="2 positive numbers"):
            Translator(bundle, others=[bundle], weights=[1.0, weight])
    recipe = bundle.recipe.model_copy(update={"cleaning": []})
    write_bundle(tmp_path / "other", recipe, bundle.tokenizers, weights_of(bundle.model()), {})
    with pytest.raises(UsageError, match="vocabulary or normalisation"):
        Translator(bundle, others=[load_bundle(tmp_path / "other")])
