"""Prefixes, required and forbidden phrases, with a fake step function and exact results."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.decoding.constraints import Condition, batch_conditions
from nmt.decoding.decoder import BatchDecoder
from nmt.decoding.problem import Problem
from nmt.decoding.search import search
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS, PAD, UNK

VOCAB = 8
NEVER = (PAD, UNK, BOS)
CHAIN = np.random.default_rng(4).normal(scale=1.5, size=(VOCAB, VOCAB)).astype("float32")
CHANCES = tf.nn.log_softmax(CHAIN).numpy()


def best_of(conditions, compiled=None, longest=5, **settings):
    """Returns the outputs of each source, best first, and their scores; the model knows no source."""
    config = DecodingConfig.model_validate({"beam_size": 4, "length_penalty": 0.0, **settings})
    batch = len(conditions)

    def step(tokens, memory, state):
        return tf.gather(tf.constant(CHAIN), tokens), state, None

    first = tf.zeros([batch * config.beam_size, 1])
    seeds = tf.cast(tf.range(batch), tf.uint32)
    asked = tf.nest.map_structure(tf.constant, batch_conditions(conditions))
    problem = Problem(step, first, tf.fill([batch], longest), never=NEVER, seeds=seeds, conditions=asked)
    found = tf.function(
        lambda: search(problem, config, longest=longest, shrinks=not compiled), jit_compile=compiled, autograph=False
    )()
    rows = zip(found.tokens.numpy().tolist(), found.scores.numpy().tolist(), strict=True)
    return [
        [(tuple(t for t in ids if t != PAD), score) for ids, score in zip(*row, strict=True) if score > -1e8]
        for row in rows
    ]


def every_output(condition, longest=5):
    """All outputs that meet a condition, with their log-probabilities, best first."""
    outputs = []
    for length in range(1, longest + 1):
        for ids in itertools.product(range(3, VOCAB), repeat=length):
            if EOS in ids[:-1] or (ids[-1] != EOS and length < longest):
                continue
            has_forbidden = any(not Condition(required=(phrase,)).unmet(ids) for phrase in condition.forbidden)
            if not has_forbidden and not condition.unmet(ids):
                outputs.append((float(sum(CHANCES[a, b] for a, b in zip((BOS, *ids), ids, strict=False))), ids))
    return sorted(outputs, reverse=True)


CONDITIONS = [
    Condition(),
    Condition(prefix=(5,)),
    Condition(prefix=(7, 7, 4)),
    Condition(forbidden=((4,),)),
    Condition(forbidden=((4, 5), (7,), (6, 6, 6))),
    Condition(prefix=(6, 4), forbidden=((4, EOS), (4, 7))),
    Condition(required=((6,),)),
    Condition(required=((7, 7),)),
    Condition(required=((5,), (6, 7))),
    Condition(required=((4, 4, 5), (4, 5, 4))),  # they share tokens
    Condition(required=((4, 6), (4, 7))),  # they begin alike
    Condition(prefix=(4,), required=((4, 5),), forbidden=((7,),)),
]


def test_a_wide_beam_finds_the_best_output_that_meets_the_condition():
    for condition, found in zip(CONDITIONS, best_of(CONDITIONS, beam_size=300), strict=True):
        score, ids = every_output(condition)[0]
        assert found[0] == (ids, pytest.approx(score, abs=1e-4)), condition


@pytest.mark.parametrize("beam_size", [1, 2, 5])
def test_a_narrow_beam_meets_the_condition(beam_size):
    for condition, found in zip(CONDITIONS, best_of(CONDITIONS, beam_size=beam_size), strict=True):
        known = {ids: score for score, ids in every_output(condition)}
        ids, score = found[0]
        assert known[ids] == pytest.approx(score, abs=1e-4), condition


def test_conditions_are_those_of_their_source_alone():
    together = best_of(CONDITIONS)
    for row in (0, 3, 5, 8, 11):
        found = [(ids, pytest.approx(score, abs=1e-5)) for ids, score in together[row]]
        assert best_of([CONDITIONS[row]])[0] == found


def test_what_xla_compiles_gives_the_same():
    plain, compiled = best_of(CONDITIONS), best_of(CONDITIONS, compiled=True)
    assert [[ids for ids, _ in found] for found in compiled] == [[ids for ids, _ in found] for found in plain]


@pytest.mark.parametrize("settings", [{"sampling": {}}, {"diversity": {"groups": 2}}])
def test_draws_and_groups_keep_to_prefixes_and_forbidden_phrases(settings):
    condition = Condition(prefix=(6, 4), forbidden=((4, EOS), (7,)))
    found = best_of([condition] * 20, beam_size=4, **settings)
    known = {ids for _, ids in every_output(condition)}
    assert {ids for each in found for ids, _ in each} <= known


def test_the_best_that_lacks_least_stands_in_for_what_cannot_be():
    # Of the two phrases one is forbidden, so the best output with the other.
    condition = Condition(required=((5,), (6, 7)), forbidden=((6, 7),))
    possible = Condition(required=((5,),), forbidden=((6, 7),))
    score, ids = every_output(possible)[0]
    found = best_of([condition], beam_size=300)[0]
    assert found[0] == (ids, pytest.approx(score, abs=1e-4))
    assert condition.unmet(ids) == 1


def test_what_has_an_unknown_piece_is_left_out():
    condition = Condition((4, UNK, 5), ((6, UNK), (5,)), ((UNK, 7),))
    assert best_of([condition]) == best_of([Condition((4,), ((5,),))])
    assert condition.unmet((4, 5, EOS)) == 2
    assert Condition((4, 5), ((5, 6), (6,))).unmet((4, 5, 6, EOS)) == 0


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    settings = {"embedding": {"size": 8}, "encoder": {"units": 8}, "decoder": {"units": 8}}
    return Seq2Seq(ModelConfig.model_validate(settings), 20, 20)


SOURCES = [[*ids, EOS] for ids in np.random.default_rng(3).integers(4, 20, [12, 3]).tolist()]


def test_a_decoder_meets_the_conditions_of_its_sources(model):
    conditions = [
        Condition(
            prefix=(4 + row,) * (row % 3),
            required=((5, 13 + row % 6),) * (row % 2),
            forbidden=((9,), (10, 11)),
        )
        for row in range(len(SOURCES))
    ]
    decoder = BatchDecoder(model, DecodingConfig(beam_size=4))
    found = decoder.decode(SOURCES, 4, conditions)
    for condition, hypotheses in zip(conditions, found, strict=True):
        assert hypotheses[0].unmet == 0 == condition.unmet(hypotheses[0].ids)
        for each in hypotheses:
            rest = each.ids[len(condition.prefix) :]
            assert 9 not in rest
            assert (10, 11) not in itertools.pairwise(rest)
            assert each.unmet == condition.unmet(each.ids)
    alone = BatchDecoder(model, DecodingConfig(beam_size=4, tokens_per_batch=1)).decode(SOURCES, 1, conditions)
    assert [best[0].ids for best in alone] == [hypotheses[0].ids for hypotheses in found]


def test_a_prefix_has_room_whatever_the_limit(model):
    prefix = tuple(range(4, 16))
    decoder = BatchDecoder(model, DecodingConfig(beam_size=2, max_output_tokens=3))
    (best,) = decoder.decode(SOURCES[:1], 1, [Condition(prefix)])[0]
    assert tuple(best.ids[:12]) == prefix
    assert len(best.ids) == 13


@pytest.mark.parametrize("settings", [{"sampling": {}}, {"beam_size": 4, "diversity": {"groups": 2}}])
def test_phrases_are_required_of_one_beam(model, settings):
    decoder = BatchDecoder(model, DecodingConfig.model_validate(settings))
    with pytest.raises(UsageError, match="one beam"):
        decoder.decode(SOURCES[:1], 1, [Condition(required=((5,),))])
