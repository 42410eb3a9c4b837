"""An ablation by the command line: a grid of a tiny recipe, twice."""

import json


def test_an_ablation_trains_the_grid_once(project):
    grid = ("--over", "decoding.beam_size=1,2", "--seeds", 1, "--set", "training.max_epochs=1")
    result = project("ablate", "tiny.yaml", *grid, "--format", "json")
    found = json.loads(result.stdout)
    assert found["study"] == "tiny.over.decoding.beam_size"
    assert [row["system"] for row in found["rows"]] == ["decoding.beam_size=1", "decoding.beam_size=2"]
    assert [[run["seed"] for run in row["runs"]] for row in found["rows"]] == [[1], [1]]
    assert found["rows"][0]["differences"] == {}
    assert 0 < found["rows"][1]["differences"]["bleu"]["p_text"] <= 1
    assert result.stderr.count(b"[train] done") == 1  # a beam is no reason to train

    table = (project.folder / "work" / "studies" / found["study"] / "table.md").read_text(encoding="utf-8")
    again = project("ablate", "tiny.yaml", *grid, "--format", "markdown")
    assert b"[train]" not in again.stderr
    assert again.stdout.decode() == table
    board = json.loads(project("leaderboard", found["study"], "--format", "json").stdout)
    assert len([record for record in board["records"] if record["system"].startswith("tiny.over")]) == 2
