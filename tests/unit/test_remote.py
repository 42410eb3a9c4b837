"""On fsspec's own file systems: that of this machine, and one in memory."""

import uuid

import pytest

from nmt.bundle import fetch_bundle, load_bundle
from nmt.errors import BundleError, DataError, UsageError
from nmt.remote import checked_name, is_remote, open_remote


@pytest.fixture(params=["file", "memory"])
def url(request, tmp_path):
    return f"file://{tmp_path}/far" if request.param == "file" else f"memory://{uuid.uuid4().hex}/far"


def test_what_is_written_is_whole_and_can_be_read(url, tmp_path):
    place = open_remote(url)
    assert not place.needs_network
    with pytest.raises(FileNotFoundError):
        place.read("a", "b.json")
    place.write(b"first", "a", "b.json")
    place.write(b"second", "a", "b.json")
    assert place.read("a", "b.json") == b"second"
    assert [path.rpartition("/")[2] for path in place.files.ls(place.path("a"), detail=False)] == ["b.json"]
    (tmp_path / "here").write_bytes(b"some bytes")
    place.upload(tmp_path / "here", "folder", "there")
    place.download(tmp_path / "new" / "copy", "folder", "there")
    assert (tmp_path / "new" / "copy").read_bytes() == b"some bytes"
    with pytest.raises(FileNotFoundError):
        place.download(tmp_path / "copy", "folder")
    place.remove("folder")
    place.remove("folder")
    with pytest.raises(FileNotFoundError):
        place.read("folder", "there")


def test_which_places_are_asked_by_fsspec():
    assert [is_remote(place) for place in ("s3://a/b", "file:///a", "http://a/b", "https://a", "/a/b", "C:\\a")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    with pytest.raises(UsageError, match="nothing://"):
        open_remote("nothing://a")
    for name in ("../a", "/a", "a/../../b", "", "C:a", "a\\b"):
        with pytest.raises(DataError, match="outside"):
            checked_name("s3://a", name)
    assert checked_name("s3://a", "a/b..c") == "a/b..c"


def test_a_bundle_is_copied_once(url, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("NMT_CACHE", str(tmp_path / "cache"))
    place = open_remote(url)
    with pytest.raises(BundleError, match="no bundle here"):
        fetch_bundle(url)
    for path in tiny_bundle.iterdir():
        if path.name != "weights.npz":
            place.upload(path, path.name)
    with pytest.raises(BundleError, match=r"weights\.npz"):
        fetch_bundle(url)
    place.write(b"no weights", "weights.npz")
    with pytest.raises(BundleError, match="damaged"):
        fetch_bundle(url)
    assert not list((tmp_path / "cache" / "bundles").iterdir())
    place.upload(tiny_bundle / "weights.npz", "weights.npz")
    folder = fetch_bundle(url)
    assert load_bundle(folder).digest == load_bundle(tiny_bundle).digest == folder.name
    place.remove("weights.npz")
    assert fetch_bundle(url) == folder
