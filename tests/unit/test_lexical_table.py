"""The lexical table: what is learned from pairs whose translations are known."""

import numpy as np
import pytest

import nmt.lexical_table
from nmt.dataset import EncodedCorpus, Sequences
from nmt.lexical_table import CANDIDATES, LexicalTable, learn_lexical_table
from nmt.tokenizer import BOS, EOS, PAD, UNK

VOCAB = 40


def corpus_of(pairs):
    sources = Sequences.of([[*source, EOS] for source, _ in pairs])
    targets = Sequences.of([[BOS, *target, EOS] for _, target in pairs])
    return EncodedCorpus(sources, targets, np.arange(len(pairs)))


def random_pairs(count, seed=1):
    """Source token x is always translated by 43 - x, in any order; 4 comes on the target side at random."""
    generator = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        source = generator.integers(5, VOCAB, generator.integers(0, 7))
        target = 43 - generator.permutation(source)
        pairs.append((source, np.append(target, 4) if generator.random() < 0.4 else target))
    return pairs


def test_the_translation_of_each_token_is_found():
    table = learn_lexical_table(corpus_of(random_pairs(1500)), VOCAB, VOCAB)
    assert table.candidates.shape == (VOCAB, CANDIDATES)
    assert [table.candidates[token, 0] for token in range(5, VOCAB)] == [43 - token for token in range(5, VOCAB)]
    assert (table.candidates[[UNK, BOS, EOS]] == PAD).all()  # never seen
    assert table.candidates[PAD, 0] == 4  # what comes from no source word


def test_a_pair_tells_which_is_which_in_another():
    """By hand: of the pairs "a b" - "x y" and "a" - "x", the second tells which is which in the first."""
    a, b, x, y = 5, 6, 7, 8
    table = learn_lexical_table(corpus_of([([a, b], [x, y]), ([a], [x])]), 10, 10)
    assert table.candidates[a, :2].tolist() == [x, y]
    assert table.candidates[b, :2].tolist() == [y, x]
    assert table.frequent.tolist() == [x, y]


def test_a_large_corpus_is_sampled(monkeypatch):
    pairs = random_pairs(3000)
    monkeypatch.setattr(nmt.lexical_table, "_MOST_LINKS", 9000)
    sampled = learn_lexical_table(corpus_of(pairs), VOCAB, VOCAB)
    monkeypatch.undo()
    step = -(-sum((len(source) + 1) * len(target) for source, target in pairs) // 9000)
    assert step > 2
    expected = learn_lexical_table(corpus_of(pairs[::step]), VOCAB, VOCAB)
    np.testing.assert_array_equal(sampled.candidates, expected.candidates)


@pytest.mark.parametrize("pairs", [[], [([], [])], [([5], [])]])
def test_pairs_without_tokens_teach_nothing(pairs):
    table = learn_lexical_table(corpus_of(pairs), VOCAB, VOCAB)
    assert not table.candidates.any()
    assert len(table.frequent) == 0


def test_a_shortlist_has_special_tokens_candidates_and_frequent_ones(tmp_path):
    table = learn_lexical_table(corpus_of(random_pairs(1500)), VOCAB, VOCAB)
    shortlist = table.shortlist(np.array([[9, 12, EOS], [9, EOS, PAD]]), 1)
    assert shortlist.tolist() == sorted({PAD, UNK, BOS, EOS, 43 - 9, 43 - 12, 4, *table.frequent[:4].tolist()})
    table.save(tmp_path / "table.npz")
    read = LexicalTable.load(tmp_path / "table.npz")
    np.testing.assert_array_equal(read.candidates, table.candidates)
    np.testing.assert_array_equal(read.frequent, table.frequent)
