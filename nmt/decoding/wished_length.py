"""Outputs of a wished number of words: ``decoding.wished_length``.

Words are counted, not tokens: a word begins at a piece that stands behind white space, so text of scripts without
spaces has one. With the wish n and the slack s, an output of w words cannot end before n - sn words, and begins no new
word from n + sn on; the word that it is in, with the punctuation behind it, it may finish. Where there is any slack, sn
is at least one word. Between the two, the search ends where the model would end; of several ends that which is nearer
to the wish is preferred:

    score = log P / norm - weight |w - n| / n
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.decoding.restrictions import NEVER, forbid_end
from nmt.decoding_config import WishedLengthConfig
from nmt.tokenizer import EOS, PAD, UNK, Tokenizer, TokenizerPair

_SPACE = "▁"  # SentencePiece's mark of white space


class WordStarts(NamedTuple):
    """Which pieces begin a word, bool [V] of each side."""

    source: npt.NDArray[np.bool_]
    target: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, tokenizers: TokenizerPair) -> WordStarts:
        """Returns those of two vocabularies."""
        return cls(_starts(tokenizers.source), _starts(tokenizers.target))


class Wish(NamedTuple):
    """How many words the outputs of each row are to have, int32 [R], and which tokens begin one, bool [V]."""

    words: tf.Tensor
    starts: tf.Tensor

    @classmethod
    def of(cls, config: WishedLengthConfig, source: tf.Tensor, starts: WordStarts) -> Wish:
        """Returns the wishes for sources int32 [B, S]."""
        if config.words is not None:
            words = tf.fill(tf.shape(source)[:1], config.words)
        else:
            there = tf.cast(count_words(source, tf.constant(starts.source)), tf.float32)
            words = tf.maximum(tf.cast(tf.round(there * (config.ratio or 0.0)), tf.int32), 1)
        return cls(words, tf.constant(starts.target))

    def longest(self, config: WishedLengthConfig) -> tf.Tensor:
        """Returns how many tokens outputs may have, int32 [R]: room for the words, EOS counted."""
        return self._bounds(config)[1] * config.tokens_per_word + 1

    def keep_near(self, logits: tf.Tensor, outputs: tf.Tensor, config: WishedLengthConfig) -> tf.Tensor:
        """Forbids ends that come too early, and words that come too late.

        Args:
            logits: [R, W, V], or of more tokens than the vocabulary has; each of these is a word.
            outputs: the tokens so far, [R, W, L].
            config: the slack.
        """
        least, most = (bound[:, None] for bound in self._bounds(config))
        count = count_words(outputs, self.starts)  # [R, W]
        logits = forbid_end(logits, count < least)
        size = tf.shape(logits)[-1]
        words = tf.pad(self.starts, [[0, size - tf.size(self.starts)]], constant_values=True)
        # A word is complete where the best that could follow is another one: forced on, it would become no word.
        complete = tf.gather(words, tf.argmax(logits, axis=-1))[:, :, None]  # [R, W, 1]
        stops = words | (complete & (tf.range(size) != EOS))
        return tf.where((count >= most)[:, :, None] & stops, NEVER, logits)

    def penalty(self, outputs: tf.Tensor, config: WishedLengthConfig) -> tf.Tensor:
        """Returns what is taken from the scores of ``outputs`` [R, C, L] where they end, [R, C]."""
        wished = tf.cast(self.words, tf.float32)[:, None]
        distance = tf.abs(tf.cast(count_words(outputs, self.starts), tf.float32) - wished)
        return config.weight * distance / wished

    def _bounds(self, config: WishedLengthConfig) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the fewest and the most words, each int32 [R]."""
        slack = tf.cast(tf.round(tf.cast(self.words, tf.float32) * config.slack), tf.int32)
        slack = tf.maximum(slack, 1) if config.slack else slack
        return tf.maximum(self.words - slack, 1), self.words + slack


def count_words(tokens: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Returns how many words begin in ``tokens`` int32 [..., L], given which do, bool [V]; int32 [...]."""
    last = tf.size(starts) - 1
    # What is not in the vocabulary is a word of the source, copied as a whole.
    begins = (tokens > last) | tf.gather(starts, tf.minimum(tokens, last))
    # Nothing stands before the first word.
    first = (tf.range(tf.shape(tokens)[-1]) == 0) & (tokens != PAD) & (tokens != EOS)
    begins = begins | first
    return tf.reduce_sum(tf.cast(begins, tf.int32), axis=-1)


def _starts(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    starts = np.array([piece.startswith(_SPACE) for piece in tokenizer.pieces])
    starts[UNK], starts[EOS] = True, False
    return starts
