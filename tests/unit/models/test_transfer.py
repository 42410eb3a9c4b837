"""Weights that go from one model to another."""

import keras
import numpy as np
import pytest

from nmt.errors import BundleError
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.models.transfer import transfer_weights
from nmt.models.weights import weights_of

VOCAB = 12


def network(seed, tie="all", units=8, **decoder):
    keras.utils.set_random_seed(seed)
    settings = {
        "embedding": {"size": 6, "tie": tie},
        "encoder": {"units": 8},
        "decoder": {"units": units, "attention": "general", **decoder},
    }
    return Seq2Seq(ModelConfig.model_validate(settings), VOCAB, VOCAB)


def test_both_parts_make_the_same_model():
    model, origin = network(1), network(2)
    count = transfer_weights(model, origin, ["encoder", "decoder"])
    expected = weights_of(origin)
    for name, array in weights_of(model).items():
        np.testing.assert_array_equal(array, expected[name])
    assert count == len(expected) + 2  # the tied matrix is source, target and output


def test_an_encoder_goes_from_tied_embeddings_to_a_model_without_them_and_another_decoder():
    origin, model = network(2, tie="all"), network(1, tie="none", units=12, layers=2, attention="additive")
    before = weights_of(model)
    transfer_weights(model, origin, ["encoder"])
    np.testing.assert_array_equal(model.source_embedding.table, origin.source_embedding.table)
    np.testing.assert_array_equal(model.encoder.forward[0].kernel, origin.encoder.forward[0].kernel)
    for name in (weight.path for weight in model.decoder.weights):
        np.testing.assert_array_equal(weights_of(model)[name], before[name])
    np.testing.assert_array_equal(model.target_embedding.table, before[model.target_embedding.table.path])


def test_a_part_of_another_shape_is_refused():
    with pytest.raises(BundleError, match="the decoder of that bundle does not fit, first at"):
        transfer_weights(network(1, units=12), network(2), ["encoder", "decoder"])
