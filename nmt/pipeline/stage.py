"""A stage: one step of the pipeline, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.config import Recipe
from nmt.parallel import Processes
from nmt.pipeline.workspace import Workspace


def side_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Returns the source and the target file of a split, such as ``train`` or ``test/multi30k.test_2016_flickr``."""
    return folder / f"{name}.source.txt", folder / f"{name}.target.txt"


def reference_files(folder: Path, name: str, references: int) -> list[Path]:
    """Returns the files of so many references of a test set, such as ``test/dialogsum.test``, the target first."""
    further = [folder / f"{name}.target-{number}.txt" for number in range(2, references + 1)]
    return [side_files(folder, name)[1], *further]


SYNTHESIZE = "synthesize"
"""The one stage that not every recipe has, and the one that reads what teachers were trained to."""


@dataclass(frozen=True)
class StageContext:
    """What a stage builds from, and where.

    Attributes:
        recipe: the whole recipe; a stage reads only the keys that it declares.
        recipe_path: the recipe's file; paths of the user's own corpora are relative to its folder.
        digest: the stage's own digest.
        inputs: the artifact of each input stage, and of the training of each teacher as ``<teacher>/train``.
        output: an empty folder, which becomes the artifact when the stage returns.
        workspace: where corpora, timings and leaderboards lie.
        scratch: a folder that survives a crash, for checkpoints; it goes when the artifact stands.
        say: shows one line to the person who waits.
        processes: that work on text; no artifact depends on it.
    """

    recipe: Recipe
    recipe_path: Path
    digest: str
    inputs: dict[str, Path]
    output: Path
    workspace: Workspace
    scratch: Path
    say: Callable[[str], None]
    processes: Processes = 1


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Attributes:
        name: the stage's name, and its folder's.
        version: raised when the same inputs give another artifact than before.
        keys: the dotted keys of the recipe that the artifact depends on; a section stands for all in it.
        inputs: the stages whose artifacts are read, where the recipe has them.
        build: writes the artifact into ``context.output``.
        identity: returns, as JSON, what the artifact depends on beside the recipe: cards and the user's files.
    """

    name: str
    version: int
    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    build: Callable[[StageContext], None]
    identity: Callable[[Recipe, Path], Any] | None = None

    def belongs_to(self, recipe: Recipe) -> bool:
        """Whether the recipe has this stage."""
        return self.name != SYNTHESIZE or bool(recipe.synthetic)
