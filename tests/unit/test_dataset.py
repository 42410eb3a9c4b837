"""Text as ids on disk, and planned batches."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config import TokenizerConfig
from nmt.dataset import EncodedCorpus, Sequences, batches, plan_epoch
from nmt.encoding import Encoder, encode_corpus, encode_files, write_encoded
from nmt.errors import DataError
from nmt.textio import write_lines
from nmt.tokenizer import BOS, EOS, PAD, TokenizerPair
from nmt.vectors import Vectors


class Letters:
    """A tokenizer whose ids are 4 for a, 5 for b and so on."""

    marker = 99

    def encode(self, texts):
        return [[ord(letter) - ord("a") + 4 for letter in text] for text in texts]

    def encode_flat(self, texts, begin=False):
        rows = [[*[BOS] * begin, *ids, EOS] for ids in self.encode(texts)]
        return np.array([id_ for row in rows for id_ in row], np.int32), np.array([len(row) for row in rows], np.int64)

    def encode_with_spans(self, texts):
        return [(ids, [(at, at + 1) for at in range(len(ids))]) for ids in self.encode(texts)]


LETTERS = TokenizerPair(Letters(), Letters(), True)
PAIRS = [("ab", "c"), ("a", "bcd"), ("abcde", "a"), ("b", "abcdef")]


def random_lengths(count=500):
    generator = np.random.default_rng(1)
    return generator.integers(1, 30, count), generator.integers(1, 30, count)


def test_sources_end_and_targets_begin_and_end():
    corpus, counts = encode_corpus(PAIRS[:2], LETTERS)
    assert corpus.source.ids.tolist() == [4, 5, EOS, 4, EOS]
    assert corpus.target.ids.tolist() == [BOS, 6, EOS, BOS, 5, 6, 7, EOS]
    assert (counts["pairs"], counts["kept"], counts["source_tokens"], counts["target_tokens"]) == (2, 2, 5, 8)


def test_pairs_that_are_too_long_are_left_out_and_counted():
    corpus, counts = encode_corpus(PAIRS, LETTERS, max_source_tokens=3, max_target_tokens=4)
    assert len(corpus) == counts["kept"] == 2
    assert (counts["source_too_long"], counts["target_too_long"]) == (1, 1)
    assert corpus.lines.tolist() == [0, 1]


def test_the_marker_stands_before_the_sources_that_are_marked_and_is_a_token_of_theirs():
    corpus, counts = encode_corpus(PAIRS, LETTERS, max_source_tokens=3, marks=[False, True, False])
    assert corpus.source.ids.tolist() == [4, 5, EOS, 99, 4, EOS, 5, EOS]
    assert counts["source_tokens"] == 8
    corpus, counts = encode_corpus(PAIRS[:1], LETTERS, max_source_tokens=3, marks=[True])
    assert (len(corpus), counts["source_too_long"]) == (0, 1)


@pytest.mark.parametrize(("how", "cut"), [("truncate", "ab. Cd"), ("truncate_sentence", "ab.")])
def test_sources_that_are_too_long_are_cut_where_it_is_asked_and_counted(how, cut):
    pairs = [("ab. Cd ef", "a"), ("ab", "b")]
    corpus, counts = encode_corpus(pairs, LETTERS, max_source_tokens=8, long_sources=how)
    assert (counts["source_cut"], counts["kept"]) == (1, 2)
    assert corpus.source.rows()[0].tolist() == [*LETTERS.source.encode([cut])[0], EOS]
    assert corpus.source.rows()[1].tolist() == [4, 5, EOS]
    marked, counts = encode_corpus(pairs, LETTERS, max_source_tokens=8, marks=[True, True], long_sources=how)
    assert marked.source.rows()[0].tolist() == [99, *LETTERS.source.encode([cut])[0], EOS]


def test_pairs_are_counted_by_the_lines_of_the_parts():
    corpus, _ = encode_corpus([*PAIRS, *PAIRS], LETTERS, max_source_tokens=3, max_target_tokens=4)
    assert corpus.lines.tolist() == [0, 1, 4, 5]
    assert corpus.count_parts([1, 0, 4, 3]) == [1, 0, 2, 1]


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no pair is short enough"):
        write_encoded(*encode_corpus(PAIRS, LETTERS, max_source_tokens=1), tmp_path, "train")


def test_what_is_saved_is_loaded(tmp_path):
    corpus, counts = encode_corpus(PAIRS, LETTERS)
    write_encoded(corpus, counts, tmp_path, "train")
    loaded = EncodedCorpus.load(tmp_path, "train")
    np.testing.assert_array_equal(loaded.lines, corpus.lines)
    for side in ("source", "target"):
        np.testing.assert_array_equal(getattr(loaded, side).ids, getattr(corpus, side).ids)
        np.testing.assert_array_equal(getattr(loaded, side).offsets, getattr(corpus, side).offsets)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.text("abc", max_size=6), st.text("abc", max_size=6)), min_size=1, max_size=30),
    st.lists(st.booleans(), max_size=40),
    st.sampled_from([None, 4, 20]),
    st.sampled_from(["leave_out", "truncate"]),
    st.integers(1, 30),
)
def test_shards_of_any_size_are_encoded_as_the_whole_is(pairs, marks, limit, long_sources, shard_bytes):
    pairs = [("a", "a"), *pairs]  # one is short enough
    with tempfile.TemporaryDirectory() as name:
        whole, parts = Path(name, "whole"), Path(name, "parts")
        files = Path(name, "source"), Path(name, "target")
        for file, texts in zip(files, zip(*pairs, strict=True), strict=True):
            write_lines(file, texts)
        marks = [False, *marks]
        corpus, counts = encode_corpus(pairs, LETTERS, limit, limit, marks=marks, long_sources=long_sources)
        corpus.save(whole, "train")
        encoder = Encoder(LETTERS, limit, limit, long_sources=long_sources)
        assert encode_files(files, encoder, parts, "train", marks, shard_bytes=shard_bytes) == counts
        assert {path.name: path.read_bytes() for path in whole.iterdir()} == {
            path.name: path.read_bytes() for path in parts.iterdir()
        }


def test_several_processes_write_the_same_bytes(tmp_path):
    pairs = [(f"a line {number}", "b" * (number % 9)) for number in range(60)]
    files = tmp_path / "source", tmp_path / "target"
    for file, texts in zip(files, zip(*pairs, strict=True), strict=True):
        write_lines(file, texts)
    tokenizers = TokenizerPair.train_pair(*files, TokenizerConfig(kind="char", vocab_size=40), seed=1)
    for processes in (1, 2, 3):
        encode_files(
            files, Encoder(tokenizers, None, 7), tmp_path / str(processes), "train", (), processes, shard_bytes=60
        )
    corpus, _ = encode_corpus(pairs, tokenizers, None, 7)
    corpus.save(tmp_path / "whole", "train")
    for path in (tmp_path / "whole").iterdir():
        for processes in (1, 2, 3):
            assert path.read_bytes() == (tmp_path / str(processes) / path.name).read_bytes()


def test_nothing_left_of_files_is_an_error_and_nothing_is_written(tmp_path):
    for side in ("source", "target"):
        write_lines(tmp_path / side, ["abc", "abcd"])
    files, output = (tmp_path / "source", tmp_path / "target"), tmp_path / "output"
    with pytest.raises(DataError, match="train: no pair is short enough"):
        encode_files(files, Encoder(LETTERS, 2), output, "train")
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("window", [64, 200_000])
def test_an_epoch_has_every_pair_once_within_the_budget(window):
    source, target = random_lengths()
    plan = plan_epoch(source, target, 100, 1, 0, window)
    assert sorted(np.concatenate(plan).tolist()) == list(range(500))
    for rows in plan:
        assert len(rows) * target[rows].max() <= 100
        assert len(rows) * source[rows].max() <= 200


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=80), st.integers(1, 60), st.integers(1, 90))
def test_batches_are_as_large_as_the_budget_allows(lengths, budget, window):
    source, target = np.array(lengths, np.int64).reshape(-1, 2).T
    generator = np.random.default_rng([1, 2])
    order = generator.permutation(len(lengths)).tolist()
    expected = []
    for start in range(0, len(order), window):
        batch = []
        for pair in sorted(order[start : start + window], key=lambda pair: (target[pair], source[pair])):
            rows = [*batch, pair]
            if batch and len(rows) * max(target[rows].max(), source[rows].max() / 2) > budget:
                expected.append(batch)
                rows = [pair]
            batch = rows
        expected.append(batch)
    expected = [expected[number] for number in generator.permutation(len(expected))]
    assert [rows.tolist() for rows in plan_epoch(source, target, budget, 1, 2, window)] == expected


def test_a_pair_longer_than_the_budget_stands_alone():
    plan = plan_epoch(np.array([5, 5, 5]), np.array([4, 90, 4]), 20, 1, 0)
    assert sorted(sorted(rows.tolist()) for rows in plan) == [[0, 2], [1]]


def test_the_plan_is_a_function_of_seed_and_epoch():
    def plan(seed, epoch):
        return [rows.tolist() for rows in plan_epoch(*random_lengths(), 100, seed, epoch)]

    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)


def test_batches_are_shifted_and_padded_on_the_right():
    corpus, _ = encode_corpus(PAIRS[:2], LETTERS)
    (batch,) = batches(corpus, [np.array([0, 1])])
    assert batch.source.numpy().tolist() == [[4, 5, EOS], [4, EOS, PAD]]
    assert batch.target_in.numpy().tolist() == [[BOS, 6, PAD, PAD], [BOS, 5, 6, 7]]
    assert batch.target_out.numpy().tolist() == [[6, EOS, PAD, PAD], [5, 6, 7, EOS]]


def test_a_start_in_the_middle_gives_the_batches_that_remain():
    rows = [[4 + index % 7] * (1 + index % 5) for index in range(60)]
    sides = Sequences.of([*row, EOS] for row in rows), Sequences.of([BOS, *row, EOS] for row in rows)
    corpus = EncodedCorpus(*sides, np.arange(60))
    plan = plan_epoch(corpus.source.lengths, corpus.target.lengths - 1, 20, 1, 0)
    whole = [batch.source.numpy().tolist() for batch in batches(corpus, plan)]
    for start in (3, len(plan)):
        assert [batch.source.numpy().tolist() for batch in batches(corpus, plan, start)] == whole[start:]


def of_vectors(count=6):
    """Sequences of 1, 2, 3, 1, ... vectors, the first one a vector of zeros, and the lines that name them."""
    vectors = Vectors.of([np.full((1 + n % 3, 2), n, np.float32) for n in range(count)])
    return vectors, [(line, "a" * (1 + n % 2)) for n, line in enumerate(vectors.lines)]


def test_vectors_are_found_by_their_lines_and_marked_so_that_padding_shows(tmp_path):
    vectors, pairs = of_vectors()
    corpus, counts = encode_corpus(pairs[:2], LETTERS, vectors=vectors)
    write_encoded(corpus, counts, tmp_path, "train")
    (batch,) = batches(EncodedCorpus.load(tmp_path, "train"), [np.array([1, 0])])
    assert batch.source.dtype == "float32"
    assert batch.source.numpy().tolist() == [[[1, 1, 1], [1, 1, 1]], [[1, 0, 0], [0, 0, 0]]]
    assert (counts["kept"], counts["source_tokens"]) == (2, 3)


def test_vectors_have_limits_like_text_and_no_end():
    vectors, pairs = of_vectors()
    corpus, counts = encode_corpus(pairs, LETTERS, max_source_tokens=2, max_target_tokens=2, vectors=vectors)
    assert (counts["source_too_long"], counts["target_too_long"]) == (2, 3)
    assert corpus.source.lengths.tolist() == [1, 2]  # pairs 0 and 4; 2 is too long, as are 1, 3 and 5 for the target
    assert corpus.source.ids[:, 1].tolist() == [0, 4, 4]


def test_batches_of_vectors_go_on_in_the_middle():
    vectors, pairs = of_vectors(40)
    corpus, _ = encode_corpus(pairs, LETTERS, vectors=vectors)
    plan = plan_epoch(corpus.source.lengths, corpus.target.lengths - 1, 8, 1, 0)
    whole = [batch.source.numpy().tolist() for batch in batches(corpus, plan)]
    assert [batch.source.numpy().tolist() for batch in batches(corpus, plan, 3)] == whole[3:]


def test_vectors_of_another_length_than_the_models_are_an_error():
    vectors, pairs = of_vectors()
    corpus, _ = encode_corpus(pairs, LETTERS, vectors=vectors)
    corpus.check_features(2, "train")
    with pytest.raises(DataError, match=r"train(.|\n)*vectors of 2 features(.|\n)*vectors of 3 features"):
        corpus.check_features(3, "train")


def test_sequences_one_by_one_and_a_choice_of_them():
    sequences = Sequences.of([[1, 2], [], [3]])
    assert [row.tolist() for row in sequences.rows()] == [[1, 2], [], [3]]
    chosen = sequences.select(np.array([2, 0, 2]))
    assert [row.tolist() for row in chosen.rows()] == [[3], [1, 2], [3]]
    assert chosen.ids.dtype == sequences.ids.dtype


def test_the_links_of_a_corpus_come_with_its_batches():
    sides = Sequences.of([[4, 3], [5, 6, 3], [7, 3]]), Sequences.of([[2, 4, 3], [2, 5, 3], [2, 6, 6, 3]])
    links = Sequences.of([[0], [], [1, 7]])
    (batch,) = batches(EncodedCorpus(*sides, np.arange(3), links), [np.array([2, 0, 1])])
    assert batch.links.numpy().tolist() == [[1, 7], [0, -1], [-1, -1]]
    assert batch.target_out.numpy().tolist() == [[6, 6, 3], [4, 3, 0], [5, 3, 0]]
    (plain,) = batches(EncodedCorpus(*sides, np.arange(3)), [np.array([0])])
    assert len(plain) == 3
