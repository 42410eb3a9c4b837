"""What must hold for every shape of the network."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.config import ModelConfig
from nmt.models.layers import Dropout
from nmt.models.lstm import LstmState
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS, PAD
from nmt.training.loss import token_losses

VOCAB = 20
SOURCE = np.array([[5, 6, 7, 8, EOS], [9, 4, EOS, PAD, PAD], [EOS, PAD, PAD, PAD, PAD]], np.int32)
TARGET_IN = np.array([[BOS, 11, 12, 13], [BOS, 14, PAD, PAD], [BOS, 15, 16, PAD]], np.int32)
TARGET_OUT = np.array([[11, 12, 13, EOS], [14, EOS, PAD, PAD], [15, 16, EOS, PAD]], np.int32)

ENCODERS = [
    {"layers": 1, "units": 8, "bidirectional": True},
    {"layers": 2, "units": 8, "bidirectional": False, "reverse_source": True},
    {"layers": 2, "units": 8, "bidirectional": True, "reverse_source": True},
]
DECODERS = [{"layers": 1, "units": 8}, {"layers": 3, "units": 8}, {"layers": 2, "units": 12}]
ATTENTIONS = ["none", "dot", "scaled_dot", "general", "additive"]
TIES = ["all", "target", "none"]


def configs():
    for number, (encoder, decoder, attention) in enumerate(itertools.product(ENCODERS, DECODERS, ATTENTIONS)):
        if attention in ("dot", "scaled_dot") and encoder["units"] != decoder["units"]:
            continue
        yield ModelConfig.model_validate(
            {
                "embedding": {"size": 6, "tie": TIES[number % 3]},
                "encoder": encoder,
                "decoder": {**decoder, "attention": attention},
                "dropout": 0.5,
            }
        )


def name(config):
    encoder, decoder = config.encoder, config.decoder
    direction = "bi" if encoder.bidirectional else "uni"
    reverse = "-reversed" if encoder.reverse_source else ""
    network = f"{direction}{encoder.layers}{reverse}-{decoder.layers}x{decoder.units}"
    return f"{network}-{decoder.attention}-{config.embedding.tie}"


@pytest.fixture(params=list(configs()), ids=name)
def model(request):
    keras.utils.set_random_seed(5)
    return Seq2Seq(request.param, VOCAB, VOCAB)


def teacher_forced_logits(model, source, target_in):
    readout = model.readout(tf.constant(source), tf.constant(target_in))
    logits = model.logits(tf.reshape(readout, [-1, readout.shape[-1]]))
    return tf.reshape(logits, [*target_in.shape, VOCAB]).numpy()


def test_step_by_step_decoding_equals_teacher_forcing(model):
    expected = teacher_forced_logits(model, SOURCE, TARGET_IN)
    memory, states = model.encode(tf.constant(SOURCE), Dropout(0.0, None))
    beam = 2
    states = [LstmState(*(tf.repeat(part, beam, axis=0) for part in state)) for state in states]
    for step in range(TARGET_IN.shape[1]):
        tokens = np.repeat(TARGET_IN[:, step : step + 1], beam, axis=1)
        logits, result = model.step(tf.constant(tokens), memory, states)
        states = result.states
        real = TARGET_IN[:, step] != PAD
        for hypothesis in range(beam):
            np.testing.assert_allclose(logits[:, hypothesis][real], expected[:, step][real], atol=1e-4)


def test_padding_changes_no_logit(model):
    expected = teacher_forced_logits(model, SOURCE, TARGET_IN)
    wide = teacher_forced_logits(model, np.pad(SOURCE, ((0, 0), (0, 3))), np.pad(TARGET_IN, ((0, 0), (0, 2))))
    np.testing.assert_allclose(wide[:, : TARGET_IN.shape[1]][TARGET_IN != PAD], expected[TARGET_IN != PAD], atol=1e-5)


def test_gradients_flow_to_every_weight(model):
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        readout = model.readout(tf.constant(SOURCE), tf.constant(TARGET_IN), tf.constant([1, 2]))
        loss, _, _ = token_losses(model, readout, tf.constant(TARGET_OUT), 0.1)
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0, weight.path


def test_weights_have_distinct_names(model):
    paths = [weight.path for weight in model.trainable_weights]
    assert len(set(paths)) == len(paths)


def test_dropout_is_a_function_of_its_seed():
    config = ModelConfig.model_validate({"encoder": {"units": 8}, "decoder": {"units": 8}, "dropout": 0.5})
    model = Seq2Seq(config, VOCAB, VOCAB)
    first, again, other = (
        model.readout(tf.constant(SOURCE), tf.constant(TARGET_IN), tf.constant([1, step])).numpy() for step in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_reversal_reads_each_source_backwards_within_its_length():
    settings = {"encoder": {"layers": 1, "units": 8, "bidirectional": False}, "decoder": {"units": 8}}
    keras.utils.set_random_seed(5)
    plain = Seq2Seq(ModelConfig.model_validate(settings), VOCAB, VOCAB)
    settings["encoder"]["reverse_source"] = True
    keras.utils.set_random_seed(5)
    reversing = Seq2Seq(ModelConfig.model_validate(settings), VOCAB, VOCAB)
    backwards = np.array([[EOS, 8, 7, 6, 5], [EOS, 4, 9, PAD, PAD], [EOS, PAD, PAD, PAD, PAD]], np.int32)
    memory, states = reversing.encode(tf.constant(SOURCE), Dropout(0.0, None))
    expected, expected_states = plain.encode(tf.constant(backwards), Dropout(0.0, None))
    np.testing.assert_allclose(states[0].cell, expected_states[0].cell, atol=1e-6)
    np.testing.assert_allclose(memory.values[0], expected.values[0, ::-1], atol=1e-6)
    np.testing.assert_allclose(memory.values[1, :3], expected.values[1, 2::-1], atol=1e-6)
