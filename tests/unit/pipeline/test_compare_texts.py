import pytest

from nmt.config import EvaluationConfig
from nmt.errors import DataError, UsageError
from nmt.leaderboard.texts import Text
from nmt.pipeline.compare import compare_files, compare_texts

SOURCE = Text("documents", ("A cat sat. It slept. Rain fell.", "Dogs ran home. They barked. All was well."))
REFERENCE = Text("references", ("a cat slept", "dogs barked at home"))
SETTINGS = EvaluationConfig(metrics=["rouge1", "rougeL"], bootstrap_samples=20)


def test_summaries_are_compared_with_baselines_and_measured():
    own = {"model": Text("model", ("a cat slept", "dogs barked"))}
    found = compare_texts("test", [REFERENCE], own, SETTINGS, SOURCE, summaries=True)
    systems = ["model", "lead-4 words", "lead-3 sentences", "random sentence", "LexRank, 1 sentence"]
    assert [row.system for row in found.rows] == 2 * systems
    assert list(found.measures) == [*systems, "reference 1"]
    assert all(row.difference < 0 for row in found.rows if row.system != "model")
    shown = found.to_json()
    assert shown["summaries"]["lead-3 sentences"]["coverage"] == 1.0
    assert set(shown["digests"]["hypotheses"]) == set(systems)
    with pytest.raises(UsageError, match="--source"):
        compare_texts("test", [REFERENCE], own, SETTINGS, summaries=True)


def test_files_are_checked_before_anything_is_scored(tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    paths[0].write_text("a cat slept\ndogs barked\n")
    paths[1].write_text("a cat slept\n")
    with pytest.raises(DataError, match=r"two and references.*references, line 2"):
        compare_files([REFERENCE], paths, SETTINGS)
    with pytest.raises(UsageError, match="at least two systems"):
        compare_files([REFERENCE], paths[:1], SETTINGS)
    with pytest.raises(UsageError, match="given twice"):
        compare_files([REFERENCE], [paths[0], paths[0]], SETTINGS)
    assert len(compare_files([REFERENCE], paths[:1], SETTINGS, SOURCE, summaries=True).rows) == 10
