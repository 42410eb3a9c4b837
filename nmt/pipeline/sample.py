"""A sample of a recipe's text, taken through the stages before training, in a temporary folder.

The stages are those that a run builds, so where the sample is the whole text, what they give is what a run would give.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from nmt import textio
from nmt.config import Recipe
from nmt.corpora.cards import HuggingFaceSplit, split_files
from nmt.corpora.fetch import file_state
from nmt.corpora.materialize import read_reference, resolve, vectors_file
from nmt.corpora_config import BackTranslationConfig, CorpusReference, FilesConfig, PartConfig, TextReference
from nmt.errors import DataError
from nmt.pipeline.plan import PlannedStage
from nmt.pipeline.stage import SYNTHESIZE, Stage, StageContext, side_files
from nmt.pipeline.stages import splits_of
from nmt.pipeline.synthesize import read_index, write_index
from nmt.pipeline.workspace import Workspace
from nmt.storage import write_json
from nmt.vectors import Vectors, read_vectors

SAMPLE_CHARACTERS = 5_000_000
"""Characters of both sides, about, that are read of a split."""

_VECTOR_PAIRS = 2_000  # most pairs of a sample whose sources are vectors
_SMALLEST_VOCABULARY = 8

_Stream = tuple[Iterable[tuple[str, ...]], int | None]
"""The pairs of a corpus, and how many there are where that is known before they are read."""


@dataclass(frozen=True)
class Share:
    """How many pairs there are of a text, and how many of them were taken."""

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
        folders: what the stages up to ``encode`` made of the sample, or their artifacts.
        shares: by split.
        parts: of each part of the training set, in order, as ``encode`` counts them.
        seconds: what the stages took with the sample; those that a run will not build are not there.
        vocabulary_is_smaller: the sample has too little text for ``tokenizer.vocab_size``.
    """

    folders: dict[str, Path]
    shares: dict[str, Share]
    parts: list[Share]
    seconds: dict[str, float]
    vocabulary_is_smaller: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return all(share.total == share.taken for share in (*self.shares.values(), *self.parts))

    @property
    def train(self) -> Share:
        """The share of the whole training set."""
        return Share(sum(part.total for part in self.parts), sum(part.taken for part in self.parts))

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
    sides = recipe.corpora.source, recipe.corpora.target
    wanted: list[tuple[CorpusReference | TextReference, tuple[str, ...]]] = [
        (reference, sides) for references in splits_of(recipe).values() for reference in references
    ]
    for step in recipe.synthetic:
        if isinstance(step, BackTranslationConfig):
            wanted += [(text, sides[1:]) for text in step.text]
    missing: dict[str, int | None] = {}
    for reference, needed in wanted:
        whole = reference.corpus if isinstance(reference, PartConfig) else reference
        if not isinstance(whole, str):
            continue
        needed = (*needed, *((isinstance(reference, PartConfig) and reference.references) or ()))
        card, name = resolve(whole)
        split = card.split(name)
        if isinstance(split, HuggingFaceSplit) and split.dataset is not None:
            missing[f"{split.dataset} on the hub"] = None
        for file in split_files(split, needed):
            # What a card gives by its path is not downloaded: if it is wrong, reading it says so.
            if card.files[file].path is None and file_state(card, file, store) != "ok":
                missing[f"{card.id}/{file}"] = card.files[file].size
    return missing


def pairs_of_cards(recipe: Recipe) -> int | None:
    """Returns how many training pairs the cards say there are; None where one of the corpora does not say it."""
    counts = [_pairs_of_card(reference) for reference in recipe.corpora.train]
    return None if None in counts else sum(count or 0 for count in counts)


def take_sample(plan: Sequence[PlannedStage], recipe: Recipe, workspace: Workspace, temporary: Path) -> Sample:
    """Samples the text of a recipe and builds what training reads. Nothing in the workspace is changed.

    Args:
        plan: the recipe's own stages; an artifact that need not be built is used as it is.
        recipe, workspace: as for a run; no file of the recipe is missing, and synthetic pairs are made.
        temporary: an empty folder.

    Raises:
        DataError: the text cannot be read, or a stage cannot work with it.
    """
    done = {planned.label: planned.artifact for planned in plan if not planned.reasons}
    if "encode" in done:
        corpora = json.loads((done["fetch"] / "corpora.json").read_bytes())
        counts = {split: sum(fact["pairs"] for fact in facts) for split, facts in corpora.items()}
        rows = [fact["pairs"] for fact in corpora["train"]]
        rows += [row["pairs"] for row in read_index(done[SYNTHESIZE])] if SYNTHESIZE in done else []
        shares = {split: Share(count, count) for split, count in counts.items()}
        return Sample(done, shares, [Share(count, count) for count in rows], {})
    began = time.monotonic()
    folders = {"fetch": temporary / "fetch"}
    shares, parts = _sample_fetch(done.get("fetch"), recipe, plan[0].recipe_path.parent, workspace, folders["fetch"])
    if SYNTHESIZE in done:
        folders[SYNTHESIZE] = temporary / SYNTHESIZE
        parts += _sample_synthesize(done[SYNTHESIZE], folders[SYNTHESIZE])
    sample = Sample(folders, shares, parts, {"fetch": time.monotonic() - began})
    smaller = False
    for planned in plan:
        name = planned.label
        if name == "tokenizer" and name in done:
            folders[name] = done[name]
        elif name in ("clean", "tokenizer", "encode"):
            began = time.monotonic()
            folders[name] = temporary / name
            inputs = {read: folders[read] for read in planned.stage.inputs if read in folders}
            context = StageContext(
                recipe, planned.recipe_path, "", inputs, folders[name], workspace, temporary, lambda text: None
            )
            smaller |= _build(planned.stage, context, sample.whole)
            sample.seconds[name] = time.monotonic() - began
    seconds = {name: taken for name, taken in sample.seconds.items() if name not in done}
    return Sample(folders, shares, parts, seconds, smaller)


def _sample_fetch(
    fetched: Path | None, recipe: Recipe, recipe_folder: Path, workspace: Workspace, output: Path
) -> tuple[dict[str, Share], list[Share]]:
    """Writes what ``fetch`` would write of the sample; returns the shares of splits, and of the training corpora."""
    sides = recipe.corpora.source, recipe.corpora.target
    has_vectors = any(recipe.corpora.with_vectors)
    shares, facts = {}, {}
    train: list[Share] = []
    for split, references in splits_of(recipe).items():
        if fetched is not None:
            found = json.loads((fetched / "corpora.json").read_bytes())[split]
            rows = iter(textio.read_parallel(side_files(fetched, split)))
            streams: list[_Stream] = [(islice(rows, fact["pairs"]), None) for fact in found]
        else:
            read = partial(read_reference, source=sides[0], target=sides[1])
            streams = [
                (read(reference, store=workspace.corpora, recipe_folder=recipe_folder), _pairs_of_card(reference))
                for reference in references
            ]
        corpora, taken = _copy(streams, side_files(output, split), has_vectors)
        shares[split] = Share(sum(share.total for share in corpora), sum(share.taken for share in corpora))
        facts[split] = [{"pairs": share.taken} for share in corpora]
        train = corpora if split == "train" else train
        if has_vectors:
            source = vectors_file(side_files(fetched, split)[0]) if fetched is not None else None
            vectors = Vectors.load(source) if source else _own_vectors(references, recipe_folder)
            vectors.select(taken).save(vectors_file(side_files(output, split)[0]))
    write_json(output / "corpora.json", facts)
    return shares, train


def _sample_synthesize(synthesized: Path, output: Path) -> list[Share]:
    """Writes what ``synthesize`` would write of the sample; returns the share of each part."""
    rows, parts = read_index(synthesized), []
    for row in rows:
        pairs = textio.read_parallel(side_files(synthesized, row["name"]))
        (share,), _ = _copy([(pairs, row["pairs"])], side_files(output, row["name"]), vectors=False)
        parts.append(share)
    write_index(output, [{**row, "pairs": share.taken} for row, share in zip(rows, parts, strict=True)])
    return parts


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


def _copy(streams: Sequence[_Stream], files: tuple[Path, Path], vectors: bool) -> tuple[list[Share], list[int]]:
    """Writes the first pairs of each corpus; returns the shares, and the numbers of the pairs, counted over all."""
    rows: list[tuple[str, ...]] = []
    taken: list[int] = []
    shares: list[Share] = []
    for pairs, known in streams:
        remaining: Iterator[tuple[str, ...]] = iter(pairs)
        left = SAMPLE_CHARACTERS // len(streams)
        begin, count = sum(share.total for share in shares), 0
        for row in islice(remaining, _VECTOR_PAIRS // len(streams) if vectors else None):
            taken.append(begin + count)
            rows.append(row)
            count += 1
            left -= sum(map(len, row))
            if left <= 0:
                break
        shares.append(Share(known if known is not None else count + sum(1 for _ in remaining), count))
    for side, file in enumerate(files):
        textio.write_lines(file, (row[side] for row in rows))
    return shares, taken


def _pairs_of_card(reference: CorpusReference) -> int | None:
    if isinstance(reference, FilesConfig):
        return None
    if isinstance(reference, PartConfig):
        whole = _pairs_of_card(reference.corpus)
        return None if whole is None else -(-whole // (reference.every or 1))
    card, name = resolve(reference)
    return card.split(name).lines


def _own_vectors(references: Sequence[CorpusReference], folder: Path) -> Vectors:
    own = [reference for reference in references if isinstance(reference, FilesConfig)]
    return Vectors.joined([read_vectors(folder / reference.source) for reference in own])
