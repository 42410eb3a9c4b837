"""Files of vectors: what is read, what is refused, how sequences are packed and named."""

import numpy as np
import pytest

from nmt.errors import DataError
from nmt.vectors import Vectors, read_vectors

RANDOM = np.random.default_rng(1)


def write(folder, **arrays):
    np.savez(folder / "features.npz", **arrays)
    return folder / "features.npz"


def test_arrays_come_in_the_order_of_the_archive_whatever_their_names_and_types(tmp_path):
    path = write(tmp_path, z=np.ones((2, 3), np.float16), a=np.zeros(3), m=np.full((1, 3), 2, np.float32))
    vectors = read_vectors(path)
    assert (len(vectors), vectors.features, vectors.values.dtype) == (3, 3, np.float32)
    assert vectors.offsets.tolist() == [0, 2, 3, 4]
    assert vectors.values.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0], [2, 2, 2]]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones((1, 2, 3)), r"array bad: not a sequence of vectors(.|\n)*\[1, 2, 3\]"),
        (np.float64(1.0), "array bad: not a sequence of vectors"),
        (np.ones((0, 3)), r"array bad: not a sequence of vectors(.|\n)*\[0, 3\]"),
        (np.ones((2, 3), np.int32), "array bad: not a sequence of vectors(.|\n)*int32"),
        (np.ones((2, 4)), "array bad: not as the first array(.|\n)*4 features(.|\n)*3 features"),
        (np.array([1.0, np.nan, 2.0]), "array bad: not finite"),
        (np.array([1.0, 1e300, 2.0]), "array bad: not finite"),
        (np.array([{}, 1, 2]), "array bad: cannot be read(.|\n)*allow_pickle"),
    ],
    ids=["rank 3", "rank 0", "no steps", "integers", "depth", "nan", "too large", "pickled"],
)
def test_an_array_that_is_no_sequence_is_named(tmp_path, bad, message):
    with pytest.raises(DataError, match=message):
        read_vectors(write(tmp_path, good=np.ones((2, 3)), bad=bad))


def test_a_file_that_is_no_archive_or_an_empty_one_is_an_error(tmp_path):
    with pytest.raises(DataError, match="there is no array"):
        read_vectors(write(tmp_path))
    (tmp_path / "text.npz").write_text("a line\n")
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "cut.npz").write_bytes(write(tmp_path, a=RANDOM.random((50, 3))).read_bytes()[:700])
    for name in ("text.npz", "array.npy", "cut.npz", "missing.npz"):
        with pytest.raises(DataError, match=f"{name}: cannot be read as vectors"):
            read_vectors(tmp_path / name)


def test_packed_vectors_are_kept(tmp_path):
    vectors = Vectors.of([RANDOM.random((steps, 3)).astype(np.float32) for steps in (1, 4, 2)])
    vectors.save(tmp_path / "one.npz")
    vectors.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = Vectors.load(tmp_path / "one.npz")
    assert loaded.lines == vectors.lines
    np.testing.assert_array_equal(loaded.values, vectors.values)


def test_files_are_joined_where_their_vectors_are_alike():
    one, other = (Vectors.of([np.full((2, depth), depth, np.float32)]) for depth in (3, 4))
    assert Vectors.joined([one, one]).offsets.tolist() == [0, 2, 4]
    with pytest.raises(DataError, match="the files of one set differ"):
        Vectors.joined([one, other])


def test_a_line_names_the_content():
    one, two = np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32)
    vectors = Vectors.of([one, two, one])
    assert vectors.lines[0] == vectors.lines[2] != vectors.lines[1]
    assert vectors.lines[0].startswith("[2 vectors ")
    assert vectors.lines[1].startswith("[1 vector ")
    assert Vectors.of([one.reshape(3, 2)]).lines[0] != vectors.lines[0]
    (marked,) = vectors.marked([vectors.lines[1]])
    assert marked.tolist() == [[1, 0, 0, 0]]
    assert [len(sequence) for sequence in vectors.marked()] == [2, 1, 2]
