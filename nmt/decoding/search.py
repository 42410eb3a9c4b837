"""Beam search. Greedy search is a beam of one.

The search knows no model: it asks a ``step`` function for log-probabilities. It is made of TensorFlow operations with
the same shapes at every step, so it can run inside a compiled graph.

At every step each sentence has K live hypotheses and up to K finished ones. All continuations of the live ones are
compared; the best K that do not end become the next live ones, and those that end and are among the best K of all
compete for the finished places by their normalised score::

    score = log P(tokens) / length^a

A sentence is done when K hypotheses have finished, or when no live one can still beat the worst finished one; then it
is frozen, so that its result does not depend on the sentences beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.tokenizer import BOS, EOS, PAD

NEVER = -1e9

Step = Callable[[tf.Tensor, Any], tuple[tf.Tensor, Any]]


class BeamState(NamedTuple):
    """Everything the search carries from step to step."""

    time: tf.Tensor  # int32 []: tokens produced so far
    live_tokens: tf.Tensor  # int32 [B, K, L]
    live_scores: tf.Tensor  # float32 [B, K]: log-probabilities
    finished_tokens: tf.Tensor  # int32 [B, K, L]: end in EOS where there was room
    finished_scores: tf.Tensor  # float32 [B, K]: normalised; -1e9 marks a free place
    finished_log_probabilities: tf.Tensor  # float32 [B, K]: not normalised
    done: tf.Tensor  # bool [B]
    model: Any  # the state of the step function, each tensor [B*K, ...]


class Hypotheses(NamedTuple):
    """The result, best first; a score of -1e9 marks a place that no output took."""

    tokens: tf.Tensor  # int32 [B, K, L]: end in EOS where there was room, PAD behind it
    scores: tf.Tensor  # float32 [B, K]: normalised
    log_probabilities: tf.Tensor  # float32 [B, K]: not normalised


def beam_search(
    step: Step,
    model_state: Any,
    max_lengths: tf.Tensor,
    beam_size: int,
    length_penalty: tf.Tensor | float,
    longest: tf.Tensor | None = None,
) -> Hypotheses:
    """Searches for the best outputs of a batch of sentences.

    Args:
        step: takes the last tokens int32 [B, K] and the state, returns log-probabilities float32 [B, K, V] and the new
            state; a token with -1e9 is never chosen.
        model_state: state before the first step, a nest of tensors [B*K, ...], the same for a sentence's K hypotheses.
        max_lengths: int32 [B], the most tokens of an output, EOS counted.
        beam_size: K.
        length_penalty: a.
        longest: int32 [], the L of the result; the greatest of ``max_lengths`` by default.

    Returns:
        The hypotheses of every sentence, best first.
    """
    batch = tf.shape(max_lengths)[0]
    longest = tf.reduce_max(max_lengths) if longest is None else longest
    shape = tf.stack([batch, beam_size, longest])
    # All live hypotheses start equal: only the first may be continued, or the beam would hold K copies of it.
    first = tf.concat([tf.zeros([batch, 1]), tf.fill([batch, beam_size - 1], NEVER)], axis=1)
    state = BeamState(
        time=tf.constant(0),
        live_tokens=tf.fill(shape, PAD),
        live_scores=first,
        finished_tokens=tf.fill(shape, PAD),
        finished_scores=tf.fill([batch, beam_size], NEVER),
        finished_log_probabilities=tf.fill([batch, beam_size], NEVER),
        done=tf.zeros([batch], tf.bool),
        model=model_state,
    )
    limits = tf.cast(max_lengths, tf.float32) ** length_penalty

    def unfinished(time: tf.Tensor, *rest: Any) -> tf.Tensor:
        return tf.logical_and(time < longest, tf.logical_not(tf.reduce_all(BeamState(time, *rest).done)))

    def advance(*fields: Any) -> BeamState:
        return _advance(step, BeamState(*fields), beam_size, length_penalty, max_lengths, limits)

    shapes = tf.nest.map_structure(lambda value: value.shape, state)
    shapes = shapes._replace(
        live_tokens=tf.TensorShape([None, beam_size, None]), finished_tokens=tf.TensorShape([None, beam_size, None])
    )
    state = BeamState(*tf.while_loop(unfinished, advance, state, shape_invariants=shapes, parallel_iterations=1))
    return Hypotheses(state.finished_tokens, state.finished_scores, state.finished_log_probabilities)


def _advance(
    step: Step,
    state: BeamState,
    beam_size: int,
    length_penalty: tf.Tensor | float,
    max_lengths: tf.Tensor,
    limits: tf.Tensor,
) -> BeamState:
    batch = tf.shape(state.done)[0]
    position = tf.maximum(state.time - 1, 0)
    last = tf.where(state.time == 0, BOS, tf.gather(state.live_tokens, position, axis=2))
    log_probabilities, model = step(last, state.model)
    vocab_size = tf.shape(log_probabilities)[-1]
    scores = log_probabilities + state.live_scores[:, :, None]  # [B, K, V]
    # An ended hypothesis takes one candidate from each live one at most: 2K candidates always hold K that go on.
    top_scores, top = tf.math.top_k(tf.reshape(scores, [batch, -1]), 2 * beam_size)
    parents, tokens = top // vocab_size, top % vocab_size  # [B, 2K]
    length = state.time + 1
    last_chance = (length >= max_lengths)[:, None]
    ends = tf.logical_or(tokens == EOS, last_chance)
    histories = tf.gather(state.live_tokens, parents, batch_dims=1)  # [B, 2K, L]
    candidates = _write(histories, tokens, state.time)

    # An end below the best K would have left the beam: with K = 1 it is not what greedy search chooses. Padding of the
    # beam itself (scores far below any real one) must not finish either.
    finishes = ends & (tf.range(2 * beam_size) < beam_size) & (top_scores > NEVER / 2)
    normalised = tf.where(finishes, top_scores / tf.cast(length, tf.float32) ** length_penalty, NEVER)
    all_scores = tf.concat([state.finished_scores, normalised], axis=1)  # [B, 3K]
    finished_scores, best = tf.math.top_k(all_scores, beam_size)
    finished_tokens = tf.gather(tf.concat([state.finished_tokens, candidates], axis=1), best, batch_dims=1)
    all_sums = tf.concat([state.finished_log_probabilities, top_scores], axis=1)  # [B, 3K]
    finished_sums = tf.gather(all_sums, best, batch_dims=1)

    live_scores, chosen = tf.math.top_k(tf.where(ends, NEVER, top_scores), beam_size)  # [B, K]
    live_tokens = tf.gather(candidates, chosen, batch_dims=1)
    rows = tf.gather(parents, chosen, batch_dims=1) + tf.range(batch)[:, None] * beam_size
    rows = tf.reshape(rows, [-1])
    model = tf.nest.map_structure(lambda values: tf.gather(values, rows), model)

    frozen = state.done[:, None]
    finished_scores = tf.where(frozen, state.finished_scores, finished_scores)
    finished_sums = tf.where(frozen, state.finished_log_probabilities, finished_sums)
    finished_tokens = tf.where(frozen[:, :, None], state.finished_tokens, finished_tokens)
    worst = finished_scores[:, -1]
    # Scores are negative, so the longest possible output is the kindest to a live hypothesis.
    hopeless = live_scores[:, 0] / limits <= worst
    done = state.done | hopeless | (worst > NEVER / 2) | (length >= max_lengths)
    return BeamState(
        state.time + 1, live_tokens, live_scores, finished_tokens, finished_scores, finished_sums, done, model
    )


def _write(histories: tf.Tensor, tokens: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Puts ``tokens`` [B, C] at position ``time`` of ``histories`` [B, C, L]."""
    here = tf.range(tf.shape(histories)[2]) == time
    return tf.where(here, tokens[:, :, None], histories)
