"""Files behind a URL of any kind that fsspec knows: object stores such as s3:// and gs://, and shared file systems.

fsspec names the package that a kind of URL needs, such as s3fs, where it is not installed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from nmt.errors import DataError, FetchError, UsageError

CACHE_VARIABLE = "NMT_CACHE"


def is_remote(place: str) -> bool:
    """Whether a place is a URL that fsspec is asked for; what HTTP brings has a way of its own, which resumes."""
    return "://" in place and not place.startswith(("http://", "https://"))


def cache_folder() -> Path:
    """Returns where copies of what lies elsewhere are kept: ``$NMT_CACHE``, else ``nmt`` in the user's cache."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nmt"


class RemoteFolder(NamedTuple):
    """A folder behind a URL.

    Attributes:
        url: as the user gave it.
        files: fsspec's file system.
        root: the folder in it.
    """

    url: str
    files: Any
    root: str

    @property
    def needs_network(self) -> bool:
        """Whether it lies neither on this machine nor on a file system that this machine has mounted."""
        kinds = self.files.protocol
        return not {"file", "memory"} & {kinds, *(() if isinstance(kinds, str) else kinds)}

    def path(self, *names: str) -> str:
        """Returns the path of something in the folder."""
        return "/".join((self.root.rstrip("/"), *names))

    def read(self, *names: str) -> bytes:
        """Returns the content of a file.

        Raises:
            FileNotFoundError: there is none.
            FetchError: the store does not answer.
        """
        try:
            return bytes(self.files.cat_file(self.path(*names)))
        except FileNotFoundError:
            raise
        except Exception as error:  # each kind of store has errors of its own
            raise _unanswered(self.url, error) from error

    def download(self, path: Path, *names: str) -> None:
        """Copies a file to ``path``.

        Raises:
            FileNotFoundError: there is none.
            FetchError: the store does not answer.
        """
        try:
            if not self.files.isfile(self.path(*names)):
                raise FileNotFoundError(self.path(*names))
            path.parent.mkdir(parents=True, exist_ok=True)
            self.files.get_file(self.path(*names), str(path))
        except FileNotFoundError:
            raise
        except Exception as error:
            raise _unanswered(self.url, error) from error

    def upload(self, path: Path, *names: str) -> None:
        """Copies the file ``path`` into the folder. Until it is over, a file system may show a part of it.

        Raises:
            FetchError: the store does not answer.
        """
        try:
            there = self.path(*names)
            self.files.makedirs(there.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(path), there)
        except Exception as error:
            raise _unanswered(self.url, error) from error

    def write(self, content: bytes, *names: str) -> None:
        """Writes a file that is whole or absent: under another name, which is then changed.

        Raises:
            FetchError: the store does not answer.
        """
        there = self.path(*names)
        temporary = f"{there}.{os.getpid()}.tmp"
        try:
            self.files.makedirs(there.rpartition("/")[0], exist_ok=True)
            self.files.pipe_file(temporary, content)
            self.files.mv(temporary, there)
        except Exception as error:
            raise _unanswered(self.url, error) from error

    def remove(self, *names: str) -> None:
        """Removes a folder with all that is in it, if it can be.

        What nobody reads does no harm.
        """
        with suppress(Exception):
            self.files.rm(self.path(*names), recursive=True)


def open_remote(url: str) -> RemoteFolder:
    """Opens the folder behind a URL; whether it is there is not asked.

    Raises:
        UsageError: there is no such kind of URL, or its package is not installed.
    """
    from fsspec.core import url_to_fs

    try:
        files, root = url_to_fs(url)
    except Exception as error:
        raise UsageError(
            f"{url}: cannot be opened",
            received=str(error),
            expected="a URL that fsspec knows, such as s3://bucket/folder or file:///folder",
            action="Install what it needs, or correct the URL",
        ) from error
    return RemoteFolder(url, files, str(root))


def checked_name(url: str, name: str) -> str:
    """Returns the name of a file below a folder that lies elsewhere.

    Raises:
        DataError: it would lie outside of the folder.
    """
    if not name or name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
        raise DataError(f"{url}: names a file outside of the folder", received=name)
    return name


def _unanswered(url: str, error: Exception) -> FetchError:
    return FetchError(
        f"{url}: the store does not answer as it should",
        received=f"{type(error).__name__}: {error}",
        action="Check the URL, the rights and the network, and run again",
    )
