"""Measures on data whose values can be worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config import TrainingConfig
from nmt.evaluation import diagnostics as d
from nmt.tokenizer import BOS, EOS, UNK

WORDS = st.lists(st.integers(4, 8), max_size=12)
LINES = st.lists(st.tuples(st.text("ab ", max_size=4), st.text("ab ", max_size=4)), max_size=8)


def characters(texts):
    return [list(map(ord, text)) for text in texts]


def test_unigram_cross_entropy_by_hand():
    # Six pieces, PAD and BOS not counted: 4 outcomes. Train: piece 4 twice, EOS once -> (3, 2, 1, 1) / 7.
    train = d.piece_counts([np.array([BOS, 4, 4, EOS])], 6)
    valid = d.piece_counts([np.array([BOS, 4, EOS]), np.array([BOS, 5, EOS])], 6)
    expected = -(math.log(3 / 7) + math.log(1 / 7) + 2 * math.log(2 / 7)) / 4
    assert d.unigram_cross_entropy(train, valid) == pytest.approx(expected)


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(lambda counts: sum(counts[3:]) > 0))
def test_unigram_cross_entropy_is_never_below_the_entropy(counts):
    valid = np.array([0, counts[1], 0, *counts[3:]])
    shares = valid[valid > 0] / valid.sum()
    assert d.unigram_cross_entropy(valid, valid) >= -(shares * np.log(shares)).sum() - 1e-9


def test_unknown_rate():
    assert d.unknown_rate(np.array([UNK, 5, 6, EOS])) == 0.25
    assert d.unknown_rate(np.array([], np.int32)) == 0.0


def test_special_and_byte_pieces_are_not_unused():
    pieces = ["<pad>", "<unk>", "<s>", "</s>", "<0x0A>", "a", "b"]
    assert d.unused_share(pieces, np.array([0, 0, 0, 5, 0, 3, 0])) == 0.5
    assert d.unused_share(pieces[:5], np.zeros(5)) == 0.0


@pytest.mark.parametrize(
    ("sequences", "rate"),
    [([[1, 2, 1, 2]], 1 / 3), ([[1, 1, 1]], 1 / 2), ([[1, 2], [1, 2]], 0.0), ([[1], []], 0.0), ([], 0.0)],
)
def test_repetition_rate_by_hand(sequences, rate):
    assert d.repetition_rate(sequences) == pytest.approx(rate)


@given(st.lists(WORDS, max_size=5))
def test_repetition_rate_is_a_share_and_grows_when_lines_are_doubled(sequences):
    rate = d.repetition_rate(sequences)
    assert 0.0 <= rate < 1.0
    assert d.repetition_rate([sequence * 2 for sequence in sequences]) >= rate - 1e-9


def test_copies_differ_in_case_and_outer_spaces_only():
    assert d.copy_share(["Anna", "a b", "x"], [" anna ", "ab", "y"]) == pytest.approx(1 / 3)


def test_shared_outputs():
    assert d.shared_output_share(["a", "b", "c", "c"], ["x", "x", "y", "y"]) == pytest.approx(2 / 3)
    assert d.shared_output_share(["a", "b"], ["", " "]) == 0.0
    assert d.shared_output_share([], []) == 0.0


@given(LINES)
def test_shares_lie_between_0_and_1(pairs):
    sources, outputs = [source for source, _ in pairs], [output for _, output in pairs]
    measured = d.measure_outputs(sources, outputs, sources, characters, [3] * len(pairs))
    for shares in (measured.empty, measured.copies, measured.shared, measured.repetition, measured.cut):
        assert all(0.0 <= share <= 1.0 for share in shares)
    assert measured.copies[1] == (1.0 if measured.lines else 0.0)
    assert measured.shared[1] == 0.0


def test_outputs_by_hand():
    sources, references = ["one", "two", " ", "three"], ["eins", "zwei", "", "drei"]
    outputs = ["abab", "", "", "thr\u2047"]
    measured = d.measure_outputs(sources, outputs, references, characters, [4, 3, 9, 5])
    assert measured.lines == 3
    assert measured.empty == pytest.approx((1 / 3, 0))
    assert measured.copies == (0, 0)
    assert measured.repetition == pytest.approx((1 / 6, 0))
    assert measured.length_ratio == pytest.approx(8 / 12)
    # The first output has as many pieces as the search writes; two references do not fit with their end.
    assert measured.cut == pytest.approx((1 / 3, 2 / 3))
    assert measured.unknown == pytest.approx((1 / 3, 0))


def history(losses, scores, rate=lambda step: 1.0):
    rows = []
    for index, (loss, score) in enumerate(zip(losses, scores, strict=True)):
        step = 10 * (index + 1)
        rows.append({"step": step, "epoch": index, "loss": loss - 0.5, "learning_rate": rate(step)})
        rows.append({"step": step, "epoch": index, "valid_loss": loss, "bleu": score})
    return rows


def test_a_curve_by_hand():
    config = TrainingConfig(plateau_patience=9)
    rows = history([3.0, 2.0, 1.0, 1.5, 1.2], [10, 20, 40, 30, 38])
    curve = d.measure_curve(rows, config, lambda step: 1.0)
    assert curve == d.CurveMeasures(
        best_at=0.6, late_gain=0.0, rise=pytest.approx(0.2), gap=pytest.approx(0.5), skipped=0, valid_loss=1.0
    )
    rising = d.measure_curve(history([3.0] * 5, [10, 20, 30, 40, 50]), config, lambda step: 1.0)
    assert rising.late_gain == pytest.approx(0.2)
    assert rising.best_at == 1.0


def test_a_curve_of_losses_is_judged_by_losses():
    config = TrainingConfig(select_on="loss", plateau_patience=9)
    curve = d.measure_curve(history([4.0, 3.0, 2.0, 2.0, 1.0], [9, 8, 7, 6, 5]), config, lambda step: 1.0)
    assert curve.valid_loss == 1.0
    assert curve.late_gain == pytest.approx(1.0)


def test_a_curve_without_validation_is_none():
    assert d.measure_curve([{"step": 50, "epoch": 0, "loss": 1.0}], TrainingConfig(), lambda step: 1.0) is None


def test_a_validation_that_is_no_number_is_not_the_best():
    config = TrainingConfig(plateau_patience=2, plateau_factor=0.25)
    rows = history([2.0, math.nan, 1.0, 1.5], [10, 20, 30, 20])
    assert d.measure_curve(rows, config, lambda step: 1.0).valid_loss == 1.0
    assert d.measure_curve(history([math.nan], [5]), config, lambda step: 1.0) is None
    # Two of them in a row are a plateau, whatever their score.
    rates = {10: 1.0, 20: 1.0, 30: 1.0, 40: 0.25}
    rows = history([2.0, math.nan, math.nan, 1.0], [10, 20, 30, 40], rates.__getitem__)
    assert d.skipped_steps(rows, config, lambda step: 1.0) == 0


def test_a_risk_is_not_compared_with_a_loss():
    config = TrainingConfig(risk={"metric": "chrf", "samples": 2})
    assert d.measure_curve(history([1.0], [5]), config, lambda step: 1.0).gap is None


def test_few_validations_have_no_end():
    assert d.measure_curve(history([1.0] * 4, [1, 2, 3, 4]), TrainingConfig(), lambda step: 1.0).late_gain is None


def test_skipped_steps_are_told_from_plateaus():
    config = TrainingConfig(plateau_patience=1, plateau_factor=0.25)
    # The second validation is no better: from step 30 on the plateau takes three quarters, two skipped steps as much.
    rates = {10: 1.0, 20: 1.0, 30: 0.25 * 0.25}
    rows = history([1.0, 1.0, 1.0], [5, 5, 6], rates.__getitem__)
    assert d.skipped_steps(rows, config, lambda step: 1.0) == 2
    rates[30] = 0.25
    assert d.skipped_steps(history([1.0] * 3, [5, 5, 6], rates.__getitem__), config, lambda step: 1.0) == 0


def test_a_table_by_hand():
    table = np.array([[1.0, 0], [0, 1], [2, 0], [0.01, 0.02], [1, 1]])
    initial = table.copy()
    initial[[0, 2, 3, 4]] += 0.5
    assert d.measure_table(table, np.array([3, 2, 1, 1, 0]), initial) == pytest.approx((1 / 4, 1 / 4, 2 / 4))
    assert d.measure_table(table, np.array([3, 2, 0, 0, 1]), initial) == pytest.approx((0, 1 / 3, 0))
    assert d.measure_table(table) == (pytest.approx(1 / 5), None, pytest.approx(2 / 5))


def test_a_table_of_zeros_is_near_zero():
    assert d.measure_table(np.zeros((4, 2))) == (1.0, None, 0.0)


@given(st.integers(0, 1000))
def test_random_rows_are_neither_near_zero_nor_double(seed):
    table = np.random.default_rng(seed).normal(size=(50, 32))
    assert d.measure_table(table, None, table + 1.0) == (0.0, 0.0, 0.0)


def test_faulty_weights():
    weights = {"a": np.ones((2, 2)), "b": np.zeros((2, 2)), "c": np.zeros(3), "d": np.array([1.0, np.nan])}
    assert d.faulty_weights(weights) == ["b", "d"]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (np.full((3, 4), 0.25), (1.0, 1.0, 0.25)),
        (np.eye(3), (0.0, 1.0, 1 / 3)),
        (np.tile([0.0, 1.0], (5, 1)), (0.0, 0.0, 1.0)),
        (np.tile([0.0, 0.5, 0.5, 0.0], (4, 1)), (0.5, 0.5, 0.0)),
        (np.full((2, 2), 0.1), (1.0, 1.0, 0.5)),  # what a window took away counts for nothing
    ],
)
def test_attention_by_hand(weights, expected):
    assert d.measure_attention([weights]) == pytest.approx(expected)


def test_attention_is_the_mean_of_sentences_that_have_a_choice():
    measured = d.measure_attention([np.eye(2), np.full((2, 2), 0.5), np.ones((3, 1)), np.ones((1, 2))])
    assert measured == pytest.approx((0.5, 1.0, 0.5))
    assert d.measure_attention([np.ones((1, 1))]) is None


@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 1000))
def test_attention_measures_lie_between_0_and_1(steps, positions, seed):
    weights = np.random.default_rng(seed).dirichlet(np.full(positions, 0.2), size=steps)
    assert all(-1e-9 <= value <= 1.0 + 1e-9 for value in d.measure_attention([weights]))
