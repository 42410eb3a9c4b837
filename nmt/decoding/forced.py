"""Forced decoding: what a model says about outputs that are given, in one teacher-forced pass.

A search that wrote an output has computed the same numbers on its way; here they are had for any output, and for the
few that are shown, without a search that carries them along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.dataset import EncodedCorpus, Sequences, batches, plan_epoch
from nmt.decoding.ensemble import Ensemble, weighted_mean
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS

Floats = npt.NDArray[np.float32]

_TOKENS_PER_BATCH = 1024  # of the target, for each of which there is a row of the whole vocabulary


class Forced(NamedTuple):
    """What a model says about the T tokens of an output, given a source of S steps.

    Attributes:
        log_probabilities: [T], log P(token | the source, the tokens before it) in nats.
        weights: [T, S], where the model looked when it wrote each token, in the order of the source as it was given;
            S counts the source's EOS. None for a model without attention.
        generate: [T], the probability that the token was generated and not copied (See et al. 2017, equation 8). None
            for a model that does not choose.
        copied: [T], how much of P(token) is copied, 0 to 1: all of it where the vocabulary has no such word. None as
            for ``generate``.
    """

    log_probabilities: Floats
    weights: Floats | None
    generate: Floats | None
    copied: Floats | None = None


class ForcedDecoder:
    """Runs a model, or an ensemble, over pairs of sources and outputs.

    The probabilities of an ensemble are the combined ones. Its attention and its probability of generating are the
    weighted means over the members that have such.

    Args:
        model: the network, or the networks that vote.
        tokens_per_batch: most target tokens of a batch, padding included; as many source tokens twice over.
    """

    def __init__(self, model: Seq2Seq | Ensemble, tokens_per_batch: int = _TOKENS_PER_BATCH) -> None:
        self._model = model
        self._tokens_per_batch = tokens_per_batch
        ids = tf.TensorSpec([None, None], tf.int32)
        self._function = tf.function(self._run, input_signature=[model.source_spec, ids, ids])

    def force(self, sources: Sequence[Any], outputs: Sequence[Sequence[int]]) -> list[Forced]:
        """Returns what the model says about each output, in the order given.

        Args:
            sources: ids [S], which end in EOS, or marked vectors [S, 1 + F]; one for each output.
            outputs: ids [T] without BOS; with EOS where the output has come to its end.
        """
        if not outputs:
            return []
        results: list[Any] = [None] * len(outputs)
        kind = np.float32 if np.ndim(sources[0]) > 1 else np.int32
        pairs = Sequences.of(sources, kind), Sequences.of([BOS, *ids] for ids in outputs)
        lengths = pairs[0].lengths, pairs[1].lengths - 1
        plan = plan_epoch(*lengths, self._tokens_per_batch, 0, 0, window=len(outputs))
        for rows, batch in zip(plan, batches(EncodedCorpus(*pairs, np.arange(len(outputs))), plan), strict=True):
            parts = {name: array.numpy() for name, array in self._function(*batch).items()}
            for place, row in enumerate(rows.tolist()):
                source, target = (int(side[row]) for side in lengths)
                weights = parts.get("weights")
                results[row] = Forced(
                    parts["log_probabilities"][place, :target],
                    None if weights is None else weights[place, :target, :source],
                    parts["generate"][place, :target] if "generate" in parts else None,
                    parts["copied"][place, :target] if "copied" in parts else None,
                )
        return results

    def _run(self, source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> dict[str, tf.Tensor]:
        model = self._model
        members = model.models if isinstance(model, Ensemble) else [model]
        shares = model.weights if isinstance(model, Ensemble) else [1.0]
        passes = [member.teacher_forced(source, target_in) for member in members]
        logits = [member.logits(*result) for member, result in zip(members, passes, strict=True)]  # [B, T, V]
        combined = model.combine(logits) if isinstance(model, Ensemble) else tf.cast(logits[0], tf.float32)
        chosen = tf.gather(combined, target_out, batch_dims=2) - tf.reduce_logsumexp(combined, axis=-1)  # [B, T]
        outputs = [output for output, _ in passes]
        generate = [None if each.generate is None else tf.sigmoid(each.generate) for each in outputs]
        found = {
            "weights": weighted_mean([each.weights for each in outputs], shares),
            "generate": weighted_mean(generate, shares),
            "copied": weighted_mean(
                [
                    None if one is None else _copied_share(one, output.weights, memory.tokens, target_out, own)
                    for one, (output, memory), own in zip(generate, passes, logits, strict=True)
                ],
                shares,
            ),
        }
        return {"log_probabilities": chosen} | {name: part for name, part in found.items() if part is not None}


def _copied_share(
    generate: tf.Tensor, weights: tf.Tensor, tokens: tf.Tensor, target_out: tf.Tensor, logits: tf.Tensor
) -> tf.Tensor:
    """Returns how much of the probability of ``target_out`` [B, T] is copied from the source ``tokens`` [B, S]."""
    same = tf.cast(target_out[:, :, None] == tokens[:, None], tf.float32)  # [B, T, S]
    copied = (1.0 - generate) * tf.reduce_sum(weights * same, axis=-1)
    chosen = tf.gather(logits, target_out, batch_dims=2) - tf.reduce_logsumexp(logits, axis=-1)
    return tf.minimum(copied / tf.exp(chosen), 1.0)
