"""Lines in, vectors out: order, blank lines, and that a vector is a function of its line alone."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nmt.bundle import load_bundle
from nmt.decoding.embed import SentenceEncoder, embed_command
from nmt.models.layers import Dropout
from nmt.tokenizer import EOS, PAD

LINES = ["a few words", "", "text", "of small words of a text " * 4, " \u200b ", "a", "words of text", "a"]
FILLED = [index for index, line in enumerate(LINES) if line.strip(" \u200b")]


@pytest.fixture(scope="module", params=["final", "mean"])
def encoder(tiny_bundle, request):
    return SentenceEncoder(load_bundle(tiny_bundle), request.param)


def test_a_vector_does_not_depend_on_the_lines_beside_it(encoder):
    together = encoder.embed(LINES)
    assert together.shape == (len(LINES), encoder.size) == (len(LINES), 6)
    assert together.dtype == np.float32
    alone = np.concatenate([encoder.embed([line]) for line in LINES])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(LINES[::-1], chunk_lines=3)[::-1], alone, atol=1e-5)
    assert len({vector.tobytes() for vector in np.round(alone[FILLED], 3)}) == len(set(LINES)) - 2


def test_a_blank_line_is_a_zero_vector(encoder):
    vectors = encoder.embed(LINES)
    assert [index for index in range(len(LINES)) if vectors[index].any()] == FILLED
    assert encoder.embed(["", " "]).tolist() == [[0.0] * 6] * 2


def test_no_lines_give_no_vectors(encoder):
    assert encoder.embed([]).shape == (0, 6)


def test_pooling_is_what_it_says(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    model = bundle.model()
    ids = np.array([[*bundle.tokenizers.source.encode(["a few words"])[0], EOS, PAD, PAD]], np.int32)
    real = ids[0] != PAD
    values, states = model.encoder.encode(
        model.source_embedding.embed(tf.constant(ids)), tf.constant(real[None]), Dropout(0.0, None)
    )
    final, mean = (SentenceEncoder(bundle, pooling).embed(["a few words"])[0] for pooling in ("final", "mean"))
    np.testing.assert_allclose(final, states[-1].hidden[0], atol=1e-6)
    np.testing.assert_allclose(mean, values.numpy()[0, real].mean(axis=0), atol=1e-6)
    # Forward, the state after the last step; backward, that after the first.
    np.testing.assert_allclose(final, [*values[0, real.sum() - 1, :3], *values[0, 0, 3:]], atol=1e-6)


def test_the_array_is_written_to_the_name_it_was_given(tiny_bundle, tmp_path, capsys):
    (tmp_path / "source").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    embed_command(load_bundle(tiny_bundle), tmp_path / "source", tmp_path / "vectors", "mean")
    assert np.load(tmp_path / "vectors").shape == (len(LINES), 6)
    assert "8 vectors of 6 numbers" in capsys.readouterr().err


def test_the_array_can_be_written_into_a_pipe(tiny_bundle, tmp_path):
    (tmp_path / "source").write_text("a few\n")
    reading, writing = os.pipe()
    embed_command(load_bundle(tiny_bundle), tmp_path / "source", Path(f"/dev/fd/{writing}"), "final")
    os.close(writing)
    with open(reading, "rb") as stream:
        assert np.load(io.BytesIO(stream.read())).shape == (1, 6)
