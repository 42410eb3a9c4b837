"""How translations are written."""

import json

import numpy as np
import pytest

from nmt.decoding.forced import Forced
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.output import OutputFormat
from nmt.decoding.translation import Details, Translation, Words
from nmt.tokenizer import EOS

WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]], np.float32)
FORCED = Forced(np.array([-0.25, -0.5, -0.75, -1.0], np.float32), WEIGHTS, np.array([1, 0.5, 0.25, 1], np.float32))
IDS = [5, 6, 7, EOS]
SOURCE = Words(["house", "7"], [[0], [1], []], ["house", " 7", ""])
TARGET = Words(["Haus", "7"], [[0], [0], [1], []], ["Ha", "us", " 7", ""])
BEST = Translation("house 7", "Haus 7", Hypothesis(IDS, -0.625, -2.5), Details(IDS, "Haus 7", FORCED, SOURCE, TARGET))
SECOND = Translation("house 7", "Heim", Hypothesis([8], -3.0, -3.0), None)
BLANK = Translation("", "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["Haus 7"]),
        ({"n_best": 2}, ["4 ||| Haus 7 ||| -0.625000", "4 ||| Heim ||| -3.000000"]),
        ({"scores": True}, ["Haus 7 ||| -0.625000"]),
        ({"word_scores": True}, ["Haus 7 ||| -0.750000 -0.750000 -1.000000"]),
        ({"alignment": "hard"}, ["Haus 7 ||| 0-0 1-1"]),
        ({"alignment": "soft"}, ["Haus 7 ||| 0.6,0.25 0.1,0.8"]),
        ({"flags": True}, ["Haus 7 ||| "]),
    ],
)
def test_fields_stand_behind_the_text(options, expected):
    found = [BEST, SECOND] if "n_best" in options else [BEST]
    assert list(OutputFormat(**options).lines(found, 4)) == expected


def test_all_fields_together_and_what_a_blank_line_has():
    layout = OutputFormat(n_best=1, scores=True, word_scores=True, alignment="hard", flags=True)
    assert list(layout.lines([BEST], 0)) == [
        "0 ||| Haus 7 ||| -0.625000 ||| -0.750000 -0.750000 -1.000000 ||| 0-0 1-1 ||| "
    ]
    assert list(layout.lines([BLANK], 1)) == ["1 |||  ||| 0.000000 |||  |||  ||| "]
    assert list(OutputFormat(flags=True).lines([SECOND], 1)) == ["Heim ||| unfinished numbers_lost low_score"]


def test_json_has_everything():
    (line,) = OutputFormat(jsonl=True, n_best=2).lines([BEST, SECOND], 4)
    row = json.loads(line)
    assert (row["line"], row["source"]) == (4, "house 7")
    assert row["translations"][0] == {
        "text": "Haus 7",
        "score": -0.625,
        "log_probability": -2.5,
        "ids": [5, 6, 7, EOS],
        "words": ["Haus", "7"],
        "word_log_probabilities": [-0.75, -0.75],
        "end_log_probability": -1.0,
        "alignment": [[0, 0], [1, 1]],
        "attention": [[0.6, 0.25], [0.1, 0.8]],
        "coverage": [0.7, 1.05],
        "generated": [0.75, 0.25],
        "flags": [],
    }
    assert row["translations"][1]["text"] == "Heim"
    (blank,) = OutputFormat(jsonl=True).lines([BLANK], 0)
    assert json.loads(blank)["translations"] == [
        {"text": "", "score": 0.0, "log_probability": 0.0, "ids": [], "words": [], "alignment": [], "flags": []}
    ]


def test_only_what_needs_a_second_pass_asks_for_one():
    assert OutputFormat().is_plain
    assert not OutputFormat(n_best=2, scores=True, flags=True).details
    for options in ({"jsonl": True}, {"word_scores": True}, {"alignment": "soft"}):
        assert OutputFormat(**options).details
        assert not OutputFormat(**options).is_plain
