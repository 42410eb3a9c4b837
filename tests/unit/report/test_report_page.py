"""The page of a run: every section, every text escaped, and pages of runs that left little."""

import re
from pathlib import Path
from typing import Any

import pytest

from nmt.errors import DataError
from nmt.evaluation.findings import Finding
from nmt.evaluation.scores import Score
from nmt.evaluation.text_statistics import TextStatistics
from nmt.report.page import RunReport, read_history, training_facts, write_report
from nmt.report.samples import Part, Sample

ATTACK = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"
HISTORY = [
    *({"step": step, "epoch": 0, "loss": 9 - step / 50, "seconds": 1.0} for step in range(50, 301, 50)),
    *(
        {"step": 100 * n, "seconds": 60.0, "valid_loss": 6.125 - n, "bleu": score, "chrf": score + 20}
        for n, score in enumerate((10.0, 25.0, 20.0), start=1)
    ),
]


def report(**changes: Any) -> RunReport:
    step = {"name": "length", "settings": {"max": 100}, "seen": 12345, "kept": 12340, "dropped": 5, "changed": 0}
    example = {"pair": 7, "source": "too long", "target": "zu lang", "reason": "101 words"}
    corpus = {"id": "multi30k", "split": "train", "licence": "CC BY", "citation": "Elliott 2016", "pairs": 29000}
    statistics = TextStatistics(29001, 300_123, 1_500_000, 9_876, 0.0123, {3: 1000, 4: 2000})
    sample = Sample(17, "ein Haus", [Part("a", True), Part("house", False)], [Part("house", False)], 45.67)
    fields: dict[str, Any] = {
        "recipe": {"name": "small", "description": "A small one", "seed": 4711},
        "time": "2026-01-02T03:04:05Z",
        "training": {"training_seconds": 90.0, "steps": 3000, "selected_on": "bleu", "best_score": None, "data": {}},
        "history": HISTORY,
        "cleaning": {"read": 12345, "kept": 12340, "steps": [step | {"examples": [example]}]},
        "corpora": {"train": [corpus | {"files": {"train.en.gz": "f00d"}}]},
        "statistics": {split: {"source": statistics, "target": statistics} for split in ("test/news", "train")},
        "scores": {"news": [Score("bleu", 36.2149, "nrefs:1|x", 35.1, 37.4, 100), Score("chrf", 60.0, "nrefs:1|y")]},
        "samples": {"news": {"worst": [sample], "middle": [], "best": []}},
        "attention": [
            {"line": 2, "split": "test/news", "source": ["ein", "</s>"], "target": ["a"], "weights": [[0.25, 0.75]]}
        ],
        "findings": [
            Finding("copies", 0.5, "50%", "bad", "It copies.", "Train longer."),
            Finding("weights", 0, "sound", "good", "All is well."),
        ],
        "left_out": ["The moon was left out."],
        "environment": {"tensorflow": "2.21.0"},
        "digests": {"train": "train-digest"},
        "translate_command": "nmt translate bundle FILE",
    }
    return RunReport(**(fields | changes))


def page_of(folder: Path, **changes: Any) -> str:
    write_report(folder / "report.html", report(**changes))
    return (folder / "report.html").read_text(encoding="utf-8")


def section(page: str, name: str) -> str:
    return page.split(f'<section id="{name}">')[1].split("</section>")[0]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("scores", ["36.21", "35.1 to 37.4", "nrefs:1|x", "chrF", "60.00", "nmt translate bundle FILE"]),
        ("samples", ["ein Haus", '<mark class="missed">a</mark>', "line 17", "45.7"]),
        ("training", ["1.5 minutes", "3,000", "3.125", "<svg", "25.00"]),
        ("attention", ["news, line 2", "a · &lt;/s&gt;: 0.75"]),
        (
            "findings",
            ["copies", "50%", "It copies. Train longer.", "1 of 2 findings are good", "The moon was left out."],
        ),
        ("data", ["29,001", "300,123", "9,876", "1.2%", "11,000", "3.7", "<svg", "max 100", "12,340 of\n12,345"]),
        ("data", ["too long", "101 words", "CC BY", "Elliott 2016", "29,000", "f00d"]),
        ("environment", ["tensorflow", "2.21.0", "train-digest", "4711"]),
    ],
)
def test_the_page_has_every_section(tmp_path: Path, name: str, texts: list[str]) -> None:
    shown = section(page_of(tmp_path), name)
    for text in texts:
        assert text in shown, text


def test_every_link_of_the_page_leads_to_a_section_of_it(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    links = re.findall(r'href="([^"]*)"', page)
    assert links == [f"#{name}" for name in re.findall(r'<section id="(\w+)"', page)]


def test_the_training_set_comes_first(tmp_path: Path) -> None:
    rows = re.findall(r"<td>(train|news)</td>", section(page_of(tmp_path), "data"))
    assert rows[:4] == ["train", "train", "news", "news"]


def test_everything_is_escaped(tmp_path: Path) -> None:
    example = {"pair": 1, "source": ATTACK, "target": ATTACK, "reason": ATTACK}
    step = {"name": ATTACK, "settings": {ATTACK: ATTACK}, "seen": 1, "kept": 1, "dropped": 0, "changed": 0}
    corpus = {"id": None, "split": ATTACK, "licence": ATTACK, "citation": ATTACK, "pairs": 1, "files": {ATTACK: ATTACK}}
    statistics = TextStatistics(1, 1, 1, 1, None, {1: 1})
    sample = Sample(1, ATTACK, [Part(ATTACK, True)], [Part(ATTACK, False)], 1.0)
    sentence = {"line": 1, "split": ATTACK, "source": [ATTACK], "target": [ATTACK], "weights": [[1.0]]}
    page = page_of(
        tmp_path,
        recipe={"name": ATTACK, "description": ATTACK},
        time=ATTACK,
        training={ATTACK: ATTACK},
        cleaning={"read": 1, "kept": 1, "steps": [step | {"examples": [example]}]},
        corpora={ATTACK: [corpus]},
        statistics={f"test/{ATTACK}": {"source": statistics, "target": statistics}},
        scores={ATTACK: [Score(ATTACK, 1.0, ATTACK)]},
        samples={ATTACK: {"worst": [sample], "middle": [sample], "best": [sample]}},
        attention=[sentence],
        findings=[Finding(ATTACK, 1.0, ATTACK, "look", ATTACK, ATTACK)],
        left_out=[ATTACK],
        environment={ATTACK: ATTACK},
        digests={ATTACK: ATTACK},
        translate_command=ATTACK,
    )
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("</style>") == 1


def test_a_run_that_left_nothing_has_a_page(tmp_path: Path) -> None:
    empty = ("scores", "samples", "cleaning", "corpora", "statistics", "environment")
    nothing: dict[str, Any] = {name: {} for name in empty}
    page = page_of(tmp_path, history=[], attention=[], findings=[], left_out=[], **nothing)
    for text in ("No test set", "No training curve", "no attention", "Nothing was examined"):
        assert text in page


def test_the_best_loss_is_shown_as_a_loss() -> None:
    facts = training_facts({"selected_on": "loss", "best_score": -2.34567})
    assert facts["best validation loss"] == "2.346 nats per token"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("", 0),
        ('{"step": 50, "loss"', 0),
        ('{"step": 50, "loss": 3.0}\n', 1),
        ('{"step": 50, "valid_loss": NaN, "bleu": 0.0}\n', 1),
    ],
)
def test_a_history_with_little_in_it_is_shown(tmp_path: Path, content: str, rows: int) -> None:
    (tmp_path / "history.jsonl").write_text(content)
    history = read_history(tmp_path / "history.jsonl")
    assert len(history) == rows
    assert "<section" in page_of(tmp_path, history=history)


def test_a_long_history_is_drawn_by_means(tmp_path: Path) -> None:
    rows = [{"step": step, "loss": float(step % 2)} for step in range(1, 1001)]
    page = page_of(tmp_path, history=rows, statistics={})
    (points,) = re.findall(r'points="([^"]*)"', section(page, "training"))
    places = [pair.split(",") for pair in points.split()]
    assert 30 < len(places) <= 60
    assert len({top for _, top in places}) <= 3


def test_a_missing_history(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_history(tmp_path / "nowhere.jsonl")


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    assert page_of(tmp_path) == page_of(tmp_path)
