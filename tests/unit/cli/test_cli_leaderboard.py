"""The verbs of leaderboards, which may be left out."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from nmt.cli import cli
from nmt.errors import DataError, UsageError


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "test.de").write_text("ein Haus am See\n", encoding="utf-8")
    (tmp_path / "test.en").write_text("a house by the lake\n", encoding="utf-8")
    return tmp_path


def nmt(*arguments: object, expect: type[Exception] | None = None) -> str:
    result = CliRunner().invoke(cli, ["leaderboard", *map(str, arguments)])
    if expect is not None:
        assert isinstance(result.exception, expect), result.exception
        return str(result.exception)
    assert result.exit_code == 0, result.exception
    return result.output


def added(work: Path, board: str, *more: object) -> str:
    test = ["--source", work / "test.de", "--reference", work / "test.en", "--work", work]
    return nmt("add", board, "--system", "mine", "--hypothesis", work / "test.en", *test, *more)


def test_a_board_is_shown_with_and_without_the_verb(work: Path) -> None:
    assert nmt("--work", work).startswith("No leaderboards yet")
    assert added(work, "board") == "Added to board: mine, copy of the source\n"
    assert added(work, "board") == "Added to board: nothing: the board has all of it already\n"
    shown = nmt("board", "--work", work)
    assert shown == nmt("show", "board", "--work", work)
    assert "mine" in shown
    assert "100.00" in shown
    assert nmt("--work", work) == nmt("show", "--work", work) == "board\n"


def test_a_board_can_have_the_name_of_a_verb(work: Path) -> None:
    added(work, "add")
    assert "mine" in nmt("show", "add", "--work", work)


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html"])
def test_every_form_can_be_written(work: Path, form: str) -> None:
    added(work, "board")
    output = work / "board"
    assert nmt("board", "--work", work, "--format", form, "-o", output) == ""
    assert "mine" in output.read_text(encoding="utf-8")


def test_what_is_wrong_is_said(work: Path) -> None:
    assert "no such metric" in nmt("add", "x", "--system", "a", "--hypothesis", "b", "-m", "blue", expect=UsageError)
    (work / "long").write_text("a\nb\n")
    files = ["--source", work / "test.de", "--reference", work / "test.en", "--work", work]
    message = nmt("add", "x", "--system", "a", "--hypothesis", work / "long", *files, expect=DataError)
    assert f"{work / 'long'}, line 2" in message
    assert "there is no finished run" in nmt("add", "x", "--run", "none", "--work", work, expect=UsageError)
    assert "no option beside it" in nmt("add", "x", "--run", "none", "--lowercase", "--work", work, expect=UsageError)
    assert not (work / "leaderboards").exists()
