"""Which tokens translate each other, learned from pairs."""

from itertools import islice

import numpy as np
import pytest

import nmt.pair_alignment
from nmt.config import TokenizerConfig
from nmt.corpora.phrases import generate_sentences
from nmt.encoding import encode_corpus
from nmt.pair_alignment import STEPS, align_pairs
from nmt.tokenizer import EOS, TokenizerPair
from nmt.word_alignment import agreement, words_of_pieces


@pytest.fixture(scope="module")
def sentences():
    return list(islice(generate_sentences("train", 1), 4000))


def encoded(sentences, folder, kind, vocab_size, shared):
    for side in ("english", "german"):
        text = "".join(f"{getattr(each, side)}\n" for each in sentences)
        (folder / side).write_text(text, encoding="utf-8")
    config = TokenizerConfig(kind=kind, vocab_size=vocab_size, shared=shared)
    tokenizers = TokenizerPair.train_pair(folder / "english", folder / "german", config, seed=1)
    return encode_corpus([(each.english, each.german) for each in sentences], tokenizers)[0], tokenizers


def word_links(links, sentence, tokenizers):
    """The links of words, from those of pieces."""
    places = []
    for tokenizer, text in ((tokenizers.source, sentence.english), (tokenizers.target, sentence.german)):
        places.append(words_of_pieces(text, tokenizer.encode_with_spans([text])[0][1])[1])
    pairs = [divmod(int(link), STEPS) for link in links]
    return sorted({(i, j) for t, s in pairs for i in places[0][s] for j in places[1][t]})


@pytest.mark.parametrize(
    ("kind", "vocab_size", "shared"), [("unigram", 500, True), ("char", 100, False), ("word", 5000, False)]
)
def test_the_links_of_the_phrases_are_mostly_the_true_ones(sentences, tmp_path, kind, vocab_size, shared):
    corpus, tokenizers = encoded(sentences, tmp_path, kind, vocab_size, shared)
    links = align_pairs(corpus, tokenizers).rows()
    assert len(links) == len(sentences)
    found = [word_links(*each, tokenizers) for each in zip(links[:500], sentences, strict=False)]
    *_, f1 = agreement(found, [each.alignment for each in sentences[:500]])
    assert f1 > 0.85
    for own, source, target in zip(links, corpus.source.rows(), corpus.target.rows(), strict=True):
        assert (np.diff(own) > 0).all()
        assert (own // STEPS < len(target) - 2).all()  # neither BOS nor EOS
        assert (own % STEPS < len(source) - 1).all()


def test_chunks_change_no_link_of_what_was_seen(sentences, tmp_path, monkeypatch):
    corpus, tokenizers = encoded(sentences[:600], tmp_path, "unigram", 300, True)
    whole = align_pairs(corpus, tokenizers)
    learned = nmt.pair_alignment._learn
    tables = []
    monkeypatch.setattr(nmt.pair_alignment, "_learn", lambda *sides: tables.append(learned(*sides)) or tables[-1])
    align_pairs(corpus, tokenizers)
    monkeypatch.setattr(nmt.pair_alignment, "_learn", lambda *_: tables.pop(0))
    monkeypatch.setattr(nmt.pair_alignment, "_CHUNK_LINKS", 500)
    assert align_pairs(corpus, tokenizers).ids.tolist() == whole.ids.tolist()


def test_text_without_spaces_is_aligned_piece_by_piece(tmp_path):
    generator = np.random.default_rng(1)
    words = {"山": "a", "水": "b", "火": "c", "木": "d", "金": "e", "土": "f"}
    rows = ["".join(generator.choice(list(words), 14)) for _ in range(300)]
    (tmp_path / "source").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    targets = ["".join(words[character] for character in row) for row in rows]
    (tmp_path / "target").write_text("".join(f"{row}\n" for row in targets))
    config = TokenizerConfig(kind="char", vocab_size=40, shared=False)
    tokenizers = TokenizerPair.train_pair(tmp_path / "source", tmp_path / "target", config, seed=1)
    corpus, _ = encode_corpus(zip(rows, targets, strict=True), tokenizers)
    pairs = [[divmod(int(link), STEPS) for link in own] for own in align_pairs(corpus, tokenizers).rows()]
    precision, recall, _ = agreement(pairs, [[(place, place) for place in range(15)]] * 300)
    assert min(precision, recall) > 0.8


def test_empty_sides_have_no_links(tmp_path):
    (tmp_path / "text").write_text("a b\nb a\na\n")
    tokenizers = TokenizerPair.train_pair(
        tmp_path / "text", tmp_path / "text", TokenizerConfig(kind="char", vocab_size=20), seed=1
    )
    corpus, _ = encode_corpus([("", ""), ("a b", "a b"), ("", "a"), ("a", "")], tokenizers)
    assert corpus.source.rows()[0].tolist() == [EOS]
    assert [len(own) > 0 for own in align_pairs(corpus, tokenizers).rows()] == [False, True, False, False]
    nothing, _ = encode_corpus([], tokenizers)
    assert len(align_pairs(nothing, tokenizers)) == 0
