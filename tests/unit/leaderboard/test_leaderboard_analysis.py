"""What the texts of a board say: ranks by significance, parts of the test set, and statistics that are kept."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmt.evaluation.scores import score_lines
from nmt.evaluation.significance import pairwise_bootstrap
from nmt.leaderboard.additions import Additions, enter_files
from nmt.leaderboard.analysis import by_frequency, length_unit
from nmt.leaderboard.board import Board
from nmt.leaderboard.records import append_record, board_path
from nmt.leaderboard.table import as_markdown, rows
from nmt.leaderboard.texts import Text

WORDS = ["the", "a", "small", "old", "new", "house", "garden", "book", "river", "child", "reads", "sees", "near"]
COLUMN = ("test", "bleu")


@pytest.fixture
def board(tmp_path: Path) -> Board:
    """Two systems that hardly differ, and one that is much worse."""
    generator = random.Random(3)
    reference = [" ".join(generator.choices(WORDS, k=generator.randint(4, 18))) for _ in range(80)]
    nearly = [line if number else "a small house" for number, line in enumerate(reference)]
    bad = [" ".join(generator.choices(WORDS, k=9)) for _ in reference]
    for name, lines in {
        "test.de": reference,
        "test.en": reference,
        "good": reference,
        "nearly": nearly,
        "bad": bad,
    }.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    files = {"source": tmp_path / "test.de", "references": (str(tmp_path / "test.en"),)}
    for name in ("bad", "nearly", "good"):
        enter_files(tmp_path, Additions("board", name, tmp_path / name, bootstrap_samples=0, **files))
    return Board.read(tmp_path, "board")


def test_systems_share_a_rank_where_they_do_not_differ_significantly(board: Board) -> None:
    ranked = [(row["rank"], row["system"]) for row in rows(board)]
    assert ranked == [(1, "copy of the source"), (1, "good"), (1, "nearly"), (4, "bad")]
    assert board.problems == []


def test_without_texts_only_equal_scores_share_a_rank(board: Board) -> None:
    bare = Board("board", board.records)
    assert [row["rank"] for row in rows(bare)] == [1, 1, 3, 4]
    assert not bare.is_tested(COLUMN)


def test_one_text_that_is_missing_leaves_the_ranks_to_the_scores(board: Board, tmp_path: Path) -> None:
    assert board.is_tested(COLUMN)
    worst = next(record for record in board.records if record.system == "bad")
    (tmp_path / "texts" / f"{worst.hypothesis_digests['test']}.txt.gz").unlink()
    found = Board.read(tmp_path, "board")
    assert not found.is_tested(COLUMN)
    assert [row["rank"] for row in rows(found)] == [1, 1, 3, 4]
    assert "significantly" not in as_markdown(found)
    assert "significantly" in as_markdown(board)


def test_p_values_are_those_of_the_paired_bootstrap(board: Board) -> None:
    standing = board.analysis.standing(COLUMN)
    assert standing.systems == [0, 1, 2, 3]
    assert np.array_equal(standing.p_values, pairwise_bootstrap(standing.metric, standing.statistics))


def test_parts_by_length_have_the_scores_of_their_sentences(board: Board) -> None:
    standing = board.analysis.standing(COLUMN)
    buckets = standing.by_length()
    assert sum(bucket.size for bucket in buckets) == 80
    assert [int(bucket.label.partition("–")[0]) for bucket in buckets] == sorted(
        int(bucket.label.partition("–")[0]) for bucket in buckets
    )
    first, last = (int(end) for end in buckets[0].label.split("–"))
    inside = [n for n, line in enumerate(standing.source.lines) if first <= len(line.split()) <= last]
    sides = [[text.lines[n] for n in inside] for text in (standing.hypotheses[0], standing.references[0])]
    assert buckets[0].values[0] == score_lines(sides[0], [sides[1]], ["bleu"])[0].value


def test_scores_of_sentences(board: Board) -> None:
    standing = board.analysis.standing(COLUMN)
    good = standing.systems.index(next(n for n, record in enumerate(board.records) if record.system == "good"))
    scores = standing.sentence_scores()
    assert np.allclose(scores[good], 100.0)
    assert [len(row) for row in scores] == [80] * 4


def test_statistics_are_kept_and_what_is_damaged_is_computed_again(board: Board, tmp_path: Path) -> None:
    expected = board.analysis.standing(COLUMN).p_values
    kept = sorted((tmp_path / "statistics").iterdir())
    assert len(kept) == 3  # the good output and the copy are the same text
    for path in kept:
        path.write_bytes(b"damaged")
    again = Board.read(tmp_path, "board")
    assert np.array_equal(again.analysis.standing(COLUMN).p_values, expected)
    assert all(path.read_bytes() != b"damaged" for path in kept)


def test_a_record_whose_score_is_not_that_of_its_text_is_a_problem(board: Board, tmp_path: Path) -> None:
    record = board.records[0]
    score = replace(record.scores["test"][0], value=99.0)
    append_record(board_path(tmp_path, "board"), replace(record, system="liar", scores={"test": [score]}))
    found = Board.read(tmp_path, "board")
    assert found.analysis.standing(COLUMN)
    (problem,) = found.problems
    assert problem.startswith("BLEU on test: the record of liar has 99.00, its text ")


def test_words_by_frequency() -> None:
    reference = Text("reference", ("a a a b", "a a c", "d"))
    right = by_frequency(reference, [reference], str.split)
    assert [(bucket.label, bucket.size, bucket.values) for bucket in right] == [("1", 3, [100.0]), ("5–9", 5, [100.0])]
    # Of the frequent word 3 of 4 are right and 5 wanted; of the rare ones 1 of 1 is right and 3 are wanted.
    part = by_frequency(reference, [Text("h", ("a a a a", "c", ""))], str.split)
    assert [bucket.values for bucket in part] == [[50.0], [pytest.approx(200 * 3 / 9)]]


def test_the_unit_of_length() -> None:
    assert length_unit(["a few words", "and more"]) == "words"
    assert length_unit(["没有空格的文字没有空格的文字没有空格的文字"]) == "characters"
