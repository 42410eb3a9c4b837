"""Forced decoding says of an output what the search has found on its way to it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.decoding.decoder import BatchDecoder
from nmt.decoding.ensemble import Ensemble
from nmt.decoding.forced import ForcedDecoder
from nmt.decoding_config import DecodingConfig
from nmt.model_config import ModelConfig
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS

VOCAB = 14
GENERATOR = np.random.default_rng(3)
SOURCES = [[*GENERATOR.integers(4, VOCAB, length).tolist(), EOS] for length in (0, 1, 3, 3, 7, 12)]
DECODERS = {
    "plain": {},
    "reversed": {},
    "looped": {"input_feeding": True, "attention": "additive", "coverage": True},
    "copying": {"attention": "additive", "copy_source": "pointer_generator"},
    "pointer": {"attention": "additive", "copy_source": "pointer"},
    "blind": {"attention": "none"},
}


def network(name, seed=1):
    keras.utils.set_random_seed(seed)
    settings = {"embedding": {"size": 8}, "encoder": {"units": 8}, "decoder": {"units": 8, **DECODERS[name]}}
    settings["encoder"]["reverse_source"] = name == "reversed"
    model = Seq2Seq(ModelConfig.model_validate(settings), VOCAB, VOCAB)
    for weight in model.trainable_weights:  # far from uniform, so that it matters where a model looks
        weight.assign(weight * 3.0)
    return model


def ensemble(combination):
    return Ensemble([network("plain", 1), network("copying", 2), network("blind", 3)], [3.0, 2.0, 1.0], combination)


MODELS = {name: lambda name=name: network(name) for name in DECODERS}
MODELS |= {name: lambda name=name: ensemble(name) for name in ("linear", "log_linear")}


@pytest.fixture(scope="module", params=MODELS)
def searched(request):
    """A model, the sources of some outputs, and these as the search has found them."""
    model = MODELS[request.param]()
    found = BatchDecoder(model, DecodingConfig(beam_size=3, max_length_ratio=1.0)).decode(SOURCES, 3)
    pairs = [(source, best) for source, row in zip(SOURCES, found, strict=True) for best in row]
    return model, *zip(*pairs, strict=True)


def test_the_log_probability_of_an_output_is_that_of_the_search(searched):
    model, sources, found = searched
    forced = ForcedDecoder(model).force(sources, [best.ids for best in found])
    sums = [float(each.log_probabilities.sum()) for each in forced]
    np.testing.assert_allclose(sums, [best.log_probability for best in found], atol=1e-4, rtol=1e-6)
    assert {best.ids[-1] == EOS for best in found} == {True, False} or len(found) > len(SOURCES)


def test_batches_change_nothing(searched):
    model, sources, found = searched
    outputs = [best.ids for best in found]
    together, alone = (ForcedDecoder(model, tokens).force(sources, outputs) for tokens in (1000, 1))
    for one, other, ids, source in zip(together, alone, outputs, sources, strict=True):
        assert one.log_probabilities.shape == (len(ids),)
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=1e-5)
        if one.weights is not None:
            assert one.weights.shape == (len(ids), len(source))
            np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)
            np.testing.assert_allclose(one.weights.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_attention_and_generation_are_those_of_decoding_step_by_step(name):
    model, source, output = network(name), SOURCES[-1], [5, 9, 4, EOS]
    forced = ForcedDecoder(model).force([source, source[3:]], [output, output[2:]])[0]
    memory, state = model.encode(tf.constant([source]), Dropout(0.0, None))
    for time, token in enumerate([BOS, *output[:-1]]):
        _, state, step = model.step(tf.constant([[token]]), memory, state)
        if name == "blind":
            assert forced.weights is None
        else:
            np.testing.assert_allclose(forced.weights[time], step.weights[0, 0], atol=1e-5)
        if name == "copying":
            np.testing.assert_allclose(forced.generate[time], tf.sigmoid(step.generate[0, 0]), atol=1e-5)
        else:
            assert forced.generate is None


def test_attention_of_a_reversed_model_is_in_the_order_of_the_source():
    """Its memory is a function of what stands at a place and behind it: a change at the front leaves the rest alone."""
    settings = {"embedding": {"size": 8}, "decoder": {"units": 8, "initial_state": "zero"}}
    settings["encoder"] = {"units": 8, "reverse_source": True, "bidirectional": False}
    keras.utils.set_random_seed(4)
    decoder = ForcedDecoder(Seq2Seq(ModelConfig.model_validate(settings), VOCAB, VOCAB))
    one, other = decoder.force([[4, 5, 6, 7, 8, EOS], [9, 5, 6, 7, 8, EOS]], [[5], [5]])
    ratio = (one.weights / other.weights)[0]
    np.testing.assert_allclose(ratio[1:], ratio[1], rtol=1e-5)
    assert abs(ratio[0] / ratio[1] - 1.0) > 1e-3


def test_the_attention_of_an_ensemble_is_the_weighted_mean_of_those_that_attend():
    model = ensemble("linear")
    source, output = SOURCES[-2:], [[5, 6, EOS], [7, EOS]]
    first, second, _ = (ForcedDecoder(member).force(source, output)[0] for member in model.models)
    forced = ForcedDecoder(model).force(source, output)[0]
    np.testing.assert_allclose(forced.weights, 0.6 * first.weights + 0.4 * second.weights, atol=1e-6)
    np.testing.assert_allclose(forced.generate, second.generate, atol=1e-6)


def test_nothing_in_is_nothing_out():
    assert ForcedDecoder(network("plain")).force([], []) == []
