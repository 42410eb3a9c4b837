"""Data sets of the Hugging Face hub and local Parquet or Arrow files, through the ``datasets`` package."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from nmt.corpora.cards import CorpusCard, HuggingFaceSplit
from nmt.corpora.fetch import OFFLINE_VARIABLE, is_offline
from nmt.corpora.pair import Pair
from nmt.corpora.readers import text_field
from nmt.errors import DataError, FetchError


def read_huggingface(
    card: CorpusCard, split: HuggingFaceSplit, source: str, target: str, store: Path
) -> Iterator[Pair]:
    """Yields the pairs of a data set.

    Raises:
        FetchError: a hub id without a revision, or the data set cannot be had.
        DataError: there are no local files, or a row lacks a field.
    """
    if split.path is not None:
        place = str(card.folder / split.path)
        rows = _local_rows(card.folder / split.path, split.split)
    else:
        place = f"{split.dataset} on the hub"
        rows = _hub_rows(card, split, store)
    for number, row in enumerate(rows, start=1):
        yield Pair(*(text_field(row, split.fields[side], f"{place}, row {number}") for side in (source, target)))


def local_files(path: Path, split: str | None) -> list[Path]:
    """Returns the Parquet or Arrow files at ``path``: itself, or those in the folder that belong to ``split``.

    A file belongs to a split if it lies in a folder of that name, or its name is the split's, perhaps followed by
    ``-`` and more, as in ``train-00000-of-00002.parquet``.

    Raises:
        DataError: there are none.
    """
    if path.is_file():
        return [path]
    files = sorted(file for suffix in ("parquet", "arrow") for file in path.rglob(f"*.{suffix}"))
    if split is not None:
        files = [
            file
            for file in files
            if split in file.relative_to(path).parts[:-1] or file.stem == split or file.name.startswith(f"{split}-")
        ]
    if not files:
        raise DataError(
            f"{path}: there are no Parquet or Arrow files" + (f" of the split {split}" if split else ""),
            expected="*.parquet or *.arrow, in a folder of the split's name or with names that begin with it",
            action="Correct path or split in the card",
        )
    return files


def _local_rows(path: Path, split: str | None) -> Iterator[Any]:
    import datasets

    files = local_files(path, split)
    for file in files:
        try:
            if file.suffix == ".arrow":
                rows: Iterable[Any] = datasets.Dataset.from_file(str(file))
            else:
                # Streaming reads the file where it is; otherwise a copy of it would go to a cache.
                rows = datasets.load_dataset("parquet", data_files=[str(file)], split="train", streaming=True)
            yield from rows
        except DataError:
            raise
        except Exception as error:
            raise DataError(
                f"{file}: cannot be read as {file.suffix.removeprefix('.') or 'Parquet or Arrow'}",
                received=f"{type(error).__name__}: {error}",
                action="Check that the file is whole",
            ) from error


def _hub_rows(card: CorpusCard, split: HuggingFaceSplit, store: Path) -> Iterator[Any]:
    if split.revision is None:
        raise FetchError(
            f"{card.id}: the card pins no revision of {split.dataset}, so the text could change between two runs",
            expected="revision: the commit of the data set on the hub",
            action=f"Copy {card.location} to a folder of your own, write the commit that you want into it"
            " and set NMT_CARDS to that folder",
        )
    if is_offline():
        # The package reads this variable when it is imported; the attribute is for when it already was.
        os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets

    if is_offline():
        datasets.config.HF_HUB_OFFLINE = True
    try:
        loaded = datasets.load_dataset(
            split.dataset,
            split.config,
            revision=split.revision,
            split=split.split,
            cache_dir=str(store / card.id / "huggingface"),
        )
    except Exception as error:
        raise FetchError(
            f"{card.id}: {split.dataset} at revision {split.revision} cannot be had from the hub",
            received=f"{type(error).__name__}: {error}",
            action=f"{OFFLINE_VARIABLE} forbids the network: unset it, or write a card with the path of local files"
            if is_offline()
            else "Check the network, the id, the revision and the config in the card",
        ) from error
    yield from cast(Iterable[Any], loaded)
