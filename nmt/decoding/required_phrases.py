"""Dynamic beam allocation: a beam whose outputs have phrases that are required (Post and Vilar 2018).

Each hypothesis is also offered the next token of every phrase that it lacks. The beam is shared among the candidates by
how many required tokens they have, so that those which have many need not be as probable as those which have none. The
shares are dealt in turns, as by Hu et al. 2019.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nmt.decoding.restrictions import NEVER
from nmt.tokenizer import PAD


class Progress(NamedTuple):
    """How much of the required phrases X outputs have."""

    met: tf.Tensor  # bool [R, X, Q]: the whole phrase
    begun: tf.Tensor  # bool [R, X, Q, P]: the output ends in so many tokens of the phrase, and one


class RequiredPhrases:
    """What phrases make of the candidates of a search.

    Args:
        phrases: int32 [R, Q, P].
    """

    def __init__(self, phrases: tf.Tensor) -> None:
        self._phrases = phrases
        self._lengths = tf.reduce_sum(tf.cast(phrases != PAD, tf.int32), axis=2)  # [R, Q]
        self._ends = tf.one_hot(self._lengths - 1, phrases.shape[2], True, False)  # [R, Q, P]
        self._banks = phrases.shape[1] * phrases.shape[2] + 1

    def begin(self, width: int) -> Progress:
        """Returns the progress of empty outputs: a phrase that a source does not have is met."""
        met = tf.repeat((self._lengths == 0)[:, None], width, axis=1)  # [R, W, Q]
        return Progress(met, tf.repeat(tf.zeros_like(self._ends)[:, None], width, axis=1))

    def after(self, progress: Progress, tokens: tf.Tensor) -> Progress:
        """Returns the progress of outputs behind which ``tokens`` [R, X] were written."""
        before = tf.concat([tf.ones_like(progress.begun[..., :1]), progress.begun[..., :-1]], axis=-1)
        begun = before & (tokens[:, :, None, None] == self._phrases[:, None])
        return Progress(progress.met | tf.reduce_any(begun & self._ends[:, None], axis=-1), begun)

    def offered(self, progress: Progress, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the next token of each phrase [R, W, Q], and whether it is wanted and new beside ``tokens``."""
        shape = tf.shape(progress.met)
        phrases = tf.broadcast_to(self._phrases[:, None], tf.concat([shape, [self._phrases.shape[2]]], axis=0))
        place = tf.minimum(self._matched(progress), self._phrases.shape[2] - 1)
        following = tf.gather(phrases, place[..., None], batch_dims=3)[..., 0]  # [R, W, Q]
        known = tf.reduce_any(following[..., None] == tokens[:, :, None], axis=-1)
        same = following[..., None] == following[:, :, None]  # [R, W, Q, Q]
        wanted = ~progress.met
        earlier = np.tri(self._phrases.shape[1], k=-1, dtype=bool)
        again = tf.reduce_any(same & earlier & wanted[:, :, None], axis=-1)
        return following, wanted & ~known & ~again

    def unmet(self, progress: Progress) -> tf.Tensor:
        """Returns how many phrases each output lacks, int32 [R, X]."""
        return tf.reduce_sum(tf.cast(~progress.met, tf.int32), axis=-1)

    def deal(self, promise: tf.Tensor, progress: Progress, count: int) -> tf.Tensor:
        """Chooses ``count`` candidates, int32 [R, C], of those with a ``promise`` [R, M] and a progress.

        Candidates with as many required tokens, those of met phrases and of the one that is being written, are a
        bank. The best of each bank are taken first, from the bank with the most tokens downwards, then the second best
        of each, and so on.
        """
        met = tf.reduce_sum(tf.where(progress.met, self._lengths[:, None], 0), axis=-1)  # [R, M]
        writing = tf.reduce_max(tf.where(progress.met, 0, self._matched(progress)), axis=-1)
        _, order = tf.math.top_k(promise, promise.shape[1])  # [R, M]
        bank = tf.gather(met + writing, order, batch_dims=1)
        members = tf.one_hot(bank, self._banks, dtype=tf.int32)  # [R, M, banks]
        rank = tf.reduce_sum(tf.cumsum(members, axis=1, exclusive=True) * members, axis=-1)  # [R, M]
        possible = tf.gather(promise, order, batch_dims=1) > NEVER / 2
        turn = tf.where(possible, bank - rank * self._banks, tf.int32.min)
        return tf.gather(order, tf.math.top_k(turn, count).indices, batch_dims=1)

    def _matched(self, progress: Progress) -> tf.Tensor:
        """Returns how many tokens of a phrase each output ends in, int32 [R, X, Q]."""
        return tf.reduce_max(tf.where(progress.begun, tf.range(1, self._phrases.shape[2] + 1), 0), axis=-1)
