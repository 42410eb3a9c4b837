"""The loss of a corpus, whatever its batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.dataset import EncodedCorpus, Sequences
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS
from nmt.training.validation import CorpusLoss

SOURCES = [[4, 5, EOS], [6, EOS], [7, 8, 9, 4, EOS]]
TARGETS = [[BOS, 9, EOS], [BOS, 4, 5, 6, EOS], [BOS, 7, 7, EOS]]


@pytest.mark.parametrize("tokens_per_batch", [1, 8, 100])
def test_is_the_sum_over_all_tokens(tokens_per_batch):
    keras.utils.set_random_seed(2)
    settings = {"embedding": {"size": 6}, "encoder": {"units": 8}, "decoder": {"units": 8}}
    model = Seq2Seq(ModelConfig.model_validate(settings), 12, 12)
    corpus = EncodedCorpus(Sequences.of(SOURCES), Sequences.of(TARGETS), np.arange(3))
    loss = CorpusLoss(corpus, tokens_per_batch)
    nll, tokens = loss.measure(model)
    line_nll, line_tokens = loss.measure_lines(model)
    expected = []
    for source, target in zip(SOURCES, TARGETS, strict=True):
        output, memory = model.teacher_forced(tf.constant([source]), tf.constant([target[:-1]]))
        log_probabilities = tf.nn.log_softmax(model.logits(output, memory)).numpy()[0]
        expected.append(-log_probabilities[range(len(target) - 1), target[1:]].sum())
    assert tokens == sum(len(target) - 1 for target in TARGETS)
    assert line_tokens.tolist() == [len(target) - 1 for target in TARGETS]
    np.testing.assert_allclose(nll, sum(expected), rtol=1e-5)
    np.testing.assert_allclose(line_nll, expected, rtol=1e-5)
