import pytest

from nmt.evaluation.compare import HEADINGS, compare
from nmt.evaluation.metrics import open_metric

REFERENCES = [f"the number {n} is {n % 7} here" for n in range(60)]
BASE = [line.replace("is", "was") for line in REFERENCES]
BETTER = [base if n % 2 else line for n, (base, line) in enumerate(zip(BASE, REFERENCES, strict=True))]


def rows_of(name, **systems):
    metric = open_metric(name, [REFERENCES])
    return compare(metric, {system: metric.statistics(lines) for system, lines in systems.items()}, 200, 400)


@pytest.mark.parametrize("name", ["bleu", "wer"])
def test_systems_are_tested_against_the_first(name):
    base, better, twin = rows_of(name, base=BASE, better=BETTER, twin=BASE)
    assert (base.rank, better.rank, twin.rank) == (2, 1, 2)
    assert (base.difference, base.tests) == (None, ())
    assert twin.difference == 0.0
    assert better.difference == pytest.approx(better.score.value - base.score.value)
    assert all(test.is_gain and test.is_significant() for test in better.tests)
    assert [test.test for test in better.tests] == ["bootstrap", "randomisation"]
    assert base.score.samples == 200


def test_rows_as_text_and_json():
    base, better, twin = rows_of("bleu", base=BASE, better=BETTER, twin=BASE)
    assert all(len(row.cells()) == len(HEADINGS) for row in (base, better, twin))
    assert base.cells()[-3:] == ("", "", "")
    assert better.cells()[5].startswith("+")
    assert better.cells()[-1] == f"{1 / 401:.4f}"
    assert twin.cells()[-3:] == ("+0.00", "equal", "equal")
    shown = better.to_json()
    assert shown["tests"]["randomisation"] == {
        "p_value": 1 / 401, "significant": True, "samples": 400, "seed": 12345,
    }  # fmt: skip
    assert base.to_json()["tests"] == {}
