"""Validation: the loss of the references, and the score of what the model itself writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nmt.config import Recipe
from nmt.copied_words import CopyTokenizer
from nmt.dataset import EncodedCorpus, batches, plan_epoch
from nmt.decoding.decoder import BatchDecoder
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import Tokenizer
from nmt.training.loss import log_likelihoods, token_losses


class CorpusLoss:
    """Measures how well a model predicts the targets of a corpus, by teacher forcing.

    Args:
        corpus: the pairs as ids.
        tokens_per_batch: most target tokens of a batch, its padding included.
    """

    def __init__(self, corpus: EncodedCorpus, tokens_per_batch: int) -> None:
        self._corpus = corpus
        self._plan = plan_epoch(corpus.source.lengths, corpus.target.lengths - 1, tokens_per_batch, 0, 0)
        self._function: Any = None

    def measure(self, model: Seq2Seq) -> tuple[float, int]:
        """Returns the negative log-likelihood in nats and the number of tokens, EOS counted; always of one model."""
        if self._function is None:
            ids = tf.TensorSpec([None, None], tf.int32)

            def batch_nll(source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> tuple[tf.Tensor, ...]:
                return token_losses(model, *model.teacher_forced(source, target_in), target_out)[1:]

            self._function = tf.function(batch_nll, input_signature=[model.source_spec, ids, ids])
        results = [self._function(*batch) for batch in batches(self._corpus, self._plan)]
        return sum(float(nll) for nll, _ in results), sum(int(tokens) for _, tokens in results)

    def measure_lines(self, model: Seq2Seq) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Returns for each pair what ``measure`` returns for all [N].

        The sums are the same to the last bit whether or not this process has trained before: from here on, it computes
        with deterministic operations, as training does.
        """
        tf.config.experimental.enable_op_determinism()
        ids = tf.TensorSpec([None, None], tf.int32)

        def line_nll(source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> tf.Tensor:
            return -log_likelihoods(model, *model.teacher_forced(source, target_in), target_out)

        function = tf.function(line_nll, input_signature=[model.source_spec, ids, ids])
        nll = np.zeros(len(self._corpus))
        for rows, batch in zip(self._plan, batches(self._corpus, self._plan), strict=True):
            nll[rows] = function(*batch).numpy()
        return nll, self._corpus.target.lengths - 1


class Validator:
    """Scores a model on the validation set by greedy search.

    Args:
        recipe: decoding limits and the score's options.
        tokenizer: the target's vocabulary.
        corpus: the validation pairs as ids.
        references: their target texts, as they are in the corpus.
        sources: their normalised source texts, whose unknown words may be copied where the tokenizer says so.
    """

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: Tokenizer,
        corpus: EncodedCorpus,
        references: Sequence[str],
        sources: Iterable[str] = (),
    ) -> None:
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._corpus = corpus
        self._references = references
        self._copier = tokenizer if isinstance(tokenizer, CopyTokenizer) else None
        self._unknown = [self._copier.unknown_words(text) for text in sources] if self._copier else []
        self._sources = corpus.source.rows()
        self._decoder: BatchDecoder | None = None
        self._loss = CorpusLoss(corpus, recipe.dataset.tokens_per_batch)

    def measure(self, model: Seq2Seq) -> dict[str, float]:
        """Returns ``valid_loss`` in nats per token, ``bleu``, ``chrf``, ``exact``, and ``rougeL`` if it selects.

        ROUGE is that of unstemmed words here, whatever the evaluation's options.
        """
        from nmt.evaluation.metrics import MetricOptions
        from nmt.evaluation.scores import score_lines

        if self._decoder is None:
            self._decoder = BatchDecoder(model, self._recipe.decoding.greedy(), final_weights=False)
        nll, tokens = self._loss.measure(model)
        outputs = self._decoder.decode_ids(self._sources)
        if self._copier is not None:
            hypotheses = self._copier.decode(outputs, self._unknown)
        else:
            hypotheses = self._tokenizer.decode(outputs)
        options = MetricOptions.of(
            self._recipe.evaluation.model_copy(update={"stemmer": False, "rouge_words": "unicode"})
        )
        metrics = ["bleu", "chrf", "exact"]
        metrics += ["rougeL"] if self._recipe.training.select_on == "rougeL" else []
        scores = score_lines(hypotheses, [self._references], metrics, options)
        return {"valid_loss": nll / tokens} | {score.name: score.value for score in scores}
