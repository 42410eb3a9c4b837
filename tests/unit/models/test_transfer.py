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


def network(seed, tie="all", units=8, vocab=VOCAB, **decoder):
    keras.utils.set_random_seed(seed)
    settings = {
        "embedding": {"size": 6, "tie": tie},
        "encoder": {"units": 8},
        "decoder": {"units": units, "attention": "general", **decoder},
    }
    return Seq2Seq(ModelConfig.model_validate(settings), vocab, vocab)


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


@pytest.mark.parametrize("tie", ["all", "none"])
def test_an_extended_vocabulary_keeps_its_rows_and_new_ones_are_their_mean(tie):
    origin, model = network(2, tie), network(1, tie, vocab=VOCAB + 3)
    origin.output_bias.assign(np.arange(VOCAB, dtype=np.float32))
    transfer_weights(model, origin, ["encoder", "decoder"])
    for side in ("source_embedding", "target_embedding", "output_embedding"):
        old, new = (np.asarray(getattr(network, side).table) for network in (origin, model))
        np.testing.assert_array_equal(new[:VOCAB], old)
        np.testing.assert_allclose(new[VOCAB:], np.tile(old.mean(axis=0), (3, 1)), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(model.output_bias, [*range(VOCAB), 5.5, 5.5, 5.5])


def test_new_pieces_are_as_probable_as_an_average_one_and_the_others_keep_their_order():
    origin, model = network(2), network(1, vocab=VOCAB + 3)
    transfer_weights(model, origin, ["encoder", "decoder"])
    source, target = np.array([[5, 6, 3]], np.int32), np.array([[2, 7]], np.int32)
    before, after = (m.logits(*m.teacher_forced(source, target)).numpy() for m in (origin, model))
    np.testing.assert_allclose(after[..., :VOCAB], before, rtol=1e-5, atol=1e-6)
    mean = np.broadcast_to(before.mean(axis=-1, keepdims=True), (1, 2, 3))
    np.testing.assert_allclose(after[..., VOCAB:], mean, rtol=1e-4, atol=1e-6)


def test_a_smaller_vocabulary_is_refused():
    with pytest.raises(BundleError, match="first at source_embedding"):
        transfer_weights(network(1, vocab=VOCAB - 1), network(2), ["encoder"])
