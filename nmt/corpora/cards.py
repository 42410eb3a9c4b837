"""Corpus cards: one YAML file says where a corpus comes from, what it may be used for and how its splits are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from nmt.config import shipped_folder
from nmt.errors import DataError, UsageError, nearest, suggestion
from nmt.model_config import Count
from nmt.strict_yaml import Strict, read_yaml, validate

CARD_FOLDERS_VARIABLE = "NMT_CARDS"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")]


class CardFile(Strict):
    """A file of a corpus: downloaded from ``url``, found in a mirror only (no url), or the user's own (``path``)."""

    url: str | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    path: str | None = Field(None, description="a file that is already there, relative to the card")
    verified: bool = Field(True, description="false where this file alone of a verified card was not checked")

    @model_validator(mode="after")
    def _one_origin(self) -> CardFile:
        if self.url is not None and self.path is not None:
            raise ValueError("a file has a url or a path, not both")
        return self


class PlainSplit(Strict):
    """One text file per side, line n of each a translation of line n of the others."""

    format: Literal["plain"]
    sides: Annotated[dict[str, str], Field(min_length=2)]
    lines: Count | None = None


class TsvSplit(Strict):
    """A table with TAB between columns. ``columns`` gives each side's column: its number from 0, or its heading."""

    format: Literal["tsv"]
    file: str
    columns: Annotated[dict[str, Annotated[int, Field(ge=0)] | str], Field(min_length=2)]
    header: bool = False
    quoting: bool = Field(False, description='fields may stand in double quotes, with "" for a quote inside')
    lines: Count | None = Field(None, description="pairs, the header not counted")

    @model_validator(mode="after")
    def _headings_need_a_header(self) -> TsvSplit:
        if not self.header and any(isinstance(column, str) for column in self.columns.values()):
            raise ValueError("columns are given by heading, but header is false")
        return self


class JsonlSplit(Strict):
    """One JSON object per line. ``fields`` gives each side's place in it, dotted: ``translation.en``."""

    format: Literal["jsonl"]
    file: str
    fields: Annotated[dict[str, str], Field(min_length=2)]
    lines: Count | None = None


class HuggingFaceSplit(Strict):
    """A data set of the Hugging Face hub at a pinned revision, or local Parquet or Arrow files (``path``)."""

    format: Literal["huggingface"]
    dataset: str | None = Field(None, description="id on the hub")
    path: str | None = Field(None, description="file or folder of Parquet or Arrow files, relative to the card")
    config: str | None = None
    revision: str | None = Field(None, description="commit on the hub; reading refuses a hub id without one")
    split: str | None = Field(None, description="name of the split inside the data set")
    fields: Annotated[dict[str, str], Field(min_length=2)]
    lines: Count | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> HuggingFaceSplit:
        if (self.dataset is None) == (self.path is None):
            raise ValueError("give either dataset (an id on the hub) or path (local files)")
        if self.dataset is not None and self.split is None:
            raise ValueError("a data set of the hub needs split")
        return self


class GeneratedSplit(Strict):
    """Text that the project makes itself. Only ``programs`` has a length and a nesting, and must have them."""

    format: Literal["generated"]
    generator: Literal["phrases", "echo", "reversal", "addition", "programs", "dates", "sorting"]
    part: Literal["train", "valid", "test"]
    seed: Annotated[int, Field(ge=0)] = 1
    lines: Count
    length: Annotated[int, Field(ge=1, le=9)] | None = Field(None, description="most digits of a program's numbers")
    nesting: Annotated[int, Field(ge=1, le=9)] | None = Field(None, description="a program's operations")
    mix: bool | None = Field(
        None, description="draw each program's length and nesting from 1 up to those given; true when absent"
    )

    @model_validator(mode="after")
    def _programs_have_a_difficulty(self) -> GeneratedSplit:
        if self.generator == "programs" and None in (self.length, self.nesting):
            raise ValueError("the generator programs needs length and nesting")
        if self.generator != "programs" and (self.length, self.nesting, self.mix) != (None, None, None):
            raise ValueError(f"length, nesting and mix belong to the generator programs, not to {self.generator}")
        return self


Split = Annotated[
    PlainSplit | TsvSplit | JsonlSplit | HuggingFaceSplit | GeneratedSplit,
    Field(discriminator="format"),
]


class CorpusCard(Strict):
    """All that is known of a corpus."""

    id: Name
    title: str
    languages: Annotated[list[str], Field(min_length=1)]
    homepage: str | None = None
    licence: str = Field(description="the licence of the text, or that none is known")
    citation: str | None = None
    verified: bool = Field(description="whether the files were fetched, checked and read by those who wrote the card")
    notes: str = ""
    files: dict[FileName, CardFile] = Field(default_factory=dict)
    splits: Annotated[dict[Name, Split], Field(min_length=1)]
    _location: Path = PrivateAttr(default=Path("."))

    @model_validator(mode="after")
    def _files_exist(self) -> CorpusCard:
        for name, split in self.splits.items():
            for file in split_files(split):
                if file not in self.files:
                    close = nearest(file, self.files)
                    hint = f"; did you mean {close}?" if close else ""
                    raise ValueError(f"split {name} reads {file}, which is not one of the card's files{hint}")
        return self

    @property
    def location(self) -> Path:
        """The card's own file."""
        return self._location

    @property
    def folder(self) -> Path:
        """The folder of the card, to which its local paths are relative."""
        return self._location.parent

    @property
    def sides(self) -> list[str]:
        """The sides that its splits have between them: languages, or fields such as ``abstract``."""
        return list(dict.fromkeys(side for split in self.splits.values() for side in split_sides(split)))

    def split(self, name: str) -> Split:
        """Returns the specification of a split.

        Raises:
            UsageError: the card has no such split.
        """
        if name in self.splits:
            return self.splits[name]
        close = nearest(name, self.splits)
        raise UsageError(
            f"{self.id}/{name}: the corpus {self.id} has no split of this name",
            received=name,
            expected=f"one of {', '.join(self.splits)}",
            action=f"Did you mean {self.id}/{close}?" if close else f"See nmt corpora show {self.id}",
        )


def split_files(split: Split, sides: Sequence[str] | None = None) -> list[str]:
    """Returns the names of the card's files that a split reads, or that the named sides of it need."""
    if isinstance(split, PlainSplit):
        return [file for side, file in split.sides.items() if sides is None or side in sides]
    if isinstance(split, TsvSplit | JsonlSplit):
        return [split.file]
    return []


def split_sides(split: Split) -> list[str]:
    """Returns the sides of a split."""
    if isinstance(split, PlainSplit):
        return list(split.sides)
    if isinstance(split, TsvSplit):
        return list(split.columns)
    if isinstance(split, GeneratedSplit):
        return ["en", "de"] if split.generator == "phrases" else ["source", "target"]
    return list(split.fields)


def check_sides(card: CorpusCard, name: str, *sides: str) -> None:
    """Checks that a split of a card has the sides.

    Raises:
        UsageError: there is no such split, or it lacks a side.
    """
    available = split_sides(card.split(name))
    for side in sides:
        if side not in available:
            raise UsageError(
                f"{card.id}/{name}: the split has no side {side}",
                received=side,
                expected=f"one of {', '.join(available)}",
                action=suggestion(side, available, f"See nmt corpora show {card.id}"),
            )


def load_card(path: Path) -> CorpusCard:
    """Reads and validates the card in a file.

    Raises:
        RecipeError: not YAML or not a valid card; every fault is named with its line.
        DataError: the card's id is not the name of its file.
    """
    card = validate(CorpusCard, read_yaml(path), path)
    if card.id != path.stem:
        raise DataError(
            f"{path}: the card's id is not the name of its file",
            received=f"id: {card.id}",
            expected=f"id: {path.stem}",
            action="Rename the file or the corpus",
        )
    card._location = path.resolve()
    return card


def card_paths(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Returns the file of each card by id: of the given folders, of ``NMT_CARDS``, then of the shipped ones.

    Raises:
        UsageError: a folder that was asked for does not exist.
    """
    variable = os.environ.get(CARD_FOLDERS_VARIABLE, "")
    asked = [*folders, *(Path(part) for part in variable.split(os.pathsep) if part)]
    for folder in asked:
        if not folder.is_dir():
            raise UsageError(
                f"{folder}: there is no such folder of corpus cards",
                expected=f"folders that exist, as arguments or in {CARD_FOLDERS_VARIABLE}",
                action="Check the path",
            )
    paths: dict[str, Path] = {}
    for folder in [*asked, shipped_folder("corpora")]:
        for path in sorted(folder.glob("*.yaml")):
            paths.setdefault(path.stem, path)
    return paths


def find_card(corpus: str, folders: Sequence[Path] = ()) -> CorpusCard:
    """Returns the card of a corpus by its id.

    Raises:
        UsageError: there is no card with this id.
        RecipeError: the card is not valid.
    """
    paths = card_paths(folders)
    if corpus in paths:
        return load_card(paths[corpus])
    raise UsageError(
        f"{corpus}: there is no corpus card of this name",
        received=corpus,
        expected=f"one of {', '.join(sorted(paths))}",
        action=suggestion(corpus, paths, f"Set {CARD_FOLDERS_VARIABLE} to the folder of a card of your own"),
    )


def list_cards(folders: Sequence[Path] = ()) -> list[CorpusCard]:
    """Returns all cards that can be found, in the order of their ids."""
    return [load_card(path) for _, path in sorted(card_paths(folders).items())]
