"""What must be asked of a model itself: where its attention looks, whether it reads its source, how it began."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from nmt.dataset import EncodedCorpus, batches, plan_epoch
from nmt.models.layers import Embedding
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import PAD
from nmt.training.validation import CorpusLoss


def sample(corpus: EncodedCorpus, pairs: int) -> EncodedCorpus:
    """Returns at most so many pairs of a corpus, spread evenly over it."""
    chosen = np.unique(np.linspace(0, len(corpus) - 1, min(pairs, len(corpus))).round().astype(int))
    return EncodedCorpus(corpus.source.select(chosen), corpus.target.select(chosen), corpus.lines[chosen])


def exchange_loss(model: Seq2Seq, corpus: EncodedCorpus, tokens_per_batch: int) -> float | None:
    """Returns what it adds to the loss, in nats per token, that each target gets the source of another pair.

    The other pair is half a corpus away. A model that does not read its source loses nothing. None: there is one pair.
    """
    if len(corpus) < 2:
        return None
    others = np.roll(np.arange(len(corpus)), len(corpus) // 2)
    exchanged = EncodedCorpus(corpus.source.select(others), corpus.target, corpus.lines)
    (own, tokens), (other, _) = (CorpusLoss(each, tokens_per_batch).measure(model) for each in (corpus, exchanged))
    return (other - own) / tokens


def attention_weights(model: Seq2Seq, corpus: EncodedCorpus, tokens_per_batch: int) -> list[Any]:
    """Returns the attention weights [T, S] of each pair by teacher forcing, without padding; nothing without attention.

    S counts the source's EOS, T the target's. The weights are the mean of the heads.
    """
    if model.config.decoder.attention == "none":
        return []
    ids = tf.TensorSpec([None, None], tf.int32)

    def weights_of_batch(source: tf.Tensor, target_in: tf.Tensor) -> tuple[tf.Tensor, ...]:
        output, memory = model.teacher_forced(source, target_in)
        return output.weights, tf.reduce_sum(tf.cast(memory.mask, tf.int32), axis=1)

    function = tf.function(weights_of_batch, input_signature=[model.source_spec, ids])
    plan = plan_epoch(corpus.source.lengths, corpus.target.lengths - 1, tokens_per_batch, 0, 0)
    found: dict[int, Any] = {}
    for numbers, batch in zip(plan, batches(corpus, plan), strict=True):
        weights, positions = (array.numpy() for array in function(batch.source, batch.target_in))
        steps = np.count_nonzero(batch.target_in.numpy() != PAD, axis=1)
        for number, row, step_count, position_count in zip(numbers, weights, steps, positions, strict=True):
            found[int(number)] = row[:step_count, :position_count]
    return [found[number] for number in range(len(corpus))]


def embedding_tables(model: Seq2Seq) -> dict[str, tuple[set[str], Any]]:
    """Returns the embedding matrices [V, E] by name, each with its roles: source, target, output."""
    roles = {"source": model.source_embedding, "target": model.target_embedding, "output": model.output_embedding}
    tables: dict[str, tuple[set[str], Any]] = {}
    for role, table in roles.items():
        if isinstance(table, Embedding):
            tables.setdefault(table.name, (set(), table.table.numpy()))[0].add(role)
    return {"/".join(sorted(names)): (names, array) for names, array in tables.values()}
