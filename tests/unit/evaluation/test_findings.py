"""Verdicts: from which value on something is worth a look or bad."""

import json
import math

import pytest

from nmt.evaluation import findings as f
from nmt.evaluation.diagnostics import AttentionMeasures, CurveMeasures, OutputMeasures, TableMeasures

CHECKS = [check for check in vars(f).values() if isinstance(check, f.Check)]
SOUND = OutputMeasures(9, (0, 0), (0, 0), (0, 0), (0.01, 0.01), 1.0, (0, 0), (0, 0))


def verdicts(findings):
    return {finding.name: finding.verdict for finding in findings}


def one(findings, name):
    return next(finding for finding in findings if finding.name.startswith(name))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_explains_itself(check):
    assert 0 < check.look <= check.bad
    for text in (check.good, check.wrong, check.action):
        assert text[0].isupper()
        assert text.endswith(".")
    good, bad = check.judge(0.0, "0"), check.judge(math.inf, "much")
    assert (good.verdict, good.meaning, good.action) == ("good", check.good, "")
    assert (bad.verdict, bad.meaning, bad.action) == ("bad", check.wrong, check.action)


def test_names_of_checks_differ():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_verdicts_begin_at_their_limits():
    check = f.Check("name", 0.1, 0.5, "Good.", "Wrong.", "Act.")
    assert [check.judge(value, "").verdict for value in (0.09, 0.1, 0.49, 0.5)] == ["good", "look", "look", "bad"]


def test_what_is_not_a_number_is_bad_and_is_valid_json():
    found = f.Check("name", 0.1, 0.5, "Good.", "Wrong.", "Act.").judge(math.nan, "nan")
    assert found.verdict == "bad"
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["value"] is None


@pytest.mark.parametrize(
    ("loss", "exchange", "expected"),
    [(2.0, 2.0, ("good", "good")), (4.0, 0.3, ("look", "look")), (5.0, 0.0, ("bad", "bad"))],
)
def test_loss(loss, exchange, expected):
    assert tuple(verdicts(f.loss_findings(loss, 5.0, exchange)).values()) == expected


def test_without_an_exchange_there_is_no_finding_about_it():
    assert len(f.loss_findings(1.0, 5.0, None)) == 1


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"empty": (0.1, 0.0)}, "empty", "bad"),
        ({"empty": (0.1, 0.1)}, "empty", "good"),
        ({"copies": (0.5, 0.1)}, "copies", "bad"),
        ({"shared": (1.0, 0.0)}, "identical", "bad"),
        ({"repetition": (0.07, 0.01)}, "repetition", "look"),
        ({"length_ratio": 0.85}, "length", "look"),
        ({"length_ratio": 1.5}, "length", "bad"),
        ({"length_ratio": 0.0}, "length", "bad"),
        ({"cut": (0.2, 0.0)}, "outputs at", "bad"),
        ({"unknown": (0.01, 0.0)}, "unknown", "look"),
    ],
)
def test_outputs(changes, name, verdict):
    assert set(verdicts(f.output_findings(SOUND, "test")).values()) == {"good"}
    found = f.output_findings(OutputMeasures(**(vars(SOUND) | changes)), "test")
    assert one(found, name).verdict == verdict
    assert one(found, name).name.endswith(", test")
    assert sum(finding.verdict != "good" for finding in found) == (verdict != "good")


def test_sources_of_vectors_have_no_length_limit():
    found = f.output_findings(OutputMeasures(**(vars(SOUND) | {"cut": None})), "test")
    assert not [finding for finding in found if "limit" in finding.name]


def test_curve():
    sound = CurveMeasures(best_at=0.9, late_gain=0.0, rise=0.0, gap=0.2, skipped=0, valid_loss=1.0)
    assert set(verdicts(f.curve_findings(sound)).values()) == {"good"}
    broken = CurveMeasures(best_at=0.2, late_gain=0.1, rise=0.3, gap=2.0, skipped=5, valid_loss=1.0)
    assert verdicts(f.curve_findings(broken)) == {
        "skipped steps": "bad",
        "still improving at the end": "look",
        "best validation": "look",
        "rise of the validation loss": "look",
        "training and validation loss": "look",
    }


def test_few_validations_tell_nothing_about_early_and_late():
    curve = CurveMeasures(best_at=0.5, late_gain=None, rise=0.0, gap=None, skipped=0, valid_loss=1.0)
    assert list(verdicts(f.curve_findings(curve))) == ["skipped steps", "rise of the validation loss"]


@pytest.mark.parametrize(("steps", "verdict"), [(500, "good"), (400, "good"), (300, "look"), (100, "bad")])
def test_warmup(steps, verdict):
    assert f.warmup_finding(steps, 400).verdict == verdict


def test_no_warmup_is_reached_at_once():
    assert f.warmup_finding(1, 0).verdict == "good"


def test_corpus():
    cleaning, encoding = {"read": 100, "kept": 10}, {"pairs": 10, "kept": 9}
    found = f.corpus_findings(cleaning, encoding)
    assert [finding.verdict for finding in found] == ["bad", "look"]
    assert found[0].shown == "90 of 100, 90.0%"


def test_weights():
    found = f.weight_findings(["a", "b", "c", "d"], {"source": TableMeasures(0.5, None, 0.0)})
    assert found[0].shown == "4 faulty: a, b, c and 1 more"
    assert verdicts(found) == {
        "weights": "bad",
        "embeddings near zero, source": "bad",
        "double embeddings, source": "good",
    }


def test_attention():
    assert set(verdicts(f.attention_findings(AttentionMeasures(0.4, 0.9, 0.1), True)).values()) == {"good"}
    assert set(verdicts(f.attention_findings(AttentionMeasures(0.99, 0.05, 0.95), True)).values()) == {"bad"}
    assert len(f.attention_findings(AttentionMeasures(0.4, 0.9, 0.1), False)) == 2


def test_text_has_all_parts():
    found = f.Finding("name", 1.0, "1.0", "bad", "It is wrong.", "Act.")
    assert found.text(": ") == "1.0: It is wrong. Act."
