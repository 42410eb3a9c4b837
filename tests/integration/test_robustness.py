"""What a run loses on careless text, by the command line."""

import json


def test_a_run_is_compared_with_itself(finished, tmp_path):
    arguments = ("--variant", "upper", "--variant", "typos", "--format", "json", "-o", tmp_path)
    found = json.loads(finished("robustness", "tiny", *arguments).stdout)
    assert (found["recipe"], found["test"], found["seed"]) == ("tiny", "test", 1)
    original, upper, typos = found["variants"]
    assert original["variant"] == "original"
    assert original["scores"]["chrf"]["change"] == 0
    board = json.loads(finished("leaderboard", "tiny", "--format", "json").stdout)
    recorded = next(record for record in board["records"] if record["system"] == "tiny")
    run = {score["name"]: score["value"] for score in recorded["scores"]["test"]}
    assert {name: score["value"] for name, score in original["scores"].items()} == run
    assert upper["changed"] == 1.0
    assert 0 < typos["changed"] < 1
    for variant in (upper, typos):
        for name, score in variant["scores"].items():
            assert score["value"] - run[name] == score["change"]
            assert 0 < score["p_value"] <= 1
    sources = (finished.folder / "test.en").read_text()
    assert (tmp_path / "upper.source.txt").read_text() == sources.upper()
    assert len((tmp_path / "upper.hypothesis.txt").read_text().splitlines()) == len(sources.splitlines())


def test_a_bundle_takes_files(finished):
    bundle = "work/runs/tiny/bundle"
    arguments = ("valid.en", "valid.de", "--variant", "title", "-m", "chrf", "--lowercase")
    shown = finished("robustness", bundle, *arguments).stdout.decode()
    assert "title" in shown
    assert "chrF" in shown
    assert b"SOURCE REFERENCE" in finished("robustness", bundle, "valid.en", expect=2).stderr
    assert b"Did you mean test?" in finished("robustness", "tiny", "--test", "tests", expect=2).stderr
