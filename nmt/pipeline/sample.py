"""A sample of a recipe's text, taken through the stages before training, in a temporary folder.

The stages are those that a run builds, so where the sample is the whole text, what they give is what a run would give.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nmt import textio
from nmt.config import CorpusReference, FilesConfig, PartConfig, Recipe
from nmt.corpora.cards import HuggingFaceSplit, split_files
from nmt.corpora.fetch import file_state
from nmt.corpora.materialize import read_reference, resolve, vectors_file
from nmt.errors import DataError
from nmt.pipeline.plan import PlannedStage
from nmt.pipeline.stage import Stage, StageContext
from nmt.pipeline.stages import side_files, splits_of
from nmt.pipeline.workspace import Workspace
from nmt.vectors import Vectors, read_vectors

SAMPLE_CHARACTERS = 5_000_000
"""Characters of both sides, about, that are read of a split."""

_VECTOR_PAIRS = 2_000  # most pairs of a sample whose sources are vectors
_SMALLEST_VOCABULARY = 8


@dataclass(frozen=True)
class Share:
    """How many pairs a split has, and how many of them were taken."""

    total: int
    taken: int

    @property
    def scale(self) -> float:
        """What a figure of the sample is multiplied by."""
        return self.total / max(self.taken, 1)


@dataclass(frozen=True)
class Sample:
    """The text at hand, as the stages before training leave it.

    Attributes:
        folders: what ``fetch``, ``clean``, ``tokenizer`` and ``encode`` made of the sample, or their artifacts.
        shares: by split.
        seconds: what the stages took with the sample; those that a run will not build are not there.
        vocabulary_is_smaller: the sample has too little text for ``tokenizer.vocab_size``.
    """

    folders: dict[str, Path]
    shares: dict[str, Share]
    seconds: dict[str, float]
    vocabulary_is_smaller: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return all(share.total == share.taken for share in self.shares.values())

    @property
    def test_lines(self) -> int:
        """Lines of all test sets."""
        return sum(share.total for name, share in self.shares.items() if name.startswith("test/"))

    def bytes_in_all(self, stage: str) -> int:
        """Returns how large the artifact of a stage will be: its files, each by the share of its split."""
        folder = self.folders[stage]
        size = 0.0
        for path in folder.rglob("*"):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                splits = [split for split in self.shares if name.startswith(f"{split}.")]
                # test/a.b.source.txt is of test/a.b, even where there is a test/a.
                size += path.stat().st_size * (self.shares[max(splits, key=len)].scale if splits else 1.0)
        return round(size)


def missing_files(recipe: Recipe, store: Path) -> dict[str, int | None]:
    """Returns the files of cards that a run would download, with their sizes in bytes where the cards have them.

    Whether a data set of the hub is there already cannot be known, so it is among them.
    """
    missing: dict[str, int | None] = {}
    for references in splits_of(recipe).values():
        for reference in references:
            whole = reference.corpus if isinstance(reference, PartConfig) else reference
            if isinstance(whole, FilesConfig):
                continue
            card, name = resolve(whole)
            split = card.split(name)
            if isinstance(split, HuggingFaceSplit) and split.dataset is not None:
                missing[f"{split.dataset} on the hub"] = None
            for file in split_files(split, (recipe.corpora.source, recipe.corpora.target)):
                # What a card gives by its path is not downloaded: if it is wrong, reading it says so.
                if card.files[file].path is None and file_state(card, file, store) != "ok":
                    missing[f"{card.id}/{file}"] = card.files[file].size
    return missing


def pairs_of_cards(recipe: Recipe) -> int | None:
    """Returns how many training pairs the cards say there are; None where one of the corpora does not say it."""
    counts = [_pairs_of_card(reference) for reference in recipe.corpora.train]
    return None if None in counts else sum(count or 0 for count in counts)


def take_sample(
    plan: Sequence[PlannedStage], recipe: Recipe, recipe_path: Path, workspace: Workspace, temporary: Path
) -> Sample:
    """Samples the text of a recipe and builds what training reads. Nothing in the workspace is changed.

    Args:
        plan: an artifact that need not be built is used as it is.
        recipe, recipe_path, workspace: as for a run; no file of the recipe is missing.
        temporary: an empty folder.

    Raises:
        DataError: the text cannot be read, or a stage cannot work with it.
    """
    done = {planned.stage.name: planned.artifact for planned in plan if not planned.reasons}
    if "encode" in done:
        corpora = json.loads((done["fetch"] / "corpora.json").read_bytes())
        counts = {split: sum(fact["pairs"] for fact in facts) for split, facts in corpora.items()}
        return Sample(done, {split: Share(count, count) for split, count in counts.items()}, {})
    began = time.monotonic()
    folders = {"fetch": temporary / "fetch"}
    shares = {}
    for split, references in splits_of(recipe).items():
        if "fetch" in done:
            streams: list[_Stream] = [(_pairs_of_files(side_files(done["fetch"], split)), None)]
        else:
            streams = _streams(recipe, recipe_path.parent, references, workspace.corpora)
        shares[split], taken = _copy(streams, *side_files(folders["fetch"], split), any(recipe.corpora.with_vectors))
        if any(recipe.corpora.with_vectors):
            source = vectors_file(side_files(done["fetch"], split)[0]) if "fetch" in done else None
            vectors = Vectors.load(source) if source else _own_vectors(references, recipe_path.parent)
            vectors.select(taken).save(vectors_file(side_files(folders["fetch"], split)[0]))
    seconds = {"fetch": time.monotonic() - began}
    sample = Sample(folders, shares, seconds)
    smaller = False
    for planned in plan:
        name = planned.stage.name
        if name == "tokenizer" and name in done:
            folders[name] = done[name]
        elif name in ("clean", "tokenizer", "encode"):
            began = time.monotonic()
            folders[name] = temporary / name
            context = StageContext(
                recipe, recipe_path, "", dict(folders), folders[name], workspace, temporary, lambda text: None
            )
            smaller |= _build(planned.stage, context, sample.whole)
            seconds[name] = time.monotonic() - began
    return Sample(folders, shares, {name: seconds[name] for name in seconds if name not in done}, smaller)


_Stream = tuple[Iterator[tuple[str, ...]], int | None]
"""The pairs of a corpus, and how many there are where that is known before they are read."""


def _build(stage: Stage, context: StageContext, whole: bool) -> bool:
    """Builds a stage; returns whether its vocabulary is smaller than the recipe's, which only a sample's may be."""
    vocab_size = context.recipe.tokenizer.vocab_size
    context.output.mkdir(exist_ok=True)
    try:
        stage.build(context)
        return False
    except DataError as error:
        if whole or stage.name != "tokenizer":
            raise
        first = error
    while vocab_size >= 2 * _SMALLEST_VOCABULARY:
        vocab_size //= 2
        tokenizer = context.recipe.tokenizer.model_copy(update={"vocab_size": vocab_size})
        recipe = context.recipe.model_copy(update={"tokenizer": tokenizer})
        try:
            stage.build(dataclasses.replace(context, recipe=recipe))
            return True
        except DataError:
            continue
    raise first


def _copy(streams: Sequence[_Stream], source: Path, target: Path, vectors: bool) -> tuple[Share, list[int]]:
    """Writes the first pairs of each corpus; returns the share, and the numbers of the pairs, counted over all."""
    rows: list[tuple[str, ...]] = []
    taken: list[int] = []
    total = 0
    for pairs, known in streams:
        left = SAMPLE_CHARACTERS // len(streams)
        most = _VECTOR_PAIRS // len(streams) if vectors else left
        count = 0
        for row in islice(pairs, most):
            taken.append(total + count)
            rows.append(row)
            count += 1
            left -= sum(map(len, row))
            if left <= 0:
                break
        total += known if known is not None else count + sum(1 for _ in pairs)
    textio.write_lines(source, (row[0] for row in rows))
    textio.write_lines(target, (row[1] for row in rows))
    return Share(total, len(rows)), taken


def _streams(recipe: Recipe, folder: Path, references: Sequence[CorpusReference], store: Path) -> list[_Stream]:
    sides = recipe.corpora.source, recipe.corpora.target
    return [
        (_rows(read_reference(reference, *sides, store, folder)), _pairs_of_card(reference)) for reference in references
    ]


def _rows(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    yield from pairs


def _pairs_of_files(files: tuple[Path, Path]) -> Iterator[tuple[str, ...]]:
    return textio.read_parallel(files)


def _pairs_of_card(reference: CorpusReference) -> int | None:
    if isinstance(reference, FilesConfig):
        return None
    if isinstance(reference, PartConfig):
        whole = _pairs_of_card(reference.corpus)
        return None if whole is None else -(-whole // reference.every)
    card, name = resolve(reference)
    return card.split(name).lines


def _own_vectors(references: Sequence[CorpusReference], folder: Path) -> Vectors:
    own = [reference for reference in references if isinstance(reference, FilesConfig)]
    return Vectors.joined([read_vectors(folder / reference.source) for reference in own])
