import uuid

import pytest

from nmt.errors import DataError
from nmt.pipeline.store import Store


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path, monkeypatch):
    url = f"file://{tmp_path}/far" if request.param == "file" else f"memory://{uuid.uuid4().hex}"
    monkeypatch.setenv("NMT_STORE", url)
    return Store.of_environment()


@pytest.fixture
def artifact(tmp_path):
    folder = tmp_path / "artifact"
    (folder / "deeper").mkdir(parents=True)
    (folder / "stage.json").write_text("{}")
    (folder / "deeper" / "text").write_text("first")
    return folder


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def content_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_an_artifact_comes_back_as_it_was(store, artifact, empty, tmp_path):
    assert not store.has("clean", "0" * 16)
    assert store.take("clean", "0" * 16, empty) is None
    store.put("clean", "0" * 16, artifact, {"seconds": 3})
    assert store.has("clean", "0" * 16)
    assert store.take("clean", "0" * 16, empty) == {"seconds": 3}
    assert content_of(empty) == content_of(artifact)
    assert not store.has("encode", "0" * 16)


def test_the_later_upload_counts_and_the_earlier_one_goes(store, artifact, empty):
    store.put("clean", "0", artifact, {})
    (artifact / "deeper" / "text").write_text("second")
    store.put("clean", "0", artifact, {})
    store.take("clean", "0", empty)
    assert content_of(empty)["deeper/text"] == "second"
    assert len(store.place.files.ls(store.place.path("clean", "0"), detail=False)) == 2


def test_half_an_upload_is_never_believed_in(store, artifact, empty, monkeypatch):
    real = type(store.place).upload

    def upload(self, path, *names):
        if path.name == "stage.json":
            raise KeyboardInterrupt
        real(self, path, *names)

    with monkeypatch.context() as patch:
        patch.setattr(type(store.place), "upload", upload)
        with pytest.raises(KeyboardInterrupt):
            store.put("clean", "0", artifact, {})
    assert not store.has("clean", "0")
    assert store.take("clean", "0", empty) is None


@pytest.mark.parametrize("damage", ["change", "remove", "name"])
def test_what_is_damaged_is_refused_and_leaves_nothing(store, artifact, empty, damage):
    store.put("clean", "0", artifact, {})
    index = store._index("clean", "0")
    if damage == "change":
        store.place.write(b"other", "clean", "0", index["upload"], "deeper", "text")
    elif damage == "remove":
        store.place.remove("clean", "0", index["upload"], "deeper", "text")
    else:
        content = store.place.read("clean", "0", "index.json").replace(b"deeper/text", b"../text")
        store.place.write(content, "clean", "0", "index.json")
    with pytest.raises(DataError, match="damaged" if damage == "change" else "text"):
        store.take("clean", "0", empty)
    assert content_of(empty) == {}


def test_no_store_without_its_variable(monkeypatch):
    monkeypatch.delenv("NMT_STORE", raising=False)
    assert Store.of_environment() is None
