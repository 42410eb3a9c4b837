"""A store of finished artifacts that several machines share: ``NMT_STORE``, a URL that fsspec knows.

What one machine has built, the others take from there::

    <NMT_STORE>/<stage>/<digest>/index.json      the upload that counts, the sha256 of its files, when they were made
    <NMT_STORE>/<stage>/<digest>/<upload>/...    the files of an upload

The index is written last, whole: an upload that is cut short is never believed in. Two machines that upload the same
artifact do not meet, for each upload has a folder of its own; the later index counts.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from nmt.errors import DataError
from nmt.pipeline.plan import PlannedStage
from nmt.pipeline.workspace import Workspace
from nmt.remote import RemoteFolder, checked_name, open_remote
from nmt.storage import replace_folder, sha256_of_file

STORE_VARIABLE = "NMT_STORE"
_KEPT_HERE = ("record",)  # it also writes into this workspace's leaderboard
_INDEX = "index.json"


class Store(NamedTuple):
    """Finished artifacts, by stage and digest.

    Attributes:
        place: where they lie.
    """

    place: RemoteFolder

    @classmethod
    def of_environment(cls) -> Store | None:
        """Returns the store that ``NMT_STORE`` names; None where it is not set.

        Raises:
            UsageError: there is no such kind of URL.
        """
        url = os.environ.get(STORE_VARIABLE)
        return cls(open_remote(url)) if url else None

    def has(self, stage: str, digest: str) -> bool:
        """Whether an artifact is there."""
        return self._index(stage, digest) is not None

    def take(self, stage: str, digest: str, folder: Path) -> dict[str, Any] | None:
        """Copies an artifact into an empty folder, and returns what is known of its making; None where there is none.

        Raises:
            DataError: it is damaged, or the store does not answer. The folder is empty again.
        """
        index = self._index(stage, digest)
        if index is None:
            return None
        try:
            for name, sha256 in index["files"].items():
                path = folder / checked_name(self.place.url, name)
                self.place.download(path, stage, digest, index["upload"], name)
                if (received := sha256_of_file(path)) != sha256:
                    raise DataError(
                        f"{self.place.url}: the artifact {stage}/{digest} is damaged: {name}",
                        received=f"sha256 {received}",
                        expected=f"sha256 {sha256}",
                    )
        except (DataError, FileNotFoundError) as error:
            shutil.rmtree(folder)
            folder.mkdir()
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.place.url}: the artifact {stage}/{digest} lacks the file {error}") from error
        return dict(index["timing"])

    def put(self, stage: str, digest: str, folder: Path, timing: dict[str, Any]) -> None:
        """Copies an artifact to the store, instead of what is there.

        Raises:
            FetchError: the store does not answer.
        """
        before = self._index(stage, digest)
        upload = uuid.uuid4().hex
        files = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            self.place.upload(path, stage, digest, upload, name)
            files[name] = sha256_of_file(path)
        index = {"upload": upload, "files": files, "timing": timing}
        self.place.write(json.dumps(index, indent=2).encode(), stage, digest, _INDEX)
        if before is not None:
            self.place.remove(stage, digest, before["upload"])

    def _index(self, stage: str, digest: str) -> dict[str, Any] | None:
        try:
            index = json.loads(self.place.read(stage, digest, _INDEX))
            return {"upload": str(index["upload"]), "files": dict(index["files"]), "timing": dict(index["timing"])}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def take_folder(stage: str, digest: str, workspace: Workspace, store: Store) -> bool:
    """Brings an artifact from the store into the workspace, unless it is there; returns whether it is there now.

    Raises:
        DataError: the artifact in the store is damaged, or the store does not answer.
    """
    with workspace.locked(stage, digest):
        if workspace.manifest(stage, digest):
            return True
        output = workspace.scratch(stage, digest) / "taken"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        timing = store.take(stage, digest, output)
        if timing is not None:
            workspace.add_timing(stage, digest, timing)
            replace_folder(output, workspace.artifact(stage, digest))
        else:
            output.rmdir()
        return timing is not None


def _may_be_taken(planned: PlannedStage) -> bool:
    """Whether an artifact counts that another machine has built."""
    return "forced" not in planned.reasons and planned.stage.name not in _KEPT_HERE


def can_take(planned: PlannedStage, store: Store | None) -> bool:
    """Whether a run would take a planned artifact from the store instead of building it.

    Raises:
        FetchError: the store does not answer.
    """
    if store is None or not planned.reasons or not _may_be_taken(planned):
        return False
    return store.has(planned.stage.name, planned.digest)


def take_artifact(planned: PlannedStage, workspace: Workspace, store: Store, say: Callable[[str], None]) -> bool:
    """Takes a planned artifact from the store, and returns whether it could be; one that is forced is built anew."""
    if not _may_be_taken(planned):
        return False
    try:
        taken = take_folder(planned.stage.name, planned.digest, workspace, store)
    except DataError as error:
        say(f"[{planned.label}] {error} It is built here")
        return False
    if taken:
        say(f"[{planned.label}] taken from {store.place.url}")
    return taken


def bring_artifact(planned: PlannedStage, workspace: Workspace, store: Store, say: Callable[[str], None]) -> None:
    """Brings an artifact to the store; where that fails, the run goes on without, and the next run tries again."""
    stage, digest = planned.stage.name, planned.digest
    if stage in _KEPT_HERE:
        return
    try:
        if "forced" in planned.reasons or not store.has(stage, digest):
            store.put(stage, digest, planned.artifact, workspace.timing(stage, digest))
            say(f"[{planned.label}] brought to {store.place.url}")
    except DataError as error:
        say(f"[{planned.label}] was not brought to the store: {error}")
