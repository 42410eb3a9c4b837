"""What must hold for every shape of the network."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import combinations
import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.bundle import load_bundle, write_bundle
from nmt.config import Recipe, TokenizerConfig
from nmt.decoding.decoder import BatchDecoder
from nmt.decoding_config import DecodingConfig
from nmt.model_config import ModelConfig
from nmt.models.layers import Dropout, matrices_of
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import assign_weights, weights_of
from nmt.tokenizer import BOS, EOS, PAD, Tokenizer, TokenizerPair
from nmt.training.loss import token_losses

VOCAB = 20
SOURCE = np.array([[5, 6, 7, 8, EOS], [9, 4, EOS, PAD, PAD], [EOS, PAD, PAD, PAD, PAD]], np.int32)
# Every target token occurs in its source, so that a pure pointer can write it.
TARGET_IN = np.array([[BOS, 8, 7, 5], [BOS, 9, PAD, PAD], [BOS, EOS, EOS, PAD]], np.int32)
TARGET_OUT = np.array([[8, 7, 5, EOS], [9, EOS, PAD, PAD], [EOS, EOS, EOS, PAD]], np.int32)
CHOSEN, COVERED = combinations.covering_set()


@pytest.fixture(scope="module")
def tiny_tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "text"
    path.write_text("abcdefgh ijklmnop\n", encoding="utf-8")
    return Tokenizer.train([path], TokenizerConfig(kind="char", vocab_size=40), seed=1)


@pytest.fixture(params=[config for _, config in CHOSEN], ids=[combinations.name_of(choice) for choice, _ in CHOSEN])
def model(request):
    keras.utils.set_random_seed(5)
    made = Seq2Seq(request.param, VOCAB, VOCAB)
    if request.param.decoder.coverage:
        row = made.decoder.attention.coverage_row  # of zeros, it would show nothing
        row.assign(np.random.default_rng(5).normal(size=row.shape))
    return made


def teacher_forced_logits(model, source, target_in):
    return model.logits(*model.teacher_forced(tf.constant(source), tf.constant(target_in))).numpy()


def test_the_combinations_cover_every_pair_of_settings_that_can_stand_together():
    assert len(CHOSEN) >= 60
    settings = sorted(combinations.SETTINGS.items())
    every = {
        ((first, one), (second, other))
        for (first, ones), (second, others) in itertools.combinations(settings, 2)
        for one in ones
        for other in others
    }
    refused = {
        "additive heads, concat heads, general heads, none heads": (("decoder.attention",), ("decoder.heads",), 4),
        "coverage of multiplicative attention, and of none": (("decoder.attention",), ("decoder.coverage",), 4),
        "copying without attention": (("decoder.attention",), ("decoder.copy_source",), 2),
        "a window without attention": (("decoder.attention",), ("decoder.window",), 2),
        "input feeding without attention": (("decoder.attention",), ("decoder.input_feeding",), 1),
        "a pointer of many heads": (("decoder.copy_source",), ("decoder.heads",), 1),
        "coverage of many heads": (("decoder.coverage",), ("decoder.heads",), 1),
        "nothing to feed": (("decoder.feed_summary",), ("decoder.feed_token",), 1),
    }
    missing = [tuple(setting for setting, _ in pair) for pair in every - COVERED]
    for reason, ((first,), (second,), count) in refused.items():
        assert missing.count((first, second)) == count, reason
    assert len(missing) == sum(count for _, _, count in refused.values())


def test_step_by_step_decoding_equals_teacher_forcing(model):
    expected = teacher_forced_logits(model, SOURCE, TARGET_IN)
    memory, state = model.encode(tf.constant(SOURCE), Dropout(0.0, None))
    beam, projections = 2, model.projections()
    state = tf.nest.map_structure(lambda part: tf.repeat(part, beam, axis=0), state)
    for step in range(TARGET_IN.shape[1]):
        tokens = np.repeat(TARGET_IN[:, step : step + 1], beam, axis=1)
        # The products of the vocabulary are to give what the products of a step give.
        logits, state, _ = model.step(tf.constant(tokens), memory, state, projections if step % 2 else None)
        real = TARGET_IN[:, step] != PAD
        for hypothesis in range(beam):
            np.testing.assert_allclose(logits[:, hypothesis][real], expected[:, step][real], atol=1e-4)


def test_matrices_of_bfloat16_give_nearly_the_same(model):
    with matrices_of("bfloat16"):
        rounded = Seq2Seq(model.config, VOCAB, VOCAB)
    assign_weights(rounded, weights_of(model))
    types = {weight.path.split("/")[-1]: weight.dtype for weight in rounded.weights}
    assert {dtype for name, dtype in types.items() if "kernel" in name or name == "table"} == {"bfloat16"}
    expected = tf.nn.log_softmax(teacher_forced_logits(model, SOURCE, TARGET_IN)).numpy()
    received = teacher_forced_logits(rounded, SOURCE, TARGET_IN)
    assert received.dtype == np.float32
    received = tf.nn.log_softmax(received).numpy()
    probable = (expected > -6.0) & (TARGET_IN != PAD)[:, :, None]
    np.testing.assert_allclose(received[probable], expected[probable], atol=0.1)
    assert not np.array_equal(received, expected)


def test_padding_changes_no_logit(model):
    expected = teacher_forced_logits(model, SOURCE, TARGET_IN)
    wide = teacher_forced_logits(model, np.pad(SOURCE, ((0, 0), (0, 3))), np.pad(TARGET_IN, ((0, 0), (0, 2))))
    np.testing.assert_allclose(wide[:, : TARGET_IN.shape[1]][TARGET_IN != PAD], expected[TARGET_IN != PAD], atol=1e-4)


def test_gradients_flow_to_every_weight(model):
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        output, memory = model.teacher_forced(tf.constant(SOURCE), tf.constant(TARGET_IN))
        coverage = 1.0 if model.config.decoder.coverage else None
        loss = token_losses(model, output, memory, tf.constant(TARGET_OUT), 0.1, coverage).loss
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0, weight.path


def test_dropout_trains_every_shape(model):
    def loss(seed):
        output, memory = model.teacher_forced(tf.constant(SOURCE), tf.constant(TARGET_IN), tf.constant([1, seed]))
        return float(token_losses(model, output, memory, tf.constant(TARGET_OUT)).loss)

    assert np.isfinite(loss(3))
    assert loss(3) == loss(3) != loss(4)


def test_weights_have_distinct_names(model):
    paths = [weight.path for weight in model.trainable_weights]
    assert len(set(paths)) == len(paths)


def decode_bundles(folder):
    """Decodes SOURCE with every bundle in ``folder``: ids by the bundle's name. No graphs, whose making takes long."""
    config = DecodingConfig(beam_size=2, max_output_tokens=5)
    tf.config.run_functions_eagerly(True)
    try:
        models = {path.name: load_bundle(path).model() for path in sorted(Path(folder).iterdir())}
        return {name: BatchDecoder(model, config).decode_ids(SOURCE.tolist()) for name, model in models.items()}
    finally:
        tf.config.run_functions_eagerly(False)


def test_bundles_give_the_same_output_in_a_fresh_process(tmp_path, tiny_tokenizer):
    """One process for all combinations, for starting TensorFlow takes longer than what is tested."""
    for number, (_, config) in enumerate(CHOSEN):
        recipe = Recipe.model_validate(
            {
                "name": "family",
                "corpora": {"source": "a", "target": "b", "train": ["x/y"], "valid": ["x/z"]},
                "model": config.model_dump(),
                "training": {"label_smoothing": 0.0},
            }
        )
        keras.utils.set_random_seed(number)
        model = Seq2Seq(config, tiny_tokenizer.vocab_size, tiny_tokenizer.vocab_size)
        write_bundle(
            tmp_path / f"{number:03}",
            recipe,
            TokenizerPair(tiny_tokenizer, tiny_tokenizer, True),
            weights_of(model),
            {"parameters": 1},
        )
    code = f"import json, sys, test_seq2seq; json.dump(test_seq2seq.decode_bundles({str(tmp_path)!r}), sys.stdout)"
    fresh = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parent), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=Path(__file__).parents[3],
    )
    here = decode_bundles(tmp_path)
    assert len(here) == len(CHOSEN)
    assert json.loads(fresh.stdout) == here


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"decoder": {"attention": "none", "copy_source": "pointer_generator"}}, "properties of attention"),
        ({"decoder": {"attention": "none", "input_feeding": True}}, "what attention has found"),
        ({"decoder": {"attention": "none", "initial_state": "zero"}}, "source would not be seen"),
        ({"decoder": {"attention": "dot", "coverage": True}}, "additive attention"),
        ({"decoder": {"attention": "general", "heads": 2}}, "needs attention dot or scaled_dot"),
        ({"decoder": {"attention": "dot", "heads": 3}}, "must divide"),
        ({"decoder": {"feed_token": False}}, "fed nothing"),
        ({"decoder": {"layers": 2, "copy_source": "pointer"}}, "set query to top"),
        ({"encoder": {"units": 7}}, "even number"),
    ],
)
def test_combinations_that_make_no_sense_are_refused_with_a_reason(settings, reason):
    with pytest.raises(ValueError, match=reason):
        ModelConfig.model_validate(settings)


def test_dropout_is_a_function_of_its_seed():
    config = ModelConfig.model_validate({"encoder": {"units": 8}, "decoder": {"units": 8}, "dropout": 0.5})
    model = Seq2Seq(config, VOCAB, VOCAB)
    first, again, other = (
        model.teacher_forced(tf.constant(SOURCE), tf.constant(TARGET_IN), tf.constant([1, step]))[0].readout.numpy()
        for step in (7, 7, 8)
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
    memory, state = reversing.encode(tf.constant(SOURCE), Dropout(0.0, None))
    expected, expected_state = plain.encode(tf.constant(backwards), Dropout(0.0, None))
    np.testing.assert_allclose(state.layers[0].cell, expected_state.layers[0].cell, atol=1e-6)
    np.testing.assert_allclose(memory.values[0], expected.values[0, ::-1], atol=1e-6)
    np.testing.assert_allclose(memory.values[1, :3], expected.values[1, 2::-1], atol=1e-6)
