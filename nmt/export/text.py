"""The in-graph twin of normalisation and tokenizer: from text to ids and back in TensorFlow operations.

Python's ``str`` and SentencePiece's own package are the truth; tests hold the two equal. Characters that are newer than
Python's Unicode data are the exception: TensorFlow Text has data of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import tensorflow as tf
import tensorflow_text as tf_text

from nmt.cleaning.normalize import INVISIBLE, Normalizer, is_mark
from nmt.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerPair


@cache
def characters_where(test: Callable[[str], bool]) -> str:
    """Returns the inside of a character class of RE2: all characters of which ``test`` is true."""
    found = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000 and test(chr(code))]
    inside = set(found)
    begins = [code for code in found if code - 1 not in inside]
    ends = [code for code in found if code + 1 not in inside]
    return "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in zip(begins, ends, strict=True))


SPACE = characters_where(str.isspace)  # as Python has it, which is more than the \s of RE2


class GraphText:
    """What :class:`nmt.cleaning.normalize.Normalizer` and :class:`nmt.tokenizer.Tokenizer` do, for string tensors.

    Args:
        normalizer: the normalisation.
        tokenizers: the vocabularies of both sides.

    Attributes:
        resources: what a SavedModel must hold for the graph to work.
    """

    def __init__(self, normalizer: Normalizer, tokenizers: TokenizerPair) -> None:
        self._steps = normalizer.steps
        self._source = _graph_tokenizer(tokenizers.source)
        self._target = self._source if tokenizers.shared else _graph_tokenizer(tokenizers.target)
        self._guard_bytes = int(tf.strings.length(self._target.detokenize([UNK])))
        pieces = tokenizers.target.pieces
        self._space_byte = pieces.index("<0x20>") if "<0x20>" in pieces else -1  # no space of a piece
        self.resources = [self._source, self._target]

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns texts [N] normalised, each as one line; what is no UTF-8 in them becomes U+FFFD."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        for step in self._steps:
            texts = tf.strings.regex_replace(texts, f"[{INVISIBLE}]", "")
            if step.form != "none":
                texts = tf_text.normalize_utf8(texts, step.form)
            if step.marks == "drop":
                apart = tf_text.normalize_utf8(texts, "NFD")
                texts = tf_text.normalize_utf8(
                    tf.strings.regex_replace(apart, f"[{characters_where(is_mark)}]+", ""), "NFC"
                )
            if step.squeeze_spaces:
                texts = tf.strings.regex_replace(texts, f"[{SPACE}]+", " ")
                texts = tf.strings.regex_replace(texts, "^ | $", "")
        return _as_lines(texts)

    def is_blank(self, texts: tf.Tensor) -> tf.Tensor:
        """Says of which texts [N] nothing is left when white space and invisible marks are dropped."""
        return tf.strings.length(tf.strings.regex_replace(texts, f"[{SPACE}{INVISIBLE}]+", "")) == 0

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids int32 [N, S] of normalised texts [N] as an encoder takes them, behind them EOS."""
        ids = self._source.tokenize(texts)
        return tf.concat([ids, tf.fill([ids.nrows(), 1], EOS)], axis=1)

    def starts(self, text: tf.Tensor) -> tf.Tensor:
        """Returns the characters int32 [S] at which the pieces of a normalised text [] begin."""
        _, begins, _ = self._source.tokenize_with_offsets(text)
        continues = tf.bitwise.bitwise_and(tf.io.decode_raw(text, tf.uint8), 0xC0) == 0x80
        place = tf.concat([[0], tf.cumsum(1 - tf.cast(continues, tf.int32))], axis=0)
        return tf.gather(place, tf.cast(begins, tf.int32))

    def decode(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the texts [B, K] of ids int32 [B, K, L], each read up to its first EOS."""
        shape = tf.shape(tokens)
        flat = tf.reshape(tokens, [-1, shape[2]])
        before_end = tf.cumsum(tf.cast(flat == EOS, tf.int32), axis=1) == 0
        shown = tf.ragged.boolean_mask(flat, before_end & (flat != PAD) & (flat != BOS))
        # The SentencePiece inside of TensorFlow Text drops every space at the beginning, the one of nmt.tokenizer only
        # that of the first piece. Behind another piece nothing is dropped.
        guarded = self._target.detokenize(tf.concat([tf.fill([shown.nrows(), 1], UNK), shown], axis=1))
        texts = tf.strings.substr(guarded, self._guard_bytes, -1)
        texts = tf.where(flat[:, 0] == self._space_byte, texts, tf.strings.regex_replace(texts, "^ ", ""))
        return tf.reshape(_as_lines(texts), shape[:2])


def _graph_tokenizer(tokenizer: Tokenizer) -> tf_text.SentencepieceTokenizer:
    return tf_text.SentencepieceTokenizer(model=tokenizer.to_bytes(), out_type=tf.int32)


def _as_lines(texts: tf.Tensor) -> tf.Tensor:
    """What :func:`nmt.textio.as_line` does."""
    return tf.strings.regex_replace(texts, "\r?\n", " ")
