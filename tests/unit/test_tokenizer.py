"""Vocabularies: what goes in comes out, and what does not fit is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config import TokenizerConfig
from nmt.errors import BundleError, DataError
from nmt.tokenizer import BOS, EOS, MARKER, PAD, UNK, Tokenizer, TokenizerPair, _Sentences

TEXT = "the old house stands near a river and small boats pass under its bridge every morning"
WORDS = TEXT.split()
LINES = [" ".join(WORDS[(i * k) % len(WORDS)] for k in range(1, 8)) for i in range(1, 60)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "source").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    (folder / "target").write_text("\n".join(line.upper() for line in LINES) + "\n", encoding="utf-8")
    return folder


def train(corpus, kind="unigram", vocab_size=36, **options):
    config = TokenizerConfig(kind=kind, vocab_size=vocab_size, **options)
    return Tokenizer.train([corpus / "source"], config, seed=1)


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train(corpus)


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_text_of_the_corpus_comes_back(corpus, kind):
    tokenizer = train(corpus, kind)
    assert tokenizer.decode(tokenizer.encode(LINES)) == LINES
    assert tokenizer.unknown_rate(LINES) == 0.0


@settings(max_examples=100, deadline=None)
@given(words=st.lists(st.text("abdeghimnoprstuvy", min_size=1, max_size=6), max_size=6))
def test_any_text_of_known_characters_comes_back(tokenizer, words):
    text = " ".join(words)
    assert tokenizer.decode(tokenizer.encode([text])) == [text]


def test_the_same_text_and_seed_give_the_same_bytes(corpus):
    assert train(corpus).to_bytes() == train(corpus).to_bytes()


def test_ids_after_the_end_are_not_text(tokenizer):
    (ids,) = tokenizer.encode([LINES[0]])
    assert tokenizer.decode([[BOS, *ids, EOS, *ids], [EOS], [PAD], []]) == [LINES[0], "", "", ""]


def test_unknown_characters(corpus, tokenizer):
    assert UNK in tokenizer.encode(["ж"])[0]
    spelling = train(corpus, vocab_size=290, byte_fallback=True)
    assert spelling.decode(spelling.encode(["a ж river 猫"])) == ["a ж river 猫"]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_vocabulary_larger_than_the_text_allows_says_what_it_allows(corpus, kind):
    with pytest.raises(DataError, match=r"Set tokenizer.vocab_size to \d+") as error:
        train(corpus, kind, vocab_size=5000)
    assert error.value.exit_code == 3


def test_a_vocabulary_smaller_than_the_alphabet_says_what_is_needed(corpus):
    for kind in ("unigram", "char"):
        with pytest.raises(DataError, match="smaller than the number of characters"):
            train(corpus, kind, vocab_size=10)


def test_characters_of_sides_with_unequal_alphabets_need_no_common_size(corpus, tmp_path):
    (tmp_path / "digits").write_text("".join(f"{number}\n" for number in range(100)))
    config = TokenizerConfig(kind="char", vocab_size=100, shared=False)
    pair = TokenizerPair.train_pair(corpus / "source", tmp_path / "digits", config, seed=1)
    assert pair.source.vocab_size != pair.target.vocab_size < 20


def test_fewer_words_than_vocab_size_are_all_there_are(corpus):
    tokenizer = train(corpus, "word", vocab_size=5000)
    assert sorted(tokenizer.pieces[4:]) == sorted({f"\u2581{word}" for line in LINES for word in line.split()})
    texts = ["the", "river under the bridge", ""]
    assert tokenizer.decode(tokenizer.encode(texts)) == texts
    assert [len(ids) for ids in tokenizer.encode(texts)] == [1, 4, 0]


def test_of_more_words_than_vocab_size_the_most_frequent_are_known(tmp_path):
    (tmp_path / "words").write_text("a bb ccc dd e f g\na bb ccc dd\na bb ccc\n" + "a bb " * 4 + "y" * 3000 + "\n")
    tokenizer = Tokenizer.train([tmp_path / "words"], TokenizerConfig(kind="word", vocab_size=8), seed=1)
    assert set(tokenizer.pieces[4:]) == {"\u2581a", "\u2581bb", "\u2581ccc", "\u2581dd"}
    assert tokenizer.encode(["e a f"]) == [[UNK, *tokenizer.encode(["a"])[0], UNK]]
    assert tokenizer.decode(tokenizer.encode(["e a f", "bb e dd"])) == ["\u2047 a \u2047", "bb \u2047 dd"]
    assert tokenizer.unknown_rate(["e a f a"]) == 0.5
    everything = Tokenizer.train([tmp_path / "words"], TokenizerConfig(kind="word", vocab_size=800), seed=1)
    assert everything.encode(["y" * 3000]) != [[UNK]]


def test_words_have_no_bytes():
    with pytest.raises(ValueError, match="byte_fallback"):
        TokenizerConfig(kind="word", byte_fallback=True)


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_saved_is_loaded(corpus, tmp_path, shared):
    config = TokenizerConfig(vocab_size=45 if shared else 36, shared=shared)
    pair = TokenizerPair.train_pair(corpus / "source", corpus / "target", config, seed=1)
    pair.save(tmp_path)
    loaded = TokenizerPair.load(tmp_path)
    assert loaded.source.encode(LINES) == pair.source.encode(LINES)
    assert loaded.target.encode(LINES) == pair.target.encode(LINES)
    (model, *_) = tmp_path.glob("*.model")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(BundleError, match="sha256"):
        TokenizerPair.load(tmp_path)


def test_no_text_is_an_error(tmp_path):
    (tmp_path / "empty").write_text("\n \n")
    with pytest.raises(DataError, match="no text"):
        Tokenizer.train([tmp_path / "empty"], TokenizerConfig(vocab_size=20), seed=1)


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_the_marker_is_a_piece_that_no_text_is_encoded_to(corpus, kind):
    config = TokenizerConfig(kind=kind, vocab_size=36)
    tokenizer = Tokenizer.train([corpus / "source"], config, seed=1, marker=True)
    assert tokenizer.pieces[tokenizer.marker] == MARKER
    for text in (MARKER, f"the{MARKER}", f"{MARKER} the old {MARKER}"):
        assert tokenizer.marker not in tokenizer.encode([text])[0]
    (ids,) = tokenizer.encode([LINES[0]])
    assert tokenizer.decode([[tokenizer.marker, *ids]]) == [LINES[0]]
    assert Tokenizer.from_bytes(tokenizer.to_bytes()).marker == tokenizer.marker


def test_without_synthetic_sources_a_vocabulary_is_what_it_was(corpus, tokenizer):
    assert tokenizer.marker is None
    assert MARKER not in tokenizer.pieces


@pytest.mark.parametrize("shared", [True, False])
def test_the_marker_is_of_the_source_and_a_kept_vocabulary_must_have_it(corpus, shared):
    config = TokenizerConfig(vocab_size=45 if shared else 36, shared=shared)
    files = corpus / "source", corpus / "target"
    marked = TokenizerPair.train_pair(*files, config, seed=1, marker=True)
    assert marked.source.marker is not None
    assert (marked.target.marker is not None) == shared
    assert TokenizerPair.train_pair(*files, config, 1, marked.source, marker=True).source is marked.source
    plain = TokenizerPair.train_pair(*files, config, seed=1)
    with pytest.raises(DataError, match=r"tokenizer\.source_from: the vocabulary that is kept has no marker"):
        TokenizerPair.train_pair(*files, config, 1, plain.source, marker=True)


SPANNED = ["a small  text ", " words\tof a text", "äöü 日本 zzZ\ud800 few", "", "\u00a0few", "日a日"]


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
@pytest.mark.parametrize("byte_fallback", [False, True])
def test_spans_are_the_characters_that_pieces_stand_for(tmp_path, kind, byte_fallback):
    if kind == "word" and byte_fallback:
        return
    (tmp_path / "text").write_text("a small text of a few words äöü\n" * 5)
    config = TokenizerConfig(kind=kind, vocab_size=290 if byte_fallback else 32, byte_fallback=byte_fallback)
    tokenizer = Tokenizer.train([tmp_path / "text"], config, seed=1, at_most=True)
    encoded = tokenizer.encode_with_spans(SPANNED)
    assert [ids for ids, _ in encoded] == tokenizer.encode(SPANNED)
    for text, (ids, spans) in zip(SPANNED, encoded, strict=True):
        assert len(ids) == len(spans)
        assert "".join(text[begin:end] for begin, end in spans).replace(" ", "") == text.replace(" ", "")
    decoded = tokenizer.decode_with_spans([BOS, *ids, EOS, 5] for ids, _ in encoded)
    plain = tokenizer.decode(ids for ids, _ in encoded)
    for (text, spans), expected, (ids, _) in zip(decoded, plain, encoded, strict=True):
        assert text.split() == expected.split()
        assert len(spans) == 1 + len(ids)
        assert "".join(text[begin:end] for begin, end in spans).split() == text.split()


def test_a_large_text_is_sampled_by_lines_and_by_bytes(tmp_path, monkeypatch):
    path = tmp_path / "text"
    path.write_text("".join(f"line {number:03}\n" for number in range(400)))

    def sample(seed):
        return list(_Sentences([path], seed))

    assert len(sample(1)) == 400
    monkeypatch.setattr("nmt.tokenizer.SAMPLE_BYTES", 9 * 100)
    chosen = sample(1)
    assert (len(chosen), chosen == sorted(chosen), chosen == sample(1)) == (100, True, True)
    assert chosen != sample(2)
    monkeypatch.setattr("nmt.tokenizer.SAMPLE_LINES", 50)
    assert len(sample(1)) == 50
