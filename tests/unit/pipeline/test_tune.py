"""Settings that are tried, results that are kept, and the one that wins."""

import shutil

import pytest

import nmt.pipeline.tune
from nmt.bundle import load_bundle, settle_decoding
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.evaluation.scores import Score
from nmt.pipeline.tune import DEFAULT_GRID, Candidate, Pairs, best_of, grid, tune
from nmt.pipeline.workspace import Workspace

PAIRS = Pairs(["a few", "words"], ["some", "text"])


@pytest.fixture(scope="module")
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


def test_all_combinations_after_those_of_the_bundle(bundle):
    found = [varied for varied, _ in grid(bundle, ["beam_size=2,5", "length_penalty=0.5,1.0"])]
    pairs = [(5, 1.0), (2, 0.5), (2, 1.0), (5, 0.5)]
    assert found == [{"beam_size": beam, "length_penalty": penalty} for beam, penalty in pairs]


def test_what_makes_no_difference_is_tried_once(bundle):
    found = [config for _, config in grid(bundle, DEFAULT_GRID)]
    assert len(found) == 1 + 3 * 5
    assert [config.length_penalty for config in found if config.beam_size == 1] == [1.0]


def test_keys_of_sections_that_are_not_there_yet(bundle):
    (_, own), (varied, config) = grid(bundle, ["coverage_penalty.weight=0.3"])
    assert own.coverage_penalty is None
    assert varied == {"coverage_penalty.weight": 0.3}
    assert config.coverage_penalty.weight == 0.3


@pytest.mark.parametrize("over", ["beam_size", "beam_size=0", "beam=2", "diversity.groups=2"])
def test_settings_that_make_no_sense_are_refused(bundle, over):
    with pytest.raises(UsageError, match=r"beam|diversity"):
        grid(bundle, [over])


def test_pairs_are_spread_evenly():
    pairs = Pairs([str(number) for number in range(10)], [str(-number) for number in range(10)])
    assert pairs.spread(4).sources == ["0", "3", "6", "9"]
    assert pairs.spread(4).references == ["0", "-3", "-6", "-9"]
    assert pairs.spread(10) == pairs


def test_what_was_measured_is_kept_when_it_is_interrupted(bundle, tmp_path, monkeypatch):
    measured = []

    def measure(_bundle, config, _pairs, metric, _options):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(config.beam_size)
        return Score(metric, 10.0 + config.beam_size, "x"), 7.0

    monkeypatch.setattr(nmt.pipeline.tune, "_measure", measure)
    said: list[str] = []
    arguments = (PAIRS, ["beam_size=2,3,4"], "bleu", Workspace(tmp_path), said.append)
    with pytest.raises(KeyboardInterrupt):
        tune(bundle, *arguments)
    assert measured == [5, 2]
    measured[:] = [0]
    with pytest.raises(KeyboardInterrupt):
        tune(bundle, *arguments)
    measured.clear()
    candidates = tune(bundle, *arguments)
    assert measured == [4]
    assert [candidate.score.value for candidate in candidates] == [15.0, 12.0, 13.0, 14.0]
    assert [candidate.current for candidate in candidates] == [True, False, False, False]
    assert said[-1] == "4 of 4: beam_size=4: BLEU 14.00, 7 words/s"
    other = Pairs(PAIRS.sources, ["other", "text"])
    measured.clear()
    with pytest.raises(KeyboardInterrupt):
        tune(bundle, other, *arguments[1:])
    assert measured == [5, 2]


def candidate(metric, value, beam_size):
    decoding = DecodingConfig(beam_size=beam_size)
    return Candidate({"beam_size": beam_size}, decoding, Score(metric, value, "x"), 1.0, False)


@pytest.mark.parametrize(("metric", "values", "best"), [("bleu", [3.0, 4.0, 4.0], 2), ("ter", [3.0, 2.0, 2.0], 2)])
def test_the_best_is_the_first_of_equals_and_errors_are_few(metric, values, best):
    candidates = [candidate(metric, value, beam) for beam, value in enumerate(values, start=1)]
    assert best_of(candidates).varied == {"beam_size": best}


def test_a_bundle_has_the_settings_that_were_written_and_nothing_else_changes(bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle.folder, copy)
    best = candidate("bleu", 3.0, 2)
    settle_decoding(load_bundle(copy), best.decoding, {"tuning": best.to_json()})
    tuned = load_bundle(copy)
    assert tuned.recipe.decoding == DecodingConfig(beam_size=2)
    assert tuned.recipe.model_copy(update={"decoding": bundle.recipe.decoding}) == bundle.recipe
    assert tuned.facts["tuning"]["score"]["value"] == 3.0
    assert tuned.digest != bundle.digest
    assert best.options == "--set decoding.beam_size=2"
