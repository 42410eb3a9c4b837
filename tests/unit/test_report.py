import json
from pathlib import Path
from typing import Any

import pytest

from nmt.errors import DataError
from nmt.evaluation.scores import Score
from nmt.report import RunReport, draw_training_curve, write_report

PNG = b"\x89PNG\r\n\x1a\n"
ATTACK = "<script>alert(1)</script>"


def history(path: Path, bleu: tuple[float, ...] = (10.0, 25.0, 20.0)) -> Path:
    rows: list[dict[str, Any]] = [
        {"step": step, "epoch": 0, "loss": 9 - step / 50, "gradient_norm": 1.0, "learning_rate": 1e-3, "seconds": 1.0}
        for step in range(50, 301, 50)
    ]
    rows += [
        {"step": 100 * n, "epoch": n, "seconds": 2.0, "valid_loss": 6.0 - n, "bleu": score, "chrf": score + 20}
        for n, score in enumerate(bleu, start=1)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_same_history_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    rows = history(tmp_path / "history.jsonl")
    draw_training_curve(rows, tmp_path / "one.png")
    with matplotlib.rc_context({"lines.linewidth": 9, "savefig.facecolor": "red"}):
        draw_training_curve(rows, tmp_path / "two.png")
    content = (tmp_path / "one.png").read_bytes()
    assert content.startswith(PNG)
    assert content == (tmp_path / "two.png").read_bytes()
    assert b"Software" not in content
    draw_training_curve(history(rows, (10.0, 25.0, 30.0)), tmp_path / "two.png")
    assert content != (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize(
    "content",
    ["", '{"step": 50, "loss"', '{"step": 50, "loss": 3.0}\n', '{"step": 50, "valid_loss": NaN, "bleu": 0.0}\n'],
)
def test_a_history_with_little_in_it_is_drawn(tmp_path: Path, content: str) -> None:
    (tmp_path / "history.jsonl").write_text(content)
    draw_training_curve(tmp_path / "history.jsonl", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)


def test_a_missing_history(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        draw_training_curve(tmp_path / "nowhere.jsonl", tmp_path / "curve.png")


def report(**changes: Any) -> RunReport:
    step = {"name": "length", "settings": {"max": 100}, "seen": 12345, "kept": 12340, "dropped": 5, "changed": 0}
    example = {"pair": 7, "source": "too long", "target": "zu lang", "reason": "101 words"}
    corpus = {"id": "multi30k", "split": "train", "licence": "CC BY", "citation": "Elliott 2016", "pairs": 29000}
    fields: dict[str, Any] = {
        "recipe_name": "small",
        "description": "A small one",
        "time": "2026-01-02T03:04:05Z",
        "training": {"training_seconds": 90.0, "steps": 3000, "selected_on": "bleu", "best_score": None, "data": {}},
        "cleaning": {"read": 12345, "kept": 12340, "steps": [step | {"examples": [example]}]},
        "corpora": {"train": [corpus | {"files": {"train.en.gz": "f00d"}}]},
        "scores": {"news": [Score("bleu", 36.2149, "nrefs:1|x", 35.1, 37.4, 100), Score("chrf", 60.0, "nrefs:1|y")]},
        "samples": {"news": [("ein Haus", "a house", "the house")]},
        "curve": None,
        "digests": {"train": "train-digest"},
        "translate_command": "nmt translate bundle FILE",
    }
    return RunReport(**(fields | changes))


def test_the_page_has_every_section(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    expected = [
        "36.21",
        "35.1 to 37.4",
        "nrefs:1|x",
        "chrF",
        "ein Haus",
        "a house",
        "the house",
        "1.5 minutes",
        "3,000",
    ]
    expected += ["max 100", "12,340 of\n12,345", "too long", "101 words", "CC BY", "Elliott 2016", "29,000", "f00d"]
    for text in [*expected, "train-digest", "nmt translate bundle FILE", "No training curve"]:
        assert text in page, text


def test_the_curve_is_in_the_page(tmp_path: Path) -> None:
    curve = tmp_path / "curve.png"
    draw_training_curve(history(tmp_path / "history.jsonl"), curve)
    write_report(tmp_path / "report.html", report(curve=curve))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64,iVBOR' in page
    assert "No training curve" not in page


def test_everything_is_escaped(tmp_path: Path) -> None:
    changes = dict.fromkeys(("recipe_name", "description", "time", "translate_command"), ATTACK)
    example = {"pair": 1, "source": ATTACK, "target": ATTACK, "reason": ATTACK}
    step = {"name": ATTACK, "settings": {ATTACK: ATTACK}, "seen": 1, "kept": 1, "dropped": 0, "changed": 0}
    corpus = {"id": None, "split": ATTACK, "licence": ATTACK, "citation": ATTACK, "pairs": 1, "files": {ATTACK: ATTACK}}
    write_report(
        tmp_path / "report.html",
        report(
            **changes,
            training={ATTACK: ATTACK},
            cleaning={"read": 1, "kept": 1, "steps": [step | {"examples": [example]}]},
            corpora={ATTACK: [corpus]},
            scores={ATTACK: [Score(ATTACK, 1.0, ATTACK)]},
            samples={ATTACK: [(ATTACK, ATTACK, ATTACK)]},
            digests={ATTACK: ATTACK},
        ),
    )
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_the_best_loss_is_shown_as_a_loss(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report(training={"selected_on": "loss", "best_score": -2.34567}))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<dd>2.346 nats per token</dd>" in page


def test_no_test_set(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report(scores={}, samples={}, cleaning={}, corpora={}))
    assert "No test set" in (tmp_path / "report.html").read_text(encoding="utf-8")
