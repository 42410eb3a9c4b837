"""Scheduled sampling: which tokens the decoder is fed instead of the reference's."""

import keras
import numpy as np
import tensorflow as tf

from nmt.config import TrainingConfig
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS, PAD, UNK
from nmt.training.scheduled_sampling import sampled_inputs

VOCAB = 12


def inputs(share, number=100, steps=100, favourite=None):
    config = ModelConfig.model_validate({"embedding": {"size": 4}, "encoder": {"units": 4}, "decoder": {"units": 4}})
    keras.utils.set_random_seed(1)
    model = Seq2Seq(config, VOCAB, VOCAB)
    if favourite is not None:
        model.output_bias.assign(np.eye(VOCAB, dtype=np.float32)[favourite] * 50)
    generator = np.random.default_rng(1)
    target_in = generator.integers(4, VOCAB - 1, size=(40, 30)).astype(np.int32)
    target_in[:, 0] = BOS
    target_in[::2, 20:] = PAD
    source = tf.constant(generator.integers(4, VOCAB, size=(40, 5)).astype(np.int32))
    training = TrainingConfig(scheduled_sampling=share, scheduled_sampling_steps=steps)
    seed = tf.constant([1, number])
    fed = sampled_inputs(model, source, tf.constant(target_in), training, seed, tf.constant(number))
    return target_in, fed.numpy()


def test_nothing_is_sampled_at_the_beginning():
    reference, fed = inputs(share=0.9, number=0)
    np.testing.assert_array_equal(fed, reference)


def test_the_share_of_sampled_tokens_rises_with_the_steps():
    for number, expected in ((50, 0.25), (100, 0.5), (1000, 0.5)):
        reference, fed = inputs(share=0.5, number=number, favourite=VOCAB - 1)  # a token no reference has
        real = (reference != BOS) & (reference != PAD)
        assert abs((fed != reference)[real].mean() - expected) < 0.06


def test_what_is_fed_are_the_model_s_own_tokens_but_never_special_ones():
    reference, fed = inputs(share=0.99, favourite=7)
    real = (reference != BOS) & (reference != PAD)
    assert (fed[real] == 7).mean() > 0.97
    np.testing.assert_array_equal(fed[~real], reference[~real])
    for special in (PAD, UNK, BOS, EOS):
        _, fed = inputs(share=0.99, favourite=special)
        assert special not in fed[real]


def test_the_samples_are_a_function_of_seed_and_step():
    first, second, later = (inputs(share=0.5, number=number)[1] for number in (200, 200, 201))
    np.testing.assert_array_equal(first, second)
    assert (first != later).any()
