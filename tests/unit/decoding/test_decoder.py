"""From source ids to target ids: order, batches, limits, and the ids that are not text."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.decoding.decoder import BatchDecoder
from nmt.decoding.ensemble import Ensemble
from nmt.decoding.forced import ForcedDecoder
from nmt.decoding.problem import Hypotheses
from nmt.decoding_config import CoveragePenaltyConfig, DecodingConfig, SamplingConfig
from nmt.errors import UsageError
from nmt.lexical_table import LexicalTable
from nmt.model_config import ModelConfig
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import BOS, EOS, PAD, UNK

VOCAB = 20
CONFIG = ModelConfig.model_validate({"embedding": {"size": 8}, "encoder": {"units": 8}, "decoder": {"units": 8}})
GENERATOR = np.random.default_rng(3)
SOURCES = [[*GENERATOR.integers(4, VOCAB, length).tolist(), EOS] for length in GENERATOR.integers(0, 9, 30)]


@pytest.fixture
def model():
    keras.utils.set_random_seed(5)
    return Seq2Seq(CONFIG, VOCAB, VOCAB)


def prefer(model, ids, by):
    bias = np.zeros(VOCAB, np.float32)
    bias[ids] = by
    model.output_bias.assign(bias)


def decode(model, sources, **settings):
    return BatchDecoder(model, DecodingConfig(**settings)).decode_ids(sources)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_batches_change_no_output(model, beam_size):
    together = decode(model, SOURCES, beam_size=beam_size)
    assert len({tuple(ids) for ids in together}) > len(SOURCES) // 2
    for tokens_per_batch in (1, 40):
        assert decode(model, SOURCES, beam_size=beam_size, tokens_per_batch=tokens_per_batch) == together


@settings(max_examples=200, deadline=None)
@given(
    sources=st.lists(st.lists(st.integers(4, VOCAB - 1), max_size=12), max_size=20),
    tokens_per_batch=st.integers(1, 60),
    beam_size=st.integers(1, 4),
)
def test_outputs_keep_the_order_of_the_sources_and_batches_their_limit(sources, tokens_per_batch, beam_size):
    shapes = []

    def echo(batch, *_):
        shapes.append(batch.shape)
        return Hypotheses(batch[:, None], *np.zeros([2, len(batch), 1]))

    network = SimpleNamespace(source_spec=tf.TensorSpec([None, None], tf.int32), projections=lambda: None)
    decoder = BatchDecoder(network, DecodingConfig(beam_size=beam_size, tokens_per_batch=tokens_per_batch))
    decoder._search = echo
    assert decoder.decode_ids(sources) == sources
    assert sum(rows for rows, _ in shapes) == len(sources)
    for rows, longest in shapes:
        assert rows == 1 or rows * longest * beam_size <= tokens_per_batch


def test_nothing_in_is_nothing_out(model):
    assert decode(model, []) == []


@pytest.mark.parametrize("beam_size", [1, 4])
def test_ids_that_are_not_text_never_appear(model, beam_size):
    prefer(model, [PAD, UNK, BOS], by=50.0)
    outputs = decode(model, SOURCES, beam_size=beam_size)
    assert all(outputs)
    assert not {PAD, UNK, BOS} & {token for ids in outputs for token in ids}


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_end_comes_once_and_last(model, beam_size):
    outputs = decode(model, SOURCES, beam_size=beam_size)
    assert any(len(ids) > 1 and ids[-1] == EOS for ids in outputs)
    assert not any(EOS in ids[:-1] for ids in outputs)
    prefer(model, [EOS], by=50.0)
    assert decode(model, SOURCES, beam_size=beam_size) == [[EOS]] * len(SOURCES)


@pytest.mark.parametrize(
    ("ratio", "extra", "most"), [(2.0, 10, 512), (0.5, 1, 512), (1.5, 2, 512), (2.0, 1, 7), (3.0, 3, 1)]
)
def test_an_output_that_never_ends_is_as_long_as_its_limit(model, ratio, extra, most):
    prefer(model, [EOS], by=-1e6)
    outputs = decode(
        model, SOURCES, beam_size=2, max_length_ratio=ratio, max_length_extra=extra, max_output_tokens=most
    )
    config = DecodingConfig(max_length_ratio=ratio, max_length_extra=extra, max_output_tokens=most)
    assert [len(ids) for ids in outputs] == [config.longest_output(len(ids)) for ids in SOURCES]
    assert config.longest_output(7) == min(int(7 * ratio) + extra, most)


@pytest.mark.parametrize(("ratio", "least"), [(None, 6), (1.0, None), (0.5, 3), (9.0, 9)])
def test_an_output_that_ends_at_once_is_as_long_as_its_least(model, ratio, least):
    prefer(model, [EOS], by=50.0)
    limits = {"max_length_ratio": 10.0, "max_length_extra": 1, "max_output_tokens": 20}
    outputs = decode(model, SOURCES, beam_size=2, min_length_ratio=ratio, min_output_tokens=least, **limits)
    expected = [max(1, int(len(ids) * (ratio or 0)), least or 0) for ids in SOURCES]
    longest = [min(len(ids) * 10 + 1, 20) for ids in SOURCES]
    assert [len(ids) for ids in outputs] == list(map(min, expected, longest))
    assert all(ids[-1] == EOS for ids in outputs)


def test_draws_depend_on_the_seed_and_the_source_alone(model):
    prefer(model, [EOS], by=-1.0)

    def draws(sources, tokens_per_batch=4096, seed=1, count=3):
        config = DecodingConfig(sampling=SamplingConfig(seed=seed), tokens_per_batch=tokens_per_batch)
        found = BatchDecoder(model, config).decode(sources, count)
        return [[each.ids for each in hypotheses] for hypotheses in found]

    together = draws(SOURCES)
    assert draws(SOURCES, 1) == draws(SOURCES, 70) == together
    assert draws(SOURCES[::-1])[::-1] == together
    assert sum(len({tuple(ids) for ids in every}) == 3 for every in together) > len(SOURCES) // 2
    assert draws(SOURCES, seed=2) != together
    assert draws(SOURCES, count=1) == [every[:1] for every in together]


@pytest.mark.parametrize(
    "settings", [{"coverage_penalty": {}}, {"coverage_penalty": {"form": "stepwise", "weight": 2.0}}]
)
def test_coverage_is_that_of_the_attention(model, settings):
    config = DecodingConfig.model_validate({"beam_size": 3, "length_penalty": 0.0, **settings})
    penalty = config.coverage_penalty
    rows = list(zip(SOURCES, BatchDecoder(model, config).decode(SOURCES), strict=True))
    forced = ForcedDecoder(model).force(SOURCES, [found[0].ids for _, found in rows])
    for (_, (best,)), known in zip(rows, forced, strict=True):
        coverage = known.weights.sum(axis=0)
        costs = -np.log(np.minimum(coverage, 1.0)) if penalty.form == "summary" else np.maximum(coverage, 1.0) - 1.0
        assert best.score == pytest.approx(best.log_probability - penalty.weight * costs.sum(), abs=1e-4)


def test_a_coverage_penalty_needs_attention():
    decoder = CONFIG.decoder.model_copy(update={"attention": "none"})
    model = Seq2Seq(CONFIG.model_copy(update={"decoder": decoder}), VOCAB, VOCAB)
    with pytest.raises(UsageError, match="coverage_penalty"):
        decode(model, SOURCES, coverage_penalty=CoveragePenaltyConfig())


def test_hypotheses_come_best_first_each_with_its_score(model):
    for hypotheses in BatchDecoder(model, DecodingConfig(beam_size=4, length_penalty=0.5)).decode(SOURCES, 3):
        assert 1 <= len(hypotheses) <= 3
        assert [best.score for best in hypotheses] == sorted((each.score for each in hypotheses), reverse=True)
        assert len({tuple(each.ids) for each in hypotheses}) == len(hypotheses)
        for each in hypotheses:
            assert each.score == pytest.approx(each.log_probability / len(each.ids) ** 0.5, rel=1e-5)


def test_a_beam_that_finds_fewer_outputs_gives_fewer(model):
    decoder = BatchDecoder(model, DecodingConfig(beam_size=30, max_length_ratio=1e-9, max_length_extra=1))
    assert all(len(hypotheses) == VOCAB - 3 for hypotheses in decoder.decode(SOURCES, 30))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_products_that_are_computed_once_change_no_output(model, beam_size):
    expected = decode(model, SOURCES, beam_size=beam_size, project_tokens=False)
    assert decode(model, SOURCES, beam_size=beam_size) == expected


def test_products_follow_the_weights_unless_these_are_final(model):
    decoders = {final: BatchDecoder(model, DecodingConfig(beam_size=1), final) for final in (False, True)}
    before = [decoder.decode_ids(SOURCES) for decoder in decoders.values()]
    table = model.target_embedding.table
    table.assign(np.random.default_rng(8).permutation(table.numpy()))
    expected = decode(model, SOURCES, beam_size=1)
    assert expected not in before
    assert decoders[False].decode_ids(SOURCES) == expected


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_compiled_search_gives_the_same(model, beam_size):
    few = SOURCES[:5]
    expected = decode(model, few, beam_size=beam_size, max_length_extra=3)
    assert decode(model, few, beam_size=beam_size, max_length_extra=3, compile=True) == expected


def table_of(*tokens):
    """A table by which every source token may become any of these tokens."""
    return LexicalTable(np.tile(np.array(tokens, np.int32), (VOCAB, 1)), np.array(tokens[:1], np.int32))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_shortlist_of_all_changes_no_output(model, beam_size):
    config = DecodingConfig(beam_size=beam_size, shortlist=50)
    expected = decode(model, SOURCES, beam_size=beam_size)
    assert BatchDecoder(model, config, table=table_of(*range(VOCAB))).decode_ids(SOURCES) == expected


def test_outputs_are_made_of_the_shortlist(model):
    config = DecodingConfig(beam_size=2, shortlist=20)
    for network in (model, Ensemble([model, model])):
        outputs = BatchDecoder(network, config, table=table_of(5, 8, 11, 13)).decode_ids(SOURCES)
        assert {token for ids in outputs for token in ids} == {5, 8, 11, 13, EOS}


def test_a_shortlist_has_to_come_from_somewhere(model):
    with pytest.raises(UsageError, match="no lexical table"):
        BatchDecoder(model, DecodingConfig(shortlist=5))
