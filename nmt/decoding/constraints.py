"""What is asked of a single output: how it begins, what it must say, and what it must not say.

A prefix leaves one token at each of its steps. A forbidden phrase is stopped at its last token. Required phrases are
met by dynamic beam allocation (Post and Vilar 2018): each hypothesis is also offered the next token of every phrase
that it lacks, and the beam is shared among the candidates by how many required tokens they have, so that those which
have many need not be as probable as those which have none. The shares are dealt in turns, as by Hu et al. 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.decoding.restrictions import NEVER, forbid
from nmt.tokenizer import PAD, UNK

Ids = tuple[int, ...]


class Condition(NamedTuple):
    """What is asked of the outputs of one source, in ids of the target.

    Attributes:
        prefix: the output begins with it; it also has what would be forbidden.
        required: phrases that the output has, in any order and anywhere; they may overlap.
        forbidden: phrases that it does not have.
    """

    prefix: Ids = ()
    required: tuple[Ids, ...] = ()
    forbidden: tuple[Ids, ...] = ()

    def unmet(self, ids: Sequence[int]) -> int:
        """Returns how many of the required phrases, and of the prefix if there is one, an output lacks."""
        output = tuple(ids)
        lacking = [phrase for phrase in self.required if not _has(output, phrase)]
        return len(lacking) + (output[: len(self.prefix)] != self.prefix)


class Conditions(NamedTuple):
    """The conditions of a batch, padded with PAD; an empty tuple for a kind that is not asked for."""

    prefix: Any = ()  # int32 [B, P]
    required: Any = ()  # int32 [B, Q, P]
    forbidden: Any = ()  # int32 [B, F, P]


def batch_conditions(conditions: Sequence[Condition]) -> Conditions:
    """Returns the conditions of a batch.

    What has an unknown piece cannot be written: a prefix ends before it, and such phrases are left out. Sizes are
    rounded up to a power of two, so that few differ from batch to batch.
    """
    prefixes = [_known(condition.prefix) for condition in conditions]
    kinds = [[condition.required for condition in conditions], [condition.forbidden for condition in conditions]]
    required, forbidden = (
        [[phrase for phrase in dict.fromkeys(phrases) if phrase and UNK not in phrase] for phrases in kind]
        for kind in kinds
    )
    return Conditions(
        _padded([[prefix] for prefix in prefixes])[:, 0] if any(prefixes) else (),
        _padded(required) if any(required) else (),
        _padded(forbidden) if any(forbidden) else (),
    )


def force_prefix(logits: tf.Tensor, masked: tf.Tensor, prefix: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Leaves the sentences that are still in their prefix one token.

    Args:
        logits: [R, W, V].
        masked: the same, after other restrictions, which hold behind the prefix.
        prefix: int32 [R, P].
        time: number of tokens so far.
    """
    longest = prefix.shape[1]
    token = tf.where(time < longest, tf.gather(prefix, tf.minimum(time, longest - 1), axis=1), PAD)  # [R]
    only = tf.where(tf.one_hot(token, logits.shape[-1], True, False)[:, None], logits, NEVER)
    return tf.where((token == PAD)[:, None, None], masked, only)


def forbid_phrases(logits: tf.Tensor, outputs: tf.Tensor, time: tf.Tensor, phrases: tf.Tensor) -> tf.Tensor:
    """Forbids the last token of each phrase to the outputs that end in the tokens before it.

    Args:
        logits: [R, W, V].
        outputs: the tokens so far, [R, W, L].
        time: their number.
        phrases: int32 [R, F, P].
    """
    longest = phrases.shape[2]
    lengths = tf.reduce_sum(tf.cast(phrases != PAD, tf.int32), axis=2)  # [R, F]
    last = tf.gather(phrases, tf.maximum(lengths - 1, 0)[:, :, None], batch_dims=2)[:, :, 0]
    shape = tf.concat([tf.shape(logits)[:2], [phrases.shape[1]]], axis=0)  # [R, W, F]
    follows = tf.fill(shape, True)
    for place in range(longest - 1):
        # This token of a phrase, against the one that is as far from the end of the output.
        back = time - (lengths - 1) + place  # [R, F]
        inside = tf.broadcast_to(tf.maximum(back, 0)[:, None], shape)
        there = tf.gather(outputs, tf.minimum(inside, tf.shape(outputs)[2] - 1), batch_dims=2)
        matches = (there == phrases[:, None, :, place]) & (back >= 0)[:, None]
        follows = follows & (matches | (place >= lengths - 1)[:, None])
    return forbid(logits, tf.broadcast_to(last[:, None], shape), follows)


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


def _known(ids: Ids) -> Ids:
    return ids[: ids.index(UNK)] if UNK in ids else ids


def _has(output: Ids, phrase: Ids) -> bool:
    return any(output[begin : begin + len(phrase)] == phrase for begin in range(len(output) - len(phrase) + 1))


def _padded(phrases: Sequence[Sequence[Ids]]) -> npt.NDArray[np.int32]:
    """Returns the phrases of every source as an array [B, X, P]."""
    most = max(map(len, phrases))
    longest = max(len(phrase) for own in phrases for phrase in own)
    padded = np.full((len(phrases), _rounded(most), _rounded(longest)), PAD, np.int32)
    for row, own in enumerate(phrases):
        for place, phrase in enumerate(own):
            padded[row, place, : len(phrase)] = phrase
    return padded


def _rounded(number: int) -> int:
    return 1 << (number - 1).bit_length()
