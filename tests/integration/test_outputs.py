"""What the command writes beside the text, with a model that was trained."""

import json

import numpy as np
import pytest
from conftest import make_project

BUNDLE = "work/runs/words/bundle"


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A project with a model of words that was trained until it translates most of them."""
    command = make_project(tmp_path_factory.mktemp("words"))
    settings = ("name=words", "tokenizer.kind=word", "training.max_epochs=10", "dataset.tokens_per_batch=128")
    command("run", "tiny.yaml", *(part for setting in settings for part in ("--set", setting)))
    return command


def test_n_best_scores_are_those_of_score_pairs(words, tmp_path):
    sources = (words.folder / "test.en").read_text(encoding="utf-8").splitlines()[:12]
    (tmp_path / "source").write_text("".join(f"{line}\n" for line in sources), encoding="utf-8")
    options = "--n-best", 2, "--beam-size", 4
    listed = words("translate", BUNDLE, tmp_path / "source", *options).stdout.decode().splitlines()
    rows = [line.split(" ||| ") for line in listed]
    assert [int(row[0]) for row in rows] == [number for number in range(12) for _ in range(2)]
    as_json = words("translate", BUNDLE, tmp_path / "source", *options, "--format", "jsonl").stdout.decode()
    objects = [json.loads(line) for line in as_json.splitlines()]
    assert [each["source"] for each in objects] == sources
    flat = [best for each in objects for best in each["translations"]]
    assert [best["text"] for best in flat] == [row[1] for row in rows]
    np.testing.assert_allclose([best["score"] for best in flat], [float(row[2]) for row in rows], atol=1e-5)

    (tmp_path / "repeated").write_text("".join(f"{sources[int(row[0])]}\n" for row in rows), encoding="utf-8")
    (tmp_path / "outputs").write_text("".join(f"{row[1]}\n" for row in rows), encoding="utf-8")
    pairs = BUNDLE, tmp_path / "repeated", tmp_path / "outputs"
    scored = [line.split("\t") for line in words("score-pairs", *pairs).stdout.decode().splitlines()]
    details = [json.loads(line) for line in words("score-pairs", *pairs, "--format", "jsonl").stdout.splitlines()]
    assert len(scored) == len(details) == len(rows)
    compared = 0
    for best, (log_probability, score), detail in zip(flat, scored, details, strict=True):
        if detail["ids"] != best["ids"]:  # the search may write a text as other pieces than it is read as
            continue
        compared += 1
        np.testing.assert_allclose(float(log_probability), best["log_probability"], atol=1e-4)
        np.testing.assert_allclose(float(score), best["score"], atol=1e-4)
        np.testing.assert_allclose(detail["word_log_probabilities"], best["word_log_probabilities"], atol=1e-4)
        assert detail["alignment"] == best["alignment"]
    assert compared >= 12


def test_fields_and_lines(words):
    source = b"old red house\n\nblue car\n"
    plain = words("translate", BUNDLE, stdin=source).stdout.decode().splitlines()
    options = "--scores", "--word-scores", "--alignment", "hard", "--flags"
    lines = words("translate", BUNDLE, *options, stdin=source).stdout.decode().splitlines()
    rows = [line.split(" ||| ") for line in lines]
    assert [row[0] for row in rows] == plain
    assert all(len(row) == 5 for row in rows)
    assert rows[1] == ["", "0.000000", "", "", ""]
    for text, _, word_scores, links, _ in rows:
        count = len(text.split())
        assert len(word_scores.split()) in (count, count + 1)
        assert {int(link.split("-")[1]) for link in links.split()} == set(range(count))
    refused = words("translate", BUNDLE, "--n-best", 3, stdin=source, expect=2)
    assert b"Set the beam size to 3" in refused.stderr


def test_attention_is_drawn_line_by_line(words, tmp_path):
    source = b"old red house\n\nblue car\nold child\n"
    done = words("visualize", "attention", BUNDLE, "--lines", 3, "-o", tmp_path / "folder", stdin=source)
    assert [line.rsplit("/")[-1] for line in done.stdout.decode().split()] == ["attention-1.png", "attention-3.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "folder").iterdir())
