import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from nmt.evaluation import significance
from nmt.evaluation.metrics import open_metric
from nmt.evaluation.significance import (
    bootstrap_scores,
    interval,
    paired_bootstrap,
    paired_randomisation,
    pairwise_bootstrap,
    ranks,
)

METRICS = ["bleu", "chrf", "chrf++", "ter"]
OWN = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda: CHRF(word_order=2), "ter": lambda: TER(case_sensitive=True)}


def make_text(seed: int, segments: int, systems: int, words: int = 9) -> tuple[list[list[str]], list[list[str]]]:
    """Returns two references and systems that get worse."""
    chance = random.Random(seed)
    vocabulary = [f"w{'abcdefghijk'[index % 11]}{index}" for index in range(40)]
    lines = [chance.choices(vocabulary, k=chance.randint(1, words)) for _ in range(segments)]

    def noisy(share: float) -> list[str]:
        changed = [[chance.choice(vocabulary) if chance.random() < share else word for word in line] for line in lines]
        return [" ".join(line[: chance.randint(1, words + 3)]) for line in changed]

    return [noisy(0.0), noisy(0.2)], [noisy(0.2 + 0.02 * number) for number in range(systems)]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("segments", "samples"), [(60, 500), (3, 64)])
def test_p_values_of_the_paired_bootstrap_are_sacrebleus(name, count, segments, samples, monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "271")
    references, systems = make_text(segments + count, segments, 5)
    references = references[:count]
    named = [(str(number), lines) for number, lines in enumerate(systems)]
    _, found = PairedTest(named, {name: OWN[name]()}, references, "bs", samples, n_jobs=1)()
    [expected] = [results for key, results in found.items() if key != "System"]
    metric = open_metric(name, references)
    statistics = [metric.statistics(lines) for lines in systems]
    compared = [paired_bootstrap(metric, statistics[0], other, samples, seed=271) for other in statistics[1:]]
    assert [one.p_value for one in compared] == pytest.approx([one.p_value for one in expected[1:]], abs=1e-9)
    assert [one.system for one in compared] == [one.score for one in expected[1:]]
    matrix = pairwise_bootstrap(metric, statistics, samples, seed=271)
    assert matrix[0, 1:].tolist() == [one.p_value for one in compared]
    assert matrix[1:, 0].tolist() == [one.p_value for one in compared]
    for result, sampled in zip(expected, bootstrap_scores(metric, statistics, samples, seed=271), strict=True):
        low, high = interval(result.score, sampled, highest=1e9)
        assert (low, high) == pytest.approx(
            (min(max(result.mean - result.ci, 0), result.score), max(result.mean + result.ci, result.score)), rel=1e-5
        )


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("count", [1, 2])
def test_p_values_of_the_randomisation_are_sacrebleus(name, count, monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    references, systems = make_text(5, 40, 3)
    named = [(str(number), lines) for number, lines in enumerate(systems)]
    _, found = PairedTest(named, {name: OWN[name]()}, references[:count], "ar", 300, n_jobs=1)()
    [expected] = [results for key, results in found.items() if key != "System"]
    metric = open_metric(name, references[:count])
    first, *others = (metric.statistics(lines) for lines in systems)
    compared = [paired_randomisation(metric, first, other, 300, seed=7) for other in others]
    found = [one.p_value for one in compared]
    if name == "ter":  # few numbers of edits: many trials have the very difference of the systems
        assert all(own > other for own, other in zip(found, (one.p_value for one in expected[1:]), strict=True))
    else:
        assert found == pytest.approx([one.p_value for one in expected[1:]], abs=1e-9)


@pytest.mark.parametrize("name", ["bleu", "exact"])
def test_blocks_of_resamples_do_not_show(name, monkeypatch):
    references, systems = make_text(1, 50, 2)
    metric = open_metric(name, references)
    first, second = (metric.statistics(lines) for lines in systems)
    whole = paired_bootstrap(metric, first, second, 333), paired_randomisation(metric, first, second, 333)
    monkeypatch.setattr(significance, "_CELLS", 1)
    assert (paired_bootstrap(metric, first, second, 333), paired_randomisation(metric, first, second, 333)) == whole


@pytest.mark.parametrize("test", [paired_bootstrap, paired_randomisation])
def test_a_large_difference_is_significant_and_none_is_not(test):
    references, systems = make_text(2, 200, 12)
    metric = open_metric("chrf", references[:1])
    best, worst = metric.statistics(systems[0]), metric.statistics(systems[-1])
    compared = test(metric, best, worst, 500)
    assert compared.p_value == pytest.approx(1 / 501)
    assert compared.difference < 0
    assert not compared.is_gain
    assert compared.is_significant()
    same = test(metric, best, best, 500)
    assert same.difference == 0.0
    assert not same.is_gain
    assert not same.is_significant()


def test_one_different_segment_is_not_significant():
    references, systems = make_text(2, 200, 1)
    metric = open_metric("chrf", references[:1])
    first, second = metric.statistics(systems[0]), metric.statistics([*systems[0][:-1], "x"])
    for test in (paired_bootstrap, paired_randomisation):
        assert test(metric, first, second, 500).p_value > 0.05
    assert paired_randomisation(metric, first, second, 500).p_value == 1.0


def test_errors_are_better_the_fewer():
    references, systems = make_text(3, 60, 2)
    metric = open_metric("ter", references)
    compared = paired_bootstrap(metric, metric.statistics(systems[0]), metric.statistics(references[0]), 50)
    assert compared.difference < 0
    assert compared.is_gain


def test_p_values_of_equal_systems_are_uniform():
    """Of many pairs of systems that are equally good, about one in ten has a p value below 0.1."""
    generator = np.random.default_rng(3)
    metric = open_metric("exact", [["a"]])
    p_values = []
    for number in range(200):
        rows = [np.stack([generator.random(120) < 0.6, np.ones(120)], axis=1).astype(float) for _ in range(2)]
        p_values.append(paired_randomisation(metric, *rows, 200, seed=number).p_value)
    assert 0.04 < np.mean(np.array(p_values) < 0.1) < 0.16
    assert 0.4 < np.mean(np.array(p_values) < 0.5) < 0.6


def test_ranks_are_shared_by_what_is_not_different_from_the_best_of_the_group():
    values = [30.0, 40.0, 39.0, 31.0, 38.0]
    p_values = np.full((5, 5), 0.001)
    for first, second in ((1, 2), (3, 0), (2, 4)):
        p_values[first, second] = p_values[second, first] = 0.2
    # 38 is not different from 39, but from 40, the best of its group.
    assert ranks(values, p_values) == [4, 1, 1, 4, 3]
    assert ranks([-value for value in values], p_values, lower_is_better=True) == [4, 1, 1, 4, 3]
    assert ranks(values, p_values, level=0.0001) == [1] * 5
    assert ranks([40.0, 40.0, 39.0], np.zeros((3, 3))) == [1, 1, 3]
    assert ranks([], np.ones((0, 0))) == []


@settings(max_examples=50)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 99))
def test_ranks_follow_the_scores(values, seed):
    p_values = np.random.default_rng(seed).random((len(values), len(values))) / 5
    found = ranks(values, np.minimum(p_values, p_values.T))
    assert min(found) == 1
    for first in range(len(values)):
        for second in range(len(values)):
            if values[first] > values[second]:
                assert found[first] <= found[second]
    assert all(rank - 1 == sum(other < rank for other in found) for rank in found)
