"""Word vectors: the formats of the files, what is refused, how pieces are looked up, and the scale of the rows."""

import numpy as np
import pytest

from nmt.errors import DataError
from nmt.model_config import EmbeddingConfig
from nmt.textio import write_lines
from nmt.word_vectors import initial_vectors, match_vectors, read_vectors, vector_files

GLOVE = ["the 0.5 -1 2e-1", "of 1 2 3", ". . . 4 5 6", "at 7 8 9"]
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]


def written(folder, lines, name="vectors.txt"):
    write_lines(folder / name, lines)
    return folder / name


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.vec.gz", "vectors.zst"])
@pytest.mark.parametrize("header", [[], ["4 3"]])
def test_files_are_read_with_or_without_a_header_plain_or_packed(tmp_path, name, header):
    vectors = read_vectors(written(tmp_path, header + GLOVE, name), {"the", "at", "4", "absent"})
    assert {word: vector.tolist() for word, vector in vectors.items()} == {
        "the": pytest.approx([0.5, -1, 0.2]),
        "at": [7, 8, 9],
    }
    assert vectors["the"].dtype == np.float32


@pytest.mark.parametrize("first", [0, 2])
def test_words_may_have_spaces(tmp_path, first):
    lines = GLOVE[first:] + GLOVE[:first]
    vectors = read_vectors(written(tmp_path, lines), {". . .", "."})
    assert {word: vector.tolist() for word, vector in vectors.items()} == {". . .": [4, 5, 6]}


def test_line_ends_byte_order_mark_and_spaces_that_are_text(tmp_path):
    path = tmp_path / "vectors.vec"
    path.write_bytes("\ufeff2 2\r\na\u00a0b 1 2 \r\nc\u2028d 3 4 \n".encode())
    vectors = read_vectors(path, {"a\u00a0b", "c\u2028d"})
    assert [vector.tolist() for vector in vectors.values()] == [[1, 2], [3, 4]]


def test_the_first_of_equal_words_counts(tmp_path):
    assert read_vectors(written(tmp_path, ["a 1 2", "a 3 4"]), {"a"})["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["a 1 2", "b 1"], "line 2: .* 1 numbers.*Expected: 2"),
        (["a 1 2", "b 1 2 3"], "line 2: .* 3 numbers.*Expected: 2"),
        (["2 2", "x 1 2", "y 1 2 3"], "line 3: .* 3 numbers.*Expected: 2"),
        (["a 1 2", "b 1 nan"], "line 2: .*'nan'.*finite"),
        (["a 1 2", "b inf 1"], "line 2: .*'inf'.*finite"),
        (["a 1 2", "b 1 1e39"], "line 2: .*'1e39'.*finite"),
        (["a 1 2", "b 1 x"], "line 2: .*'x'.*finite"),
        (["a 1 2", ""], "line 2"),
        (["a\t1\t2"], "line 1: .*single spaces"),
        (["word"], "line 1"),
        ([], "empty"),
    ],
)
def test_what_is_malformed_is_said_with_its_line(tmp_path, lines, where):
    path = written(tmp_path, lines)
    with pytest.raises(DataError, match=where) as caught:
        read_vectors(path, {"a", "b"})
    assert str(path) in str(caught.value)


def test_a_packed_file_that_is_cut_short_is_an_error(tmp_path):
    path = written(tmp_path, GLOVE * 100, "vectors.gz")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="damaged"):
        read_vectors(path, {"the"})


@pytest.mark.parametrize("header", [[], ["4 3"]])
def test_vectors_of_another_size_name_both_numbers(tmp_path, header):
    with pytest.raises(DataError, match=r"3 numbers.*256, which is model.embedding.size"):
        match_vectors(written(tmp_path, header + GLOVE), [*SPECIAL, "the"], 256)


def test_pieces_are_looked_up_as_they_are_then_without_the_mark_then_in_lower_case(tmp_path):
    lines = ["\u2581a 1 0", "a 2 0", "B 3 0", "b 4 0", "c 5 0", "<unk> 6 0", "</s> 7 0"]
    pieces = [*SPECIAL, "\u2581a", "a", "\u2581B", "\u2581C", "C", "\u2581", "\u2581d", "A"]
    found = match_vectors(written(tmp_path, lines), pieces, 2)
    ratios = found.rows[:, 0] / found.rows[0, 0]
    assert dict(zip(found.ids.tolist(), ratios.round(4).tolist(), strict=True)) == {4: 1, 5: 2, 6: 3, 7: 5, 8: 5, 11: 2}
    assert found.to_json() == {"found": 6, "vocabulary": 12}
    assert found.summary() == "6 of 12 pieces found (50.0%)"


def test_the_rows_have_the_mean_square_of_random_rows_and_keep_their_ratios(tmp_path):
    raw = np.random.default_rng(1).normal(3.0, 40.0, (20, 16))
    pieces = [f"w{index}" for index in range(20)]
    lines = [f"{piece} {' '.join(map(str, row))}" for piece, row in zip(pieces, raw, strict=True)]
    rows = match_vectors(written(tmp_path, lines), [*SPECIAL, *pieces], 16).rows
    assert np.mean(np.square(rows)) == pytest.approx(1 / 16)
    np.testing.assert_allclose(rows / raw, np.full_like(raw, rows[0, 0] / raw[0, 0]), rtol=1e-5)


def test_vectors_that_are_all_zero_stay_zero(tmp_path):
    assert not match_vectors(written(tmp_path, ["a 0 0"]), [*SPECIAL, "a"], 2).rows.any()


def test_a_file_without_any_piece_is_refused(tmp_path):
    with pytest.raises(DataError, match="0 of 5 pieces"):
        match_vectors(written(tmp_path, GLOVE), [*SPECIAL, "das"], 3)


class Side:
    def __init__(self, *pieces):
        self.pieces = [*SPECIAL, *pieces]


class Sides:
    source, target = Side("the"), Side("of", "at")


def test_each_side_has_its_file_and_a_shared_matrix_the_targets_pieces(tmp_path):
    written(tmp_path, GLOVE)
    both = {"source_vectors": "vectors.txt", "target_vectors": "vectors.txt", "size": 3}
    separate = initial_vectors(EmbeddingConfig(tie="none", **both), tmp_path, Sides)
    assert {side: found.vocabulary for side, found in separate.items()} == {"source": 5, "target": 6}
    shared = initial_vectors(EmbeddingConfig(tie="all", **both), tmp_path, Sides)
    assert {side: found.vocabulary for side, found in shared.items()} == {"source": 6}
    assert vector_files(EmbeddingConfig(), tmp_path) == {}
