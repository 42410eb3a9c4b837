"""The folder in which runs do their work.

::

    work/
      artifacts/<stage>/<digest>/   what a stage made; stage.json in it says from what
      scratch/<stage>-<digest>/     what a stage is making, and its checkpoints
      locks/<stage>-<digest>.lock   held by the process that makes it
      timings/<stage>-<digest>.json when and how long; kept apart, for it differs from run to run
      corpora/<card>/<file>         downloads, verified
      runs/<recipe>/                the last run of a recipe: run.json, report.html, bundle/
      leaderboards/<board>.jsonl    records
      tuning/<digest>/              what settings of the search scored, for one model and text
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.storage import read_json, write_json

WORKSPACE_VARIABLE = "NMT_WORK"
_MANIFEST = "stage.json"


@dataclass(frozen=True)
class Workspace:
    """The layout of a workspace below ``root``."""

    root: Path

    @classmethod
    def at(cls, folder: Path | None) -> Workspace:
        """Returns the workspace at ``folder``, else at ``$NMT_WORK``, else at ``work`` in the current folder."""
        return cls(folder or Path(os.environ.get(WORKSPACE_VARIABLE) or "work"))

    @property
    def corpora(self) -> Path:
        """Downloaded files."""
        return self.root / "corpora"

    @property
    def leaderboards(self) -> Path:
        """Records."""
        return self.root / "leaderboards"

    def artifact(self, stage: str, digest: str) -> Path:
        """Returns the folder of an artifact, whether or not it exists."""
        return self.root / "artifacts" / stage / digest

    def scratch(self, stage: str, digest: str) -> Path:
        """Returns the folder in which an artifact is made."""
        return self.root / "scratch" / f"{stage}-{digest}"

    def tuning(self, digest: str) -> Path:
        """Returns the folder of the results of a tuning."""
        return self.root / "tuning" / digest

    def run_folder(self, recipe: str) -> Path:
        """Returns the folder of the last run of a recipe."""
        return self.root / "runs" / recipe

    def manifest(self, stage: str, digest: str) -> dict[str, Any] | None:
        """Returns what ``stage.json`` of an artifact says, or None where there is no whole artifact."""
        return read_json(self.artifact(stage, digest) / _MANIFEST)

    def write_manifest(self, folder: Path, facts: dict[str, Any]) -> None:
        """Writes ``stage.json`` into a folder that holds a finished artifact: its facts, its files and their sizes."""
        write_json(folder / _MANIFEST, facts | {"files": _sizes(folder)})

    def damage(self, stage: str, digest: str) -> str | None:
        """Says what is wrong with an artifact that exists: a file that is missing or has another size."""
        manifest = self.manifest(stage, digest) or {}
        folder = self.artifact(stage, digest)
        for name, size in manifest.get("files", {}).items():
            path = folder / name
            received = path.stat().st_size if path.is_file() else None
            if received != size:
                return f"{name} " + ("is missing" if received is None else f"has {received} bytes instead of {size}")
        return None

    def timing(self, stage: str, digest: str) -> dict[str, Any]:
        """Returns when an artifact was made and how long it took; empty where that is not known."""
        return read_json(self._timing_path(stage, digest)) or {}

    def add_timing(self, stage: str, digest: str, facts: dict[str, Any]) -> None:
        """Adds to what is known of the making of an artifact."""
        write_json(self._timing_path(stage, digest), self.timing(stage, digest) | facts)

    def last_run(self, recipe: str) -> dict[str, Any]:
        """Returns ``run.json`` of a recipe: the digests of its stages in its last run; empty before the first."""
        return read_json(self.run_folder(recipe) / "run.json") or {}

    def write_run(self, recipe: str, facts: dict[str, Any]) -> None:
        """Writes ``run.json`` of a recipe."""
        write_json(self.run_folder(recipe) / "run.json", facts)

    def is_locked(self, stage: str, digest: str) -> bool:
        """Whether a process is making the artifact."""
        from filelock import FileLock, Timeout

        path = self._lock_path(stage, digest)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True

    @contextmanager
    def locked(self, stage: str, digest: str) -> Iterator[None]:
        """Holds the lock of an artifact; waits while another process makes it."""
        from filelock import FileLock

        path = self._lock_path(stage, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield

    def _lock_path(self, stage: str, digest: str) -> Path:
        return self.root / "locks" / f"{stage}-{digest}.lock"

    def _timing_path(self, stage: str, digest: str) -> Path:
        return self.root / "timings" / f"{stage}-{digest}.json"


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / _MANIFEST)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
