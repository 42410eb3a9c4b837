"""What a run says of its data on a leaderboard."""

from pathlib import Path

from nmt.leaderboard.entry import TestSet
from nmt.leaderboard.texts import Text
from nmt.pipeline.entry import overlap


def test_overlap_counts_lines_of_the_test_set_that_were_trained_on(tmp_path: Path) -> None:
    (tmp_path / "train.source.txt").write_text("Ein Haus!\nein Baum\nnur hier\n", encoding="utf-8")
    (tmp_path / "train.target.txt").write_text("a house\nsomething else\na tree\n", encoding="utf-8")
    source = Text("source", ("ein haus", "Ein Baum.", "fremd", ""))
    reference = Text("reference", ("A house.", "A tree", "foreign", ""))
    found = overlap({"test": TestSet("test", source, {"reference": reference})}, tmp_path)
    assert found == {"test": {"lines": 4, "sources": 2, "targets": 2, "pairs": 1}}
