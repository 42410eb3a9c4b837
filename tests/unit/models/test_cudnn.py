"""The call of cuDNN's kernel, without a GPU: it is given what Keras gives it, which means what NVIDIA says it does."""

import importlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.decoding.decoder import BatchDecoder
from nmt.decoding_config import DecodingConfig
from nmt.model_config import ModelConfig
from nmt.models import cudnn
from nmt.models.gru import Gru, GruState
from nmt.models.layers import matrices_of
from nmt.models.lstm import Lstm, LstmState
from nmt.models.seq2seq import Seq2Seq

keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")  # its package has a function of this name
BATCH, STEPS, DEPTH, UNITS = 3, 5, 4, 6
LENGTHS = np.array([5, 1, 3])
MASK = tf.constant(np.arange(STEPS) < LENGTHS[:, None])
CALLS = []


def kernel(input, input_h, input_c, params, sequence_lengths, rnn_mode, time_major, is_training):
    """The operation as NVIDIA and TensorFlow document it, in TensorFlow's own operations."""
    CALLS.append({"params": params, "input_h": input_h, "sequence_lengths": sequence_lengths, "rnn_mode": rnn_mode})
    assert not time_major
    assert is_training
    assert {values.dtype for values in (input_h, params)} == {input.dtype}
    gates, depth, units = {"lstm": 4, "gru": 3}[rnn_mode], input.shape[-1], input_h.shape[-1]
    sizes = [units * depth] * gates + [units * units] * gates + [units] * 2 * gates
    parts = tf.split(params, sizes)
    w, r = parts[:gates], parts[gates : 2 * gates]
    w, r = [tf.reshape(m, [units, depth]) for m in w], [tf.reshape(m, [units, units]) for m in r]
    bw, br = parts[2 * gates : 3 * gates], parts[3 * gates :]

    def read(gate, x):
        return tf.matmul(x, w[gate], transpose_b=True) + bw[gate]

    def recur(gate, h):
        return tf.matmul(h, r[gate], transpose_b=True) + br[gate]

    h, c, outputs = input_h[:, 0], input_c[:, 0] if rnn_mode == "lstm" else None, []
    for step in range(STEPS):
        x, real = input[:, step], (step < sequence_lengths)[:, None]
        if rnn_mode == "lstm":
            i, f, g, o = (read(gate, x) + recur(gate, h) for gate in range(4))
            new_c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            new_h = tf.sigmoid(o) * tf.tanh(new_c)
            c = tf.where(real, new_c, c)
        else:
            reset, update = (tf.sigmoid(read(gate, x) + recur(gate, h)) for gate in range(2))
            new_h = (1 - update) * tf.tanh(read(2, x) + reset * recur(2, h)) + update * h
        h = tf.where(real, new_h, h)
        outputs.append(tf.where(real, new_h, tf.zeros_like(new_h)))
    return tf.stack(outputs, axis=1), h[:, None], c if c is None else c[:, None], None, None


@pytest.fixture
def gpu(monkeypatch):
    """As if there were a GPU."""
    CALLS.clear()
    monkeypatch.setattr(cudnn, "tf", SimpleNamespace(**vars(tf)))
    cudnn.tf.raw_ops = SimpleNamespace(CudnnRNNV3=kernel)
    cudnn.tf.config = SimpleNamespace(list_logical_devices=lambda kind: ["GPU:0"])


def layer_and_state(cell):
    keras.utils.set_random_seed(3)
    layer = (Lstm if cell == "lstm" else Gru)(DEPTH, UNITS, cell)
    generator = np.random.default_rng(5)
    for weight in layer.weights[2:]:
        weight.assign(generator.normal(size=weight.shape))
    inputs = tf.constant(generator.normal(size=(BATCH, STEPS, DEPTH)), tf.float32)
    parts = [tf.constant(generator.normal(size=(BATCH, UNITS)), tf.float32) for _ in range(1 + (cell == "lstm"))]
    return layer, inputs, (LstmState if cell == "lstm" else GruState)(*parts)


def results(layer, inputs, state, mask=MASK):
    with tf.GradientTape() as tape:
        tape.watch([inputs, *state])
        outputs, after = layer.sequence(inputs, mask, state)
        outputs = outputs * tf.cast(mask, tf.float32)[:, :, None]
        loss = tf.reduce_sum(outputs**2) + sum(tf.reduce_sum(part**3) for part in after)
    return [outputs, *after, *tape.gradient(loss, [inputs, *state, *layer.trainable_variables])]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_kernel_computes_what_the_loop_does(cell, request):
    layer, inputs, state = layer_and_state(cell)
    expected = results(layer, inputs, state)
    request.getfixturevalue("gpu")
    for own, other in zip(results(layer, inputs, state), expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5)
    assert len(CALLS) == 1


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_is_given_what_keras_gives_it(cell, gpu, monkeypatch):
    layer, inputs, state = layer_and_state(cell)
    layer.sequence(inputs, MASK, state)
    fake = SimpleNamespace(**vars(tf))
    fake.raw_ops = cudnn.tf.raw_ops
    fake.sysconfig = SimpleNamespace(get_build_info=lambda: {"is_cuda_build": True, "is_rocm_build": False})
    monkeypatch.setattr(keras_rnn, "tf", fake)
    matrices = [tf.convert_to_tensor(matrix) for matrix in (layer.kernel, layer.recurrent_kernel)]
    if cell == "lstm":
        gates = [tf.split(weight, 4, axis=-1) for weight in (*matrices, layer.bias.value)]
        weights = [tf.concat([i, f, g, o], axis=-1) for i, f, o, g in gates]
        keras_rnn._cudnn_lstm(inputs, *state, *weights, MASK, False, False, True)
    else:
        recurrent = tf.concat([tf.zeros([2 * UNITS]), layer.candidate_bias.value], axis=0)
        biases = tf.stack([layer.bias.value, recurrent])
        keras_rnn._cudnn_gru(inputs, state.hidden, *matrices, biases, MASK, False, False, True)
    ours, theirs = CALLS
    assert ours.pop("rnn_mode") == theirs.pop("rnn_mode")
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_empty_sequences_keep_their_state(cell, gpu):
    layer, inputs, state = layer_and_state(cell)
    _, after = layer.sequence(inputs, MASK & (tf.range(BATCH) != 1)[:, None], state)
    assert int(tf.reduce_min(CALLS[0]["sequence_lengths"])) == 1
    for before, own in zip(state, after, strict=True):
        np.testing.assert_array_equal(before[1], own[1])
        assert not np.array_equal(before[0], own[0])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_mixed_precision_gives_the_kernel_what_it_computes_in(cell, gpu):
    with matrices_of("mixed_bfloat16"):
        layer, inputs, state = layer_and_state(cell)
    arrays = results(layer, inputs, state)
    assert CALLS[0]["params"].dtype == tf.bfloat16
    assert {array.dtype for array in arrays} == {tf.float32}


@pytest.mark.parametrize(
    ("decoder", "named"),
    [
        ({}, []),
        ({"layer_norm": True, "attention": "additive"}, []),
        ({"input_feeding": True}, ["model.decoder.input_feeding"]),
        (
            {"input_feeding": True, "coverage": True, "attention": "additive"},
            ["model.decoder.input_feeding", "model.decoder.coverage"],
        ),
    ],
)
def test_what_keeps_a_model_from_cudnn_is_named(decoder, named, request):
    config = ModelConfig.model_validate({"decoder": decoder, "variational_dropout": True})
    assert cudnn.cudnn_notes(config) == []
    request.getfixturevalue("gpu")
    assert [note.partition(":")[0] for note in cudnn.cudnn_notes(config)] == named


def model_of(decoder, cell="lstm"):
    units = {"units": UNITS, "layer_norm": True}
    config = {"cell": cell, "embedding": {"size": DEPTH}, "encoder": units, "decoder": units | decoder}
    return ModelConfig.model_validate(config | {"variational_dropout": True})


@pytest.mark.parametrize(("decoder", "calls"), [({}, 3), ({"input_feeding": True}, 2)])
def test_all_layers_run_on_it_but_those_that_are_named(decoder, calls, gpu):
    model = Seq2Seq(model_of(decoder), 9, 9)
    ids = tf.fill([2, STEPS], 5)
    model.teacher_forced(ids, ids, tf.constant([1, 1]))
    assert len(CALLS) == calls  # two directions of the encoder, one layer of the decoder


def test_a_compiled_search_does_without(gpu):
    model = Seq2Seq(model_of({}), 9, 9)
    decode = DecodingConfig(beam_size=1, compile=True, max_length_ratio=1.0, max_length_extra=1)
    assert len(BatchDecoder(model, decode).decode_ids([[5, 6, 3]])) == 1
    assert not CALLS
    assert cudnn.uses_cudnn()
