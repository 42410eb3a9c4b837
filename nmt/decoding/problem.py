"""What a search starts from, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.decoding.constraints import Conditions
from nmt.decoding.wished_length import Wish

Step = Callable[[tf.Tensor, Any, Any], tuple[tf.Tensor, Any, Any]]
"""Takes the last tokens int32 [B, K], the memory and the state; returns logits float32 [B, K, V], the new state, and
attention weights [B, K, S] or None. V is static, or the number of tokens of the shortlist, or greater by the longest
source of the batch, whose unknown words may be copied."""


class Problem(NamedTuple):
    """What a search starts from."""

    step: Step
    first: Any  # the state before the first step, each tensor [B*K, ...], the same for a sentence's K hypotheses
    max_lengths: tf.Tensor  # int32 [B]: the most tokens of an output, EOS counted
    memory: Any = ()  # what the step needs of each sentence, each tensor [B, ...]
    never: tuple[int, ...] = ()  # tokens that no output has
    min_lengths: tf.Tensor | None = None  # int32 [B]: the fewest, EOS counted; None for any
    mask: tf.Tensor | None = None  # bool [B, S]: the real source tokens; only for a coverage penalty
    seeds: tf.Tensor | None = None  # uint32 [B]: a number for each source; only for sampling
    conditions: Conditions = Conditions()  # what is asked of each sentence
    # int32 [V']: the tokens that logits are of, the special ones first; None for all. With it, no condition, n-gram or
    # repetition can be looked at, nor can XLA compile the search.
    shortlist: tf.Tensor | None = None
    wish: Wish | None = None  # how many words the outputs of each sentence are to have

    @property
    def rows(self) -> tuple[Any, ...]:
        """All that there is for each sentence, each tensor [B, ...]; an empty tuple for what there is not."""
        words = None if self.wish is None else self.wish.words
        each = (self.max_lengths, self.memory, self.min_lengths, self.mask, self.seeds, words, self.conditions)
        return tuple(() if part is None else part for part in each)

    def with_rows(self, rows: tuple[Any, ...]) -> Problem:
        """Returns the same problem for other sentences, from what ``rows`` gave."""
        max_lengths, memory, *rest, conditions = rows
        min_lengths, mask, seeds, words = (None if isinstance(part, tuple) else part for part in rest)
        return self._replace(
            max_lengths=max_lengths,
            memory=memory,
            min_lengths=min_lengths,
            mask=mask,
            seeds=seeds,
            conditions=conditions,
            wish=None if self.wish is None else self.wish._replace(words=words),
        )


class Hypotheses(NamedTuple):
    """The result, best first or as it was drawn; a score of -1e9 marks a place that no output took."""

    tokens: tf.Tensor  # int32 [B, K, L]: end in EOS where there was room, PAD behind it
    scores: tf.Tensor  # float32 [B, K]
    log_probabilities: tf.Tensor  # float32 [B, K]: without norm and penalties
