"""Samples of a recipe's text."""

import hashlib
from pathlib import Path

import pytest

from nmt.config import load_recipe
from nmt.errors import DataError
from nmt.pipeline import sample as module
from nmt.pipeline.plan import make_plan
from nmt.pipeline.sample import Sample, Share, missing_files, pairs_of_cards, take_sample
from nmt.pipeline.synthesize import read_index, write_index
from nmt.pipeline.workspace import Workspace

RECIPE = """\
name: own
corpora:
  source: en
  target: de
  train: [{source: a.en, target: a.de}, {source: b.en, target: b.de}]
  valid: [{source: b.en, target: b.de}]
  test: [{source: b.en, target: b.de}]
cleaning: []
tokenizer: {kind: bpe, vocab_size: 60}
"""


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    for name, lines in (("a", 300), ("b", 40)):
        for side in ("en", "de"):
            (tmp_path / f"{name}.{side}").write_text("".join(f"word {n} of {side}\n" for n in range(lines)))
    path = tmp_path / "own.yaml"
    path.write_text(RECIPE)
    return path


def sample_of(path: Path, *overrides: str) -> Sample:
    recipe, workspace = load_recipe(path, list(overrides)), Workspace(path.parent / "work")
    temporary = path.parent / "temporary"
    temporary.mkdir()
    sample = take_sample(make_plan(recipe, path, workspace), recipe, workspace, temporary)
    assert not workspace.root.exists()
    return sample


def test_a_small_text_is_taken_as_a_whole(recipe_path):
    sample = sample_of(recipe_path)
    assert sample.shares == {"train": Share(340, 340), "valid": Share(40, 40), "test/b": Share(40, 40)}
    assert sample.parts == [Share(300, 300), Share(40, 40)]
    assert sample.whole
    assert sample.test_lines == 40
    assert list(sample.seconds) == ["fetch", "clean", "tokenizer", "encode"]
    expected = (recipe_path.parent / "a.en").read_bytes() + (recipe_path.parent / "b.en").read_bytes()
    assert (sample.folders["fetch"] / "train.source.txt").read_bytes() == expected


def test_of_a_large_text_every_corpus_lends_its_beginning_and_is_counted(recipe_path, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_CHARACTERS", 2000)
    sample = sample_of(recipe_path)
    share = sample.shares["train"]
    assert share.total == 340
    taken = (sample.folders["fetch"] / "train.source.txt").read_text().splitlines()
    assert len(taken) == share.taken < 100
    first = taken.index("word 0 of en", 1)  # where the second corpus begins
    assert sample.parts == [Share(300, first), Share(40, len(taken) - first)]
    assert taken == [f"word {n} of en" for n in range(first)] + [f"word {n} of en" for n in range(len(taken) - first)]
    fetched = sum((recipe_path.parent / f"{name}.{side}").stat().st_size for name in "ab" for side in ("en", "de"))
    held = 2 * sum((recipe_path.parent / f"b.{side}").stat().st_size for side in ("en", "de"))
    assert sample.bytes_in_all("fetch") == pytest.approx(fetched + held, rel=0.05)


def test_a_sample_may_be_too_small_for_the_vocabulary_but_a_whole_text_may_not(recipe_path, monkeypatch):
    with pytest.raises(DataError, match="vocab_size is larger"):
        sample_of(recipe_path, "tokenizer.vocab_size=4000")
    (recipe_path.parent / "temporary").rename(recipe_path.parent / "before")
    monkeypatch.setattr(module, "SAMPLE_CHARACTERS", 2000)
    assert sample_of(recipe_path, "tokenizer.vocab_size=4000").vocabulary_is_smaller


def test_figures_of_a_split_are_scaled_by_its_own_share(tmp_path):
    (tmp_path / "test").mkdir()
    for name, size in (("train.ids", 10), ("test/a.source.txt", 20), ("test/a.b.source.txt", 30), ("report.json", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    shares = {"train": Share(100, 10), "test/a": Share(2, 2), "test/a.b": Share(9, 3)}
    assert Sample({"clean": tmp_path}, shares, [], {}).bytes_in_all("clean") == 100 + 20 + 90 + 5


def test_what_is_not_downloaded_is_named_and_nothing_is_fetched(tmp_path, monkeypatch):
    content = b"one\ntwo\n"
    facts = f"{{url: 'http://127.0.0.1:9/x', size: {len(content)}, sha256: {hashlib.sha256(content).hexdigest()}}}"
    (tmp_path / "small.yaml").write_text(
        f"id: small\ntitle: t\nlanguages: [en, de]\nlicence: none\nverified: true\n"
        f"files: {{a.en: {facts}, a.de: {facts}}}\n"
        "splits: {train: {format: plain, sides: {en: a.en, de: a.de}, lines: 2}}\n"
    )
    monkeypatch.setenv("NMT_CARDS", str(tmp_path))
    path = tmp_path / "recipe.yaml"
    part = "{corpus: small/train, every: 3}"
    path.write_text(
        f"name: r\ncorpora: {{source: en, target: de, train: [small/train, {part}], valid: [small/train]}}\n"
    )
    recipe, store = load_recipe(path), tmp_path / "store"
    assert missing_files(recipe, store) == {"small/a.en": len(content), "small/a.de": len(content)}
    assert pairs_of_cards(recipe) == 3
    assert not store.exists()
    (store / "small").mkdir(parents=True)
    (store / "small" / "a.en").write_bytes(content)
    (store / "small" / "a.de").write_bytes(b"one\ntwx\n")
    assert missing_files(recipe, store) == {"small/a.de": len(content)}


def test_synthetic_pairs_that_are_made_are_parts_of_the_sample(tmp_path, monkeypatch):
    folder = tmp_path / "synthesized"
    folder.mkdir()
    for side in ("source", "target"):
        (folder / f"back_translation.{side}.txt").write_text("".join(f"line {n}\n" for n in range(100)))
    write_index(folder, [{"name": "back_translation", "pairs": 100, "text": []}])
    monkeypatch.setattr(module, "SAMPLE_CHARACTERS", 120)
    assert module._sample_synthesize(folder, tmp_path / "sample") == [Share(100, 10)]
    assert [row["pairs"] for row in read_index(tmp_path / "sample")] == [10]
    assert len((tmp_path / "sample" / "back_translation.target.txt").read_text().splitlines()) == 10


def test_text_to_translate_back_is_named_as_well(tmp_path, monkeypatch):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "name: r\ncorpora: {source: en, target: de, train: [phrases/train], valid: [phrases/valid]}\n"
        "synthetic: [{method: back_translation, text: [multi30k/train]}]\n"
    )
    assert list(missing_files(load_recipe(path), tmp_path / "store")) == ["multi30k/train.de.gz"]
