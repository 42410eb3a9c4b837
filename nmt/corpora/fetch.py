"""Downloads that are resumed, verified and renamed: a file of the store is the card's file or is not there.

Order of search: the store, the mirror (``NMT_MIRROR``, a folder or a base URL that holds ``<corpus id>/<file name>``,
or the same with ``.gz`` appended, which is unpacked), then the card's own url. Both may be of any kind that fsspec
knows, such as s3://. ``NMT_OFFLINE=1`` forbids the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from nmt.corpora.cards import CardFile, CorpusCard
from nmt.errors import FetchError, UsageError, suggestion
from nmt.remote import is_remote, open_remote
from nmt.storage import sha256_of_file, sync_folder

MIRROR_VARIABLE = "NMT_MIRROR"
OFFLINE_VARIABLE = "NMT_OFFLINE"
ATTEMPTS = 5
FIRST_DELAY_SECONDS = 0.5
TIMEOUT_SECONDS = 60
_BLOCK_BYTES = 1 << 18
_RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(file name, bytes so far, bytes in all or None)``."""
State = Literal["ok", "missing", "wrong size", "wrong sha256", "no sha256 in the card"]


class _NotThere(Exception):
    """The place has no such file; the next place is tried."""


def is_offline() -> bool:
    """Whether the network is forbidden."""
    return os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0")


def fetch_files(
    card: CorpusCard, names: Iterable[str], store: Path, progress: Progress | None = None
) -> dict[str, Path]:
    """Brings files of a corpus into ``store/<corpus id>/`` unless they are there, and returns their paths.

    Safe when several processes do it at once. A file that is there is verified again, for it may have been damaged.

    Raises:
        FetchError: a file cannot be had, or its size or hash is not the card's. Such a file is removed.
    """
    return {name: _fetch_file(card, name, store, progress) for name in names}


def verify(card: CorpusCard, store: Path) -> list[tuple[str, State]]:
    """Reads every file of the card that is in the store, and says whether it is what the card says."""
    return [(name, file_state(card, name, store)) for name in card.files]


def file_state(card: CorpusCard, name: str, store: Path) -> State:
    """Reads a file of the card where it lies, and says whether it is what the card says."""
    return _state(_card_file(card, name), stored_path(card, name, store))


def stored_path(card: CorpusCard, name: str, store: Path) -> Path:
    """Returns where a file of a card lies, whether or not it is there."""
    local = _card_file(card, name).path
    return card.folder / local if local is not None else store / card.id / name


def _card_file(card: CorpusCard, name: str) -> CardFile:
    if name in card.files:
        return card.files[name]
    raise FetchError(
        f"{card.id}: the card has no file {name}",
        expected=f"one of {', '.join(card.files)}",
        action=suggestion(name, card.files, f"See nmt corpora show {card.id}"),
    )


def _state(file: CardFile, path: Path) -> State:
    if not path.is_file():
        return "missing"
    if file.size is not None and path.stat().st_size != file.size:
        return "wrong size"
    if file.sha256 is None:
        return "ok" if file.path is not None else "no sha256 in the card"
    return "ok" if sha256_of_file(path) == file.sha256 else "wrong sha256"


def _fetch_file(card: CorpusCard, name: str, store: Path, progress: Progress | None) -> Path:
    from filelock import FileLock

    file = _card_file(card, name)
    path = stored_path(card, name, store)
    if file.path is not None:
        if (state := _state(file, path)) != "ok":
            raise FetchError(
                f"{path}: a file of the corpus {card.id}: {state}",
                expected=f"the file that {card.location} describes",
                action="Correct the path, the size or the hash in the card",
            )
        return path
    if _state(file, path) == "ok":  # before anything is written: the store may be for reading only
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if _state(file, path) == "ok":
            return path
        partial = path.with_name(f"{path.name}.part")
        _obtain(card, name, partial, progress)
        os.replace(partial, path)
        sync_folder(path.parent)
    return path


def _obtain(card: CorpusCard, name: str, partial: Path, progress: Progress | None) -> None:
    """Leaves a verified copy of the card's file in ``partial``."""
    file = card.files[name]
    tried = []
    for place, packed in _places(card, name):
        try:
            resumed = _copy(place, packed, partial, name, file.size, progress)
            try:
                _check(card, name, place, partial)
            except FetchError:
                if not resumed:
                    raise
                # What an earlier attempt had left was perhaps of another file: once more from the start.
                _copy(place, packed, partial, name, file.size, progress)
                _check(card, name, place, partial)
            return
        except _NotThere as reason:
            tried.append(f"{place} ({reason})")
    if not tried:
        tried.append(f"nothing: the card has no url for it and {MIRROR_VARIABLE} is not set")
    raise FetchError(
        f"{card.id}: the file {name} is not in the store and cannot be had",
        received="tried " + "; ".join(tried),
        expected="the file in a mirror" + (" or at the card's url" if file.url else ", for it has no public url"),
        action=f"Run again to go on from the {partial.stat().st_size:,} bytes that came"
        if partial.is_file()
        else f"Set {MIRROR_VARIABLE} to a folder or base URL that has {card.id}/{name}",
    )


def _places(card: CorpusCard, name: str) -> list[tuple[str, bool]]:
    """Returns where a file may be had, in order, each with whether it is packed with gzip there."""
    places = []
    if mirror := os.environ.get(MIRROR_VARIABLE, ""):
        place = f"{mirror}{'' if mirror.endswith('/') else '/'}{card.id}/{name}"
        places.append((place, False))
        if not name.endswith((".gz", ".zst", ".zip")):
            places.append((f"{place}.gz", True))
    url = card.files[name].url
    if url is not None:
        places.append((url, False))
    return places


def _copy(place: str, packed: bool, partial: Path, name: str, size: int | None, progress: Progress | None) -> bool:
    """Copies from a place to ``partial``; returns whether it went on from what was there."""
    if is_remote(place):
        try:
            far = open_remote(place)
            if far.needs_network and is_offline():
                raise _NotThere(f"{OFFLINE_VARIABLE} forbids the network")
            far.download(partial)
        except FileNotFoundError as error:
            raise _NotThere("no such file") from error
        except (FetchError, UsageError) as error:
            raise _NotThere(str(error.received)) from error
        resumed = False
    elif not place.startswith(("http://", "https://")):
        source = Path(place)
        if not source.is_file():
            raise _NotThere("no such file")
        shutil.copyfile(source, partial)
        resumed = False
    elif is_offline():
        raise _NotThere(f"{OFFLINE_VARIABLE} forbids the network")
    else:
        if packed:
            partial.unlink(missing_ok=True)
        # The card's size is that of the unpacked file.
        resumed = _download(place, partial, name, None if packed else size, progress)
    if packed:
        _unpack(place, partial)
    return resumed


def _unpack(place: str, partial: Path) -> None:
    """Replaces a gzip file by its content."""
    import gzip

    unpacked = partial.with_name(f"{partial.name}.unpacked")
    try:
        with gzip.open(partial, "rb") as source, open(unpacked, "wb") as target:
            shutil.copyfileobj(source, target)
        os.replace(unpacked, partial)
    except (OSError, EOFError, zlib.error) as error:
        unpacked.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
        raise FetchError(f"{place}: the compressed file is damaged ({error})", action="Repair the mirror") from error


def _download(url: str, partial: Path, name: str, size: int | None, progress: Progress | None) -> bool:
    """Downloads with resume and retries; returns whether it went on from what an earlier process had left."""
    import requests
    import urllib3

    resumed = partial.is_file() and partial.stat().st_size > 0
    problem = ""
    failures = 0
    while failures < ATTEMPTS:
        if failures:
            time.sleep(FIRST_DELAY_SECONDS * 2 ** (failures - 1))
        before = partial.stat().st_size if partial.is_file() else 0
        try:
            problem = _request(url, partial, name, size, progress)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        if not problem:
            return resumed
        # A connection that brings something before it breaks is worth another try.
        grew = partial.is_file() and partial.stat().st_size > before
        failures = 1 if grew else failures + 1
    raise _NotThere(f"gave up after {ATTEMPTS} attempts: {problem}")


def _request(url: str, partial: Path, name: str, size: int | None, progress: Progress | None) -> str:
    """Asks once for what is still missing. Returns the problem to retry after, or an empty string."""
    import requests

    present = partial.stat().st_size if partial.is_file() else 0
    if size is not None and present >= size:
        present = 0
    # Without identity a server may pack the body, and neither Range nor the hash would mean the file's own bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={present}-"} if present else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == 416:
            partial.unlink(missing_ok=True)
            return "the server refused the range"
        if response.status_code in _RETRIED_STATUSES:
            return f"status {response.status_code}"
        if response.status_code not in (200, 206):
            raise _NotThere(f"status {response.status_code}")
        if response.status_code == 200:
            present = 0
        with open(partial, "ab" if present else "wb") as stream:
            for block in response.raw.stream(_BLOCK_BYTES, decode_content=False):
                stream.write(block)
                present += len(block)
                if progress is not None:
                    progress(name, present, size)
            stream.flush()
            os.fsync(stream.fileno())
    return f"only {present} of {size} bytes came" if size is not None and present < size else ""


def _check(card: CorpusCard, name: str, place: str, partial: Path) -> None:
    """Removes ``partial`` and raises unless it is the card's file."""
    file = card.files[name]
    digest = hashlib.sha256()
    received = 0
    with open(partial, "rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            received += len(block)
    sha256 = digest.hexdigest()
    if sha256 == file.sha256 and file.size in (None, received):
        return
    partial.unlink()
    if file.sha256 is None:
        raise FetchError(
            f"{place}: the card of {card.id} has no sha256 for {name}, so nothing tells whether this is the right file",
            received=f"{received} bytes with sha256 {sha256}",
            action=f"If you trust the place, write this sha256 into {card.location}",
        )
    raise FetchError(
        f"{place}: not the file {name} that the card of {card.id} describes; it was removed",
        received=f"{received} bytes with sha256 {sha256}",
        expected=f"{file.size if file.size is not None else 'any number of'} bytes with sha256 {file.sha256}",
        action="Run again; if it stays so, the file was changed at its origin: use a mirror or correct the card",
    )
