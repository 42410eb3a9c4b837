"""Lines in, vectors out: what the encoder makes of a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt import textio
from nmt.bundle import Bundle
from nmt.decoding.batches import encode_filled, length_batches
from nmt.errors import UsageError
from nmt.models.bridge import masked_mean
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Seq2Seq
from nmt.storage import atomic_file
from nmt.tokenizer import PAD

Pooling = Literal["final", "mean"]
Vectors = npt.NDArray[np.float32]

_CHUNK_LINES = 2_000  # lines that are sorted by length together


class SentenceEncoder:
    """Turns lines into vectors with the encoder of a bundle.

    Args:
        bundle: the trained model.
        pooling: ``final``, the hidden state of the top layer after the sentence's end, both directions side by side
            (Sutskever et al. 2014, section 3.8); ``mean``, the mean of the memory over the sentence's steps.

    Raises:
        UsageError: the bundle does not take text.
    """

    def __init__(self, bundle: Bundle, pooling: Pooling = "final") -> None:
        if bundle.recipe.model.encoder.input != "tokens":
            raise UsageError(
                f"{bundle.folder}: its sources are vectors already",
                expected="a bundle that was trained on text",
                action="Give another bundle",
            )
        self._bundle = bundle
        self._normalize = bundle.normalize
        self._reader = bundle.copier or bundle.tokenizers.source
        model = bundle.model()
        ids = tf.TensorSpec([None, None], tf.int32)
        self._summary = tf.function(lambda source: _summary(model, source, pooling), input_signature=[ids])
        self.size = int(self._summary.get_concrete_function().output_shapes[-1])
        """D, the length of a vector."""

    def embed(self, lines: Iterable[str], chunk_lines: int = _CHUNK_LINES) -> Vectors:
        """Returns one vector per line [N, D], in order. That of a blank line is zero.

        Args:
            lines: the sentences.
            chunk_lines: lines that are held in memory together.
        """
        remaining = iter(lines)
        chunks = [np.zeros((0, self.size), np.float32)]
        while chunk := list(islice(remaining, chunk_lines)):
            chunks.append(self._embed_chunk(chunk))
        return np.concatenate(chunks)

    def _embed_chunk(self, lines: list[str]) -> Vectors:
        filled, sources = encode_filled([self._normalize(line) for line in lines], self._reader)
        vectors = np.zeros((len(lines), self.size), np.float32)
        for chosen, batch in length_batches(sources, self._bundle.recipe.decoding.tokens_per_batch):
            vectors[[filled[index] for index in chosen]] = self._summary(tf.constant(batch)).numpy()
        return vectors


def _summary(model: Seq2Seq, source: tf.Tensor, pooling: Pooling) -> tf.Tensor:
    """Returns the encoder's summary [B, D] of source ids [B, S]."""
    mask = source != PAD
    memory, states = model.encoder.encode(model.source_embedding.embed(model.known(source)), mask, Dropout(0.0, None))
    if pooling == "final":
        return states[-1].hidden
    return masked_mean(memory, mask)


def embed_command(bundle: Bundle, source: Path | None, target: Path, pooling: Pooling) -> None:
    """Writes the vectors of a file's lines, or of standard input's, as one NumPy array, float32 [N, D]."""
    encoder = SentenceEncoder(bundle, pooling)
    vectors = encoder.embed(textio.read_input(source))
    with atomic_file(target) as stream:
        # np.save cannot write into a pipe.
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(vectors))
        stream.write(vectors.data)
    if sys.stderr is not None:
        print(f"{len(vectors):,} vectors of {encoder.size:,} numbers: {target}", file=sys.stderr)
