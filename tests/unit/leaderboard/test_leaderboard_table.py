import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nmt.evaluation.scores import Score
from nmt.leaderboard.board import Board
from nmt.leaderboard.board_page import as_page
from nmt.leaderboard.records import Record, append_record, board_path
from nmt.leaderboard.table import as_json, as_markdown, print_table, render, rows

SIGNATURE = "nrefs:1|case:mixed|version:2"


def make(system: str, value: float, metric: str = "bleu", signature: str = SIGNATURE, text: str = "t1") -> Record:
    return Record(
        board="board",
        system=system,
        time="2026-01-02T03:04:05Z",
        recipe={"name": system},
        recipe_digest="recipe-digest",
        run_digest=system,
        seed=1,
        version="0.1.0",
        scores={"news": [Score(metric, value, signature, value - 1, value + 1, 100), Score("chrf", 50.0, "c")]},
        test_digests={"news": text},
        hypothesis_digests={"news": "h"},
        bundle_digest="bundle-digest",
        parameters=12345678,
        training_seconds=90.0,
        words_per_second=1000.0,
    )


def printed(records: list[Record]) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        print_table(Board("board", records), console)
    return capture.get()


def systems(records: list[Record]) -> list[tuple[int | None, str]]:
    return [(row["rank"], row["system"]) for row in rows(Board("board", records))]


def test_best_first() -> None:
    assert systems([make("low", 10), make("high", 30), make("middle", 20)]) == [(1, "high"), (2, "middle"), (3, "low")]
    assert systems([make("a", 10), make("b", 30), make("c", 10)]) == [(1, "b"), (2, "a"), (2, "c")]


def test_fewer_errors_are_better() -> None:
    assert systems([make("bad", 60, "ter"), make("good", 40, "ter")]) == [(1, "good"), (2, "bad")]


@pytest.mark.parametrize("change", [{"signature": "nrefs:2|case:lc|version:2"}, {"text": "t2"}])
def test_what_is_not_comparable_is_marked_everywhere_and_not_ranked(change: dict[str, str]) -> None:
    records = [make("odd", 99, **change), make("a", 20), make("b", 30)]
    assert systems(records) == [(1, "b"), (2, "a"), (None, "odd")]
    marks = {row["system"]: row["scores"]["news"]["bleu"]["mark"] for row in rows(Board("board", records))}
    assert marks == {"a": "", "b": "", "odd": "†1"}
    reason = change.get("signature", "t2")
    for text in (as_markdown(Board("board", records)).replace("\\|", "|"), printed(records)):
        assert "†1 not comparable with the other scores of BLEU on news" in text
        assert reason in text
        assert "99.00 [98.0, 100.0]" in text
        assert "†2" not in text or "text" in change  # another text makes chrF incomparable, too
    (note, *_) = json.loads(as_page(Board("board", records)).split('id="data">')[1].split("</script>")[0])["notes"]
    assert note.startswith("†1 not comparable with the other scores of BLEU on news")
    assert reason in note


def test_a_record_without_the_test_set_comes_last() -> None:
    other = replace(make("other", 50), scores={"talks": [Score("bleu", 50.0, SIGNATURE)]}, test_digests={"talks": "t"})
    assert systems([make("a", 10), other, make("b", 20)]) == [(1, "b"), (2, "a"), (None, "other")]
    assert "**talks**" in as_markdown(Board("board", [make("a", 10), other]))


def test_no_records() -> None:
    assert rows(Board("board", [])) == []
    assert as_markdown(Board("board", [])) == "No records.\n"
    assert "No records" in printed([])
    assert "No records" in as_page(Board("board", []))


def test_json_holds_whole_records() -> None:
    records = [make("a", 10), make("b", 20)]
    content = json.loads(as_json(Board("board", records, ["line 3: bad"])))
    assert list(content) == ["board", "records", "ranks", "problems"]
    assert content["board"] == "board"
    assert content["ranks"] == [1, 2]
    assert content["problems"] == ["line 3: bad"]
    assert [Record.from_json(record) for record in content["records"]] == [records[1], records[0]]


def test_markdown_shows_all_and_escapes() -> None:
    text = as_markdown(Board("board", [make("a|b*<i>\n", 36.2149)]))
    [row] = [line for line in text.splitlines() if line.startswith("| 1 | a")]
    assert row == ("| 1 | a\\|b\\*\\<i\\> | 36.21 [35.2, 37.2] | 50.00 | 1.5 | 12,345,678 | 2026-01-02T03:04:05Z |")
    assert f"BLEU: {SIGNATURE}".replace("|", "\\|") in text
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {8}


def test_each_signature_is_listed_once() -> None:
    record = make("a", 10)
    talks = [Score("bleu", 10.0, SIGNATURE), Score("chrf", 50.0, "other")]
    text = printed([replace(record, scores=record.scores | {"talks": talks})])
    assert text.count(SIGNATURE) == 1
    assert f"BLEU: {SIGNATURE}\n" in text
    assert "chrF on news: c\n" in text
    assert "chrF on talks: other\n" in text


def test_terminal_shows_names_as_they_are() -> None:
    text = printed([make("[bold]x[/bold]", 36.2149)])
    assert "[bold]x[/bold]" in text
    assert "36.21 [35.2, 37.2]" in text
    assert SIGNATURE in text


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html"])
def test_render_shows_records_and_problems(tmp_path: Path, form: str) -> None:
    path = board_path(tmp_path, "board")
    append_record(path, make("system-a", 10))
    with path.open("a") as stream:
        stream.write("{torn\n")
    text = render(tmp_path, "board", form)
    assert "system-a" in text
    assert "line 2: not a whole record" in text


def test_other_samples_of_the_interval_do_not_make_a_score_incomparable() -> None:
    plain, sampled = make("a", 30.0), make("b", 31.0, signature="nrefs:1|bs:1000|seed:12345|case:mixed|version:2")
    assert [row["rank"] for row in rows(Board("board", [plain, sampled]))] == [1, 2]
    assert "not comparable" not in as_markdown(Board("board", [plain, sampled]))
