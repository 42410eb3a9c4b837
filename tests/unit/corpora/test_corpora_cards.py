"""Corpus cards: those that are shipped, and every way in which one can be wrong."""

import os
from pathlib import Path

import pytest

from nmt.config import shipped_folder
from nmt.corpora.cards import (
    CARD_FOLDERS_VARIABLE,
    HuggingFaceSplit,
    card_paths,
    check_sides,
    find_card,
    list_cards,
    load_card,
    split_files,
    split_sides,
)
from nmt.errors import DataError, RecipeError, UsageError

CARD = """\
id: talks
title: Talks
languages: [en, de]
licence: CC0
verified: true
files:
  train.en: {path: train.en}
  train.de: {path: train.de}
splits:
  train:
    format: plain
    sides: {en: train.en, de: train.de}
"""


@pytest.fixture(autouse=True)
def no_folders_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CARD_FOLDERS_VARIABLE, raising=False)


def write_card(folder: Path, text: str = CARD, name: str = "talks") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


SHIPPED = sorted(path.stem for path in shipped_folder("corpora").glob("*.yaml"))


def test_there_are_shipped_cards() -> None:
    assert {"phrases", "multi30k", "wmt14-en-de", "tatoeba-en-de"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_card_loads_and_claims_no_more_than_is_known(name: str) -> None:
    card = find_card(name)
    assert card.id == name
    assert card.licence
    for split_name, split in card.splits.items():
        check_sides(card, split_name, *split_sides(split))
        for file in split_files(split):
            described = card.files[file]
            if card.verified and described.verified:
                assert described.sha256 is not None, f"{file} is called verified, but has no hash"
        if isinstance(split, HuggingFaceSplit) and split.dataset is not None and split.revision is None:
            assert not card.verified, f"{split_name} pins no revision, but the card is called verified"
    for file, described in card.files.items():
        assert described.url is None or described.url.startswith("https://"), file
        assert described.sha256 is None or len(set(described.sha256)) > 8, f"{file} has an invented hash"


def test_list_cards_has_them_all_in_order() -> None:
    assert [card.id for card in list_cards()] == SHIPPED


def test_a_card_knows_its_place_and_sides(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path))
    assert card.location == (tmp_path / "talks.yaml").resolve()
    assert card.folder == tmp_path.resolve()
    assert card.sides == ["en", "de"]
    assert split_files(card.split("train"), ["de"]) == ["train.de"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("licence:", "licnce:", "licence"),
        ("de: train.de}\n", "de: tran.de}\n", "did you mean train.de"),
        ("format: plain", "format: plian", "plain"),
        ("{en: train.en, de: train.de}", "{en: train.en}", "at least 2"),
        ("{path: train.en}", "{path: train.en, url: 'https://example.org/x'}", "not both"),
        ("{path: train.en}", "{url: 'https://example.org/x', sha256: abc}", "sha256"),
        ("train.en: {path", "../train.en: {path", "files"),
        ("verified: true", "verified: perhaps", "verified"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in CARD
    path = write_card(tmp_path, CARD.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        load_card(path)
    assert str(path) in str(caught.value)
    assert problem in str(caught.value)


def test_a_heading_needs_a_header_and_a_hub_id_a_split(tmp_path: Path) -> None:
    head = CARD[: CARD.index("files:")]
    table = (
        "files: {a.tsv: {path: a.tsv}}\nsplits: {train: {format: tsv, file: a.tsv, columns: {en: English, de: 1}}}\n"
    )
    with pytest.raises(RecipeError, match="header is false"):
        load_card(write_card(tmp_path, head + table))
    hub = "splits: {train: {format: huggingface, dataset: a/b, fields: {en: en, de: de}}}\n"
    with pytest.raises(RecipeError, match="needs split"):
        load_card(write_card(tmp_path, head + hub))


def test_the_id_is_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"id: talks.*id: other"):
        load_card(write_card(tmp_path, name="other"))


def test_an_unknown_card_split_or_side_has_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean multi30k"):
        find_card("multi30")
    card = find_card("phrases")
    with pytest.raises(UsageError, match="Did you mean phrases/train"):
        card.split("trian")
    with pytest.raises(UsageError, match=r"no side fr.*one of en, de"):
        check_sides(card, "train", "en", "fr")


def test_cards_of_ones_own_come_before_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write_card(folder, CARD.replace("Talks", folder.name))
    write_card(second, CARD.replace("id: talks", "id: phrases"), "phrases")
    monkeypatch.setenv(CARD_FOLDERS_VARIABLE, os.pathsep.join((str(first), str(second))))
    assert find_card("talks").title == "first"
    assert find_card("talks", [second]).title == "second"
    assert find_card("phrases").title == "Talks"
    assert set(card_paths()) == {*SHIPPED, "talks"}


def test_a_folder_of_cards_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CARD_FOLDERS_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere: there is no such folder"):
        card_paths()
