"""Ensembles: several models that vote on every token (Sutskever et al. 2014, section 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from nmt.models.attention import Memory
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Projections, Seq2Seq

Combination = Literal["linear", "log_linear"]


class EnsembleMemory(NamedTuple):
    """The members' memories, and the ``mask`` [B, S] that they share."""

    members: list[Memory]
    mask: tf.Tensor


class Ensemble:
    """Models of one vocabulary behind the interface of one model.

    With member probabilities p_m and weights w_m that sum to 1, the ensemble's are

        linear:      sum_m w_m p_m            log_linear:  proportional to prod_m p_m^(w_m)

    Args:
        models: the members.
        weights: w_m, scaled to sum to 1; equal by default.
        combination: how the members' probabilities are combined.

    Attributes:
        models: the members.
        weights: w_m, which sum to 1.
    """

    def __init__(
        self, models: Sequence[Seq2Seq], weights: Sequence[float] | None = None, combination: Combination = "log_linear"
    ) -> None:
        self.models = list(models)
        weights = weights or [1.0] * len(self.models)
        self.weights = [weight / sum(weights) for weight in weights]
        self._combination = combination
        self.source_spec = self.models[0].source_spec
        self.target_vocab_size = self.models[0].target_vocab_size

    def encode(self, source: tf.Tensor, dropout: Dropout) -> tuple[EnsembleMemory, list[Any]]:
        """Returns the members' memories and first states."""
        memories, states = zip(*(model.encode(source, dropout) for model in self.models), strict=True)
        return EnsembleMemory(list(memories), memories[0].mask), list(states)

    def projections(self) -> list[Projections]:
        """Returns the members' own; see :meth:`nmt.models.seq2seq.Seq2Seq.projections`."""
        return [model.projections() for model in self.models]

    def shortlist(self, ids: tf.Tensor) -> list[Any] | None:
        """Returns the members' own; see :meth:`nmt.models.seq2seq.Seq2Seq.shortlist`. None where one has none."""
        parts = [model.shortlist(ids) for model in self.models]
        return None if None in parts else parts

    def step(
        self,
        tokens: tf.Tensor,
        memory: EnsembleMemory,
        state: list[Any],
        projections: list[Projections] | None = None,
        shortlist: list[Any] | None = None,
    ) -> tuple[tf.Tensor, list[Any], Any]:
        """Runs one decoding step of every member.

        Args:
            tokens: int32 [B, K], the last token of each hypothesis.
            projections: what ``projections`` gave for these weights; None to compute what is needed of it.
            shortlist: what ``shortlist`` gave for the tokens that may come next; None for all.

        Returns:
            The unnormalised log-probabilities [B, K, V], the members' new states, and what each was computed from.
        """
        nothing = [None] * len(self.models)
        own = zip(memory.members, state, projections or nothing, shortlist or nothing, strict=True)
        steps = [model.step(tokens, *parts) for model, parts in zip(self.models, own, strict=True)]
        combined = self.combine([logits for logits, _, _ in steps])
        return combined, [new for _, new, _ in steps], [output for _, _, output in steps]

    def combine(self, logits: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the unnormalised log-probabilities [..., V] of the ensemble, from each member's."""
        logs = [tf.nn.log_softmax(tf.cast(values, tf.float32)) for values in logits]
        if self._combination == "linear":
            logs = [values + tf.math.log(weight) for values, weight in zip(logs, self.weights, strict=True)]
            return tf.reduce_logsumexp(tf.stack(logs), axis=0)
        return tf.add_n([values * weight for values, weight in zip(logs, self.weights, strict=True)])


def weighted_mean(parts: Sequence[tf.Tensor | None], weights: Sequence[float]) -> tf.Tensor | None:
    """Returns the weighted mean of what the members have; None where no member has any."""
    present = [(part, weight) for part, weight in zip(parts, weights, strict=True) if part is not None]
    if len(present) < 2:
        return present[0][0] if present else None
    total = sum(weight for _, weight in present)
    return tf.add_n([part * (weight / total) for part, weight in present])
