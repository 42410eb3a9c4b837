"""Forecasts as people read them."""

import pytest

from nmt.pipeline.epoch import Epoch
from nmt.pipeline.forecast import Forecast, NotYet, StageForecast
from nmt.pipeline.forecast_table import duration, figure_rows, missing_rows, size, stage_rows
from nmt.terminal import print_table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "under 1 s"), (1.4, "1 s"), (89, "89 s"), (90, "2 min"), (5000, "83 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (1000, "1.0 kB"), (1_949_999, "1.9 MB"), (3e12, "3.0 TB")])
def test_sizes(count, text):
    assert size(count) == text


def test_a_file_of_unknown_size_is_said():
    assert missing_rows(NotYet({"a/b": 2_000_000, "c/d": None}, None)) == [
        ("a/b", "2.0 MB"),
        ("c/d", "not known"),
        ("in all", "2.0 MB and more"),
    ]


def test_the_tables_of_a_large_run_fit_into_80_columns(capsys):
    epoch = Epoch(4_399_000, 131_000_000, 128_000_000, 0.102, 0.031, 132_000, 132_000)
    stages = [StageForecast(name, 10**11, 1e6, "the sample, scaled") for name in ("fetch", "tokenizer", "translate")]
    stages.append(StageForecast("train", 10**9, 1e7, "8 batches, a validation"))
    forecast = Forecast(
        "a sample of 41,200", False, 4_508_785, epoch, 20, 213_000_000, 4 * 10**9, 3 * 10**10,
        (1024, 128, 128), 9 * 10**9, 10**12, stages,
    )  # fmt: skip
    print_table(["forecast", "value", "from"], figure_rows(forecast))
    print_table(["stage", "disk", "time", "measured with"], stage_rows(forecast))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 15
    assert max(map(len, lines)) <= 80


def test_an_estimate_says_so_and_a_count_does_not():
    epoch = Epoch(10, 100, 90, 0.0, 0.0, 3, 3)
    texts = {}
    for counted in (True, False):
        forecast = Forecast("basis", counted, 12, epoch, 1, 5, 20, None, (2, 3, 4), 1, 1, [])
        texts[counted] = {name: value for name, value, _ in figure_rows(forecast)}
    assert texts[True]["steps"] == "3"
    assert texts[False]["steps"] == "about 3"
    assert texts[True]["memory, peak"] == "not known"
