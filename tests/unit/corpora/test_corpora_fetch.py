"""Downloads against a server of one's own: resumed, retried, verified; mirrors; no network when it is forbidden."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nmt.corpora import fetch
from nmt.corpora.cards import CardFile, CorpusCard, PlainSplit
from nmt.corpora.fetch import MIRROR_VARIABLE, OFFLINE_VARIABLE, fetch_files, verify
from nmt.errors import FetchError
from nmt.remote import open_remote

CONTENT = b"".join(b"line %d of the file\n" % number for number in range(5_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``files``; the first answers are ``failures``: a status, or "cut" for half of the body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.failures: list[int | str] = []
        self.requests: list[tuple[str, str | None]] = []
        self.knows_ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        failure = self.server.failures.pop(0) if self.server.failures else None
        if isinstance(failure, int) or self.path not in self.server.files:
            self.send_error(failure if isinstance(failure, int) else 404)
            return
        body = self.server.files[self.path]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.knows_ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : start + (len(body) - start) // 2] if failure == "cut" else body[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetch, "FIRST_DELAY_SECONDS", 0.001)


def card_of(url: str | None, sha256: str | None = SHA256, size: int | None = len(CONTENT)) -> CorpusCard:
    return CorpusCard(
        id="talks",
        title="Talks",
        languages=["en"],
        licence="CC0",
        verified=False,
        files={"train.txt": CardFile(url=url, sha256=sha256, size=size, path=None, verified=True)},
        splits={"train": PlainSplit(format="plain", sides={"en": "train.txt", "de": "train.txt"}, lines=None)},
    )


def get(card: CorpusCard, store: Path) -> Path:
    return fetch_files(card, ["train.txt"], store)["train.txt"]


def leftovers(store: Path) -> list[str]:
    """What lies in the store beside locks: nothing wrong may be among it."""
    return sorted(path.name for path in store.rglob("*") if path.is_file() and not path.name.endswith(".lock"))


def test_a_file_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    progress: list[tuple[str, int, int | None]] = []
    path = fetch_files(card_of(server.url + "/a"), ["train.txt"], tmp_path, lambda *told: progress.append(told))
    assert path["train.txt"] == tmp_path / "talks" / "train.txt"
    assert path["train.txt"].read_bytes() == CONTENT
    assert progress[-1] == ("train.txt", len(CONTENT), len(CONTENT))
    get(card_of(server.url + "/a"), tmp_path)
    assert server.requests == [("/a", None)]
    assert leftovers(tmp_path) == ["train.txt"]


def test_a_part_is_continued(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    partial = tmp_path / "talks" / "train.txt.part"
    partial.parent.mkdir()
    partial.write_bytes(CONTENT[:1_000])
    assert get(card_of(server.url + "/a"), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", "bytes=1000-")]
    assert not partial.exists()


def test_a_part_of_another_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    partial = tmp_path / "talks" / "train.txt.part"
    partial.parent.mkdir()
    partial.write_bytes(b"x" * 1_000)
    assert get(card_of(server.url + "/a"), tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == ["bytes=1000-", None]


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.files["/a"], server.knows_ranges = CONTENT, False
    partial = tmp_path / "talks" / "train.txt.part"
    partial.parent.mkdir()
    partial.write_bytes(CONTENT[:1_000])
    assert get(card_of(server.url + "/a"), tmp_path).read_bytes() == CONTENT


def test_a_cut_connection_and_a_busy_server_are_retried(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.failures = [503, "cut", 429]
    assert get(card_of(server.url + "/a"), tmp_path).read_bytes() == CONTENT
    half = f"bytes={len(CONTENT) // 2}-"
    assert [wanted for _, wanted in server.requests] == [None, None, half, half]


def test_it_gives_up_at_last_and_says_what_it_tried(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    server.failures = [503] * 100
    with pytest.raises(FetchError, match=r"/a \(gave up after 5 attempts: status 503\)"):
        get(card_of(server.url + "/a"), tmp_path)
    assert len(server.requests) == fetch.ATTEMPTS


def test_a_file_that_is_not_there_is_not_retried(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="status 404"):
        get(card_of(server.url + "/a"), tmp_path)
    assert len(server.requests) == 1


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_wrong_hash_is_never_used(server: Server, tmp_path: Path, size: int | None) -> None:
    wrong = CONTENT[:-2] + b"?\n"
    server.files["/a"] = wrong
    with pytest.raises(FetchError) as caught:
        get(card_of(server.url + "/a", size=size), tmp_path)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value.received)
    assert SHA256 in str(caught.value.expected)
    assert leftovers(tmp_path) == []


def test_a_file_without_a_hash_is_never_used(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    with pytest.raises(FetchError, match="has no sha256") as caught:
        get(card_of(server.url + "/a", sha256=None), tmp_path)
    assert SHA256 in str(caught.value.received)
    assert leftovers(tmp_path) == []


def test_a_file_that_was_changed_in_the_store_is_fetched_again(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    card = card_of(server.url + "/a")
    path = get(card, tmp_path)
    assert verify(card, tmp_path) == [("train.txt", "ok")]
    path.write_bytes(CONTENT[:-1] + b"?")
    assert verify(card, tmp_path) == [("train.txt", "wrong sha256")]
    path.write_bytes(b"short")
    assert verify(card, tmp_path) == [("train.txt", "wrong size")]
    assert get(card, tmp_path).read_bytes() == CONTENT
    path.unlink()
    assert verify(card, tmp_path) == [("train.txt", "missing")]
    path.write_bytes(CONTENT)
    assert verify(card_of(None, sha256=None), tmp_path) == [("train.txt", "no sha256 in the card")]


def test_a_card_asks_for_a_file_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"Did you mean train\.txt"):
        fetch_files(card_of(None), ["trian.txt"], tmp_path)


# ---- Mirrors and no network ----


def put(mirror: Path, content: bytes, name: str = "train.txt") -> None:
    (mirror / "talks").mkdir(parents=True)
    (mirror / "talks" / name).write_bytes(content)


def test_offline_refuses_the_network(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/a"] = CONTENT
    monkeypatch.setenv(OFFLINE_VARIABLE, "1")
    with pytest.raises(FetchError, match=f"{OFFLINE_VARIABLE} forbids the network"):
        get(card_of(server.url + "/a"), tmp_path)
    monkeypatch.setenv(MIRROR_VARIABLE, server.url)
    with pytest.raises(FetchError, match=f"{OFFLINE_VARIABLE} forbids the network"):
        get(card_of(server.url + "/a"), tmp_path)
    assert server.requests == []
    monkeypatch.setenv(OFFLINE_VARIABLE, "0")
    assert get(card_of(server.url + "/a"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "content"), [("train.txt", CONTENT), ("train.txt.gz", gzip.compress(CONTENT))])
def test_a_mirror_folder_works_offline(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    put(tmp_path / "mirror", content, name)
    monkeypatch.setenv(OFFLINE_VARIABLE, "1")
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "mirror"))
    assert get(card_of(server.url + "/a"), tmp_path / "store").read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize(("name", "content"), [("train.txt", CONTENT), ("train.txt.gz", gzip.compress(CONTENT))])
def test_a_mirror_may_be_a_base_url(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    server.files[f"/base/talks/{name}"] = content
    monkeypatch.setenv(MIRROR_VARIABLE, server.url + "/base/")
    assert get(card_of(None), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize(("name", "content"), [("train.txt", CONTENT), ("train.txt.gz", gzip.compress(CONTENT))])
def test_a_mirror_may_be_what_fsspec_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, content: bytes
) -> None:
    mirror = f"file://{tmp_path}/mirror" if kind == "file" else f"memory://{tmp_path.name}"
    far = open_remote(mirror)
    far.write(content, "talks", name)
    monkeypatch.setenv(MIRROR_VARIABLE, mirror)
    monkeypatch.setenv(OFFLINE_VARIABLE, "1")
    assert get(card_of(None), tmp_path / "store").read_bytes() == CONTENT
    assert get(
        card_of(f"{mirror}/talks/{name}") if name == "train.txt" else card_of(None), tmp_path / "again"
    ).is_file()
    far.write(CONTENT[:-1], "talks", "train.txt")
    with pytest.raises(FetchError, match=SHA256):
        get(card_of(None), tmp_path / "damaged")
    monkeypatch.setenv(MIRROR_VARIABLE, "nothing://mirror")
    with pytest.raises(FetchError, match="Protocol not known: nothing"):
        get(card_of(None), tmp_path / "absent")


def test_the_mirror_comes_first_and_then_the_url(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a"] = CONTENT
    monkeypatch.setenv(MIRROR_VARIABLE, server.url)
    assert get(card_of(server.url + "/a"), tmp_path).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/talks/train.txt", "/talks/train.txt.gz", "/a"]


@pytest.mark.parametrize("content", [CONTENT + b"more\n", b"x" * len(CONTENT)])
def test_a_mirror_with_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    put(tmp_path / "mirror", content)
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "mirror"))
    with pytest.raises(FetchError, match=SHA256):
        get(card_of(None), tmp_path / "store")
    assert leftovers(tmp_path / "store") == []
    assert (tmp_path / "mirror" / "talks" / "train.txt").read_bytes() == content


def test_a_damaged_gzip_file_of_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "mirror", gzip.compress(CONTENT)[:-20], "train.txt.gz")
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "mirror"))
    with pytest.raises(FetchError, match="compressed file is damaged"):
        get(card_of(None), tmp_path / "store")
    assert leftovers(tmp_path / "store") == []


def test_no_url_and_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"no url for it and {MIRROR_VARIABLE} is not set"):
        get(card_of(None), tmp_path)


def test_several_at_once_download_it_once(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = CONTENT
    card = card_of(server.url + "/a")
    threads = [threading.Thread(target=get, args=(card, tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1
