"""What must hold for networks whose sources are vectors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from nmt.decoding.decoder import BatchDecoder
from nmt.decoding_config import DecodingConfig
from nmt.model_config import ModelConfig
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS, PAD
from nmt.training.loss import token_losses

VOCAB, FEATURES = 20, 3
RANDOM = np.random.default_rng(2)
SEQUENCES = [
    np.pad(RANDOM.normal(size=(steps, FEATURES)), ((0, 0), (1, 0)), constant_values=1.0).astype(np.float32)
    for steps in (4, 2, 1)
]
SEQUENCES[1][1, 1:] = 0.0  # a real vector of zeros, the last one of its sequence
SOURCE = np.stack([np.pad(sequence, ((0, 4 - len(sequence)), (0, 0))) for sequence in SEQUENCES])
TARGET_IN = np.array([[BOS, 8, 7, 5], [BOS, 9, PAD, PAD], [BOS, EOS, EOS, PAD]], np.int32)
TARGET_OUT = np.array([[8, 7, 5, EOS], [9, EOS, PAD, PAD], [EOS, EOS, EOS, PAD]], np.int32)
SIZES = {"embedding": {"size": 6, "tie": "target"}, "dropout": 0.3}


def settings(encoder=None, **decoder):
    encoder = {"input": "vectors", "features": FEATURES, "units": 8, "bidirectional": True} | (encoder or {})
    return SIZES | {"encoder": encoder, "decoder": {"units": 8} | decoder}


SHAPES = {
    "show and tell": settings({"layers": 0}, initial_state="mean", attention="none"),
    "show, attend and tell": settings({"layers": 0, "units": 10}, initial_state="mean", attention="additive"),
    "attention alone": settings({"layers": 0}, initial_state="zero"),
    "image at every step": settings({"layers": 0}, initial_state="zero", attention="none", feed_summary=True),
    "one layer, reversed": settings({"layers": 1, "bidirectional": False, "reverse_source": True}),
    "two layers": settings({"layers": 2, "layer_norm": True}, layers=2, input_feeding=True, coverage=True)
    | {"cell": "gru"},
}
SHAPES["two layers"]["decoder"]["attention"] = "additive"


@pytest.fixture(params=list(SHAPES), ids=list(SHAPES))
def model(request):
    keras.utils.set_random_seed(5)
    return Seq2Seq(ModelConfig.model_validate(SHAPES[request.param]), VOCAB, VOCAB)


def teacher_forced_logits(model, source, target_in):
    return model.logits(*model.teacher_forced(tf.constant(source), tf.constant(target_in))).numpy()


def test_padding_changes_no_logit_and_a_vector_of_zeros_does(model):
    expected = teacher_forced_logits(model, SOURCE, TARGET_IN)
    wide = teacher_forced_logits(model, np.pad(SOURCE, ((0, 0), (0, 3), (0, 0))), TARGET_IN)
    np.testing.assert_allclose(wide[TARGET_IN != PAD], expected[TARGET_IN != PAD], atol=1e-5)
    without = SOURCE.copy()
    without[1, 1] = 0.0
    assert np.abs(teacher_forced_logits(model, without, TARGET_IN)[1, 0] - expected[1, 0]).max() > 1e-4


def test_step_by_step_decoding_equals_teacher_forcing(model):
    expected = teacher_forced_logits(model, SOURCE, TARGET_IN)
    memory, state = model.encode(tf.constant(SOURCE), Dropout(0.0, None))
    for step in range(TARGET_IN.shape[1]):
        logits, state, _ = model.step(tf.constant(TARGET_IN[:, step : step + 1]), memory, state)
        real = TARGET_IN[:, step] != PAD
        np.testing.assert_allclose(logits[:, 0][real], expected[:, step][real], atol=1e-4)


def test_gradients_flow_to_every_weight(model):
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        output, memory = model.teacher_forced(tf.constant(SOURCE), tf.constant(TARGET_IN), tf.constant([1, 2]))
        loss = token_losses(model, output, memory, tf.constant(TARGET_OUT), 0.1).loss
    assert any("source_map" in weight.path for weight in model.trainable_weights)
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0, weight.path


def test_decoding_keeps_the_order_whatever_the_batches(model):
    limits = {"beam_size": 2, "max_output_tokens": 5}
    together = BatchDecoder(model, DecodingConfig(**limits)).decode_ids(SEQUENCES)
    alone = BatchDecoder(model, DecodingConfig(**limits, tokens_per_batch=1))
    assert alone.decode_ids(SEQUENCES) == together
    assert alone.decode_ids(SEQUENCES[::-1]) == together[::-1]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (settings({"features": None}), "give it with model.encoder.input vectors"),
        (settings({"input": "tokens"}), "and only then"),
        (settings() | {"embedding": {"tie": "all"}}, "vectors have none: set it to target"),
        (settings() | {"embedding": {"tie": "source_output"}}, "vectors have none: set it to target"),
        (settings() | {"embedding": {"tie": "none", "source_vectors": "a.vec"}}, "source_vectors"),
        (settings(copy_source="pointer_generator"), "copy_source"),
        ({"encoder": {"layers": 0}, "decoder": {"initial_state": "mean"}}, "layers is 0: only with"),
        (settings({"layers": 0}), "needs the encoder's final states"),
        (settings({"layers": 0}, initial_state="projection"), "needs the encoder's final states"),
        (settings({"layers": 0}, initial_state="zero", attention="none"), "the source would not be seen"),
    ],
)
def test_what_vectors_cannot_do_is_refused_with_a_reason(tree, message):
    with pytest.raises(ValidationError, match=message):
        ModelConfig.model_validate(tree)
