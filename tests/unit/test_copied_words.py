"""Words that the vocabulary lacks: their ids, and the text of these."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config import Recipe, TokenizerConfig
from nmt.copied_words import CopyTokenizer, copier_of, copies_unknown_words
from nmt.encoding import encode_corpus
from nmt.errors import RecipeError
from nmt.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerPair

KNOWN = ["the", "cat", "sat", "."]
CORPORA = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}


def tokenizer_of(folder, kind="word", text="the cat sat .\n" * 3 + "a  dog\n"):
    (folder / "text").write_text(text, encoding="utf-8")
    return Tokenizer.train([folder / "text"], TokenizerConfig(kind=kind, vocab_size=20), seed=1, at_most=True)


@pytest.fixture(scope="module", params=[True, False], ids=["space known", "space unknown"])
def tokenizer(request, tmp_path_factory):
    text = "the cat sat .\n" * 3 + ("a  dog\n" if request.param else "a dog\n")
    return tokenizer_of(tmp_path_factory.mktemp("copied"), text=text)


@pytest.fixture(scope="module")
def copier(tokenizer):
    return CopyTokenizer(tokenizer.to_bytes())


def collapsed(ids, spans, vocab_size):
    """What SentencePiece makes of it: unknown words that stand side by side are one UNK."""
    found = []
    for id_, (begin, end) in zip(ids, spans, strict=True):
        id_ = UNK if id_ >= vocab_size else id_
        if found and found[-1][0] == id_ == UNK:
            found[-1] = (UNK, (found[-1][1][0], end))
        else:
            found.append((id_, (begin, end)))
    return found


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab \u2581\u00fc\U0001f600\t\ud800<s>"), max_size=20), st.lists(st.sampled_from(KNOWN)))
def test_it_reads_as_sentencepiece_does_but_for_unknown_words(tokenizer, copier, text, words):
    text = " ".join([*words, text])
    ids, spans = copier.encode_with_spans([text])[0]
    expected = tokenizer.encode_with_spans([text])[0]
    assert collapsed(ids, spans, copier.vocab_size) == list(zip(*expected, strict=True))
    assert copier.encode([text]) == [ids]
    written = copier.decode([[*ids, EOS]], [copier.unknown_words(text)])
    if copier.encode(["a  b"])[0][1] != UNK:  # otherwise spaces are unknown too
        assert written == [text.encode("utf-8", "replace").decode().replace("\u2581", " ")]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9)))
def test_it_writes_as_sentencepiece_does(tokenizer, copier, ids):
    assert copier.decode([ids]) == tokenizer.decode([ids])
    (text, spans), (_, expected) = copier.decode_with_spans([ids])[0], tokenizer.decode_with_spans([ids])[0]
    assert len(spans) == len(expected)
    assert "".join(text[begin:end] for begin, end in spans) == text


def test_unknown_words_are_numbered_by_their_first_occurrence(copier):
    size, known = copier.vocab_size, dict(zip(copier.pieces, range(20), strict=False))
    source = "Zwingli met the Brigitte , said Zwingli"
    unknown = ["Zwingli", "met", "Brigitte", ",", "said"]
    assert copier.unknown_words(source) == unknown
    assert copier.encode([source])[0] == [size, size + 1, known["\u2581the"], size + 2, size + 3, size + 4, size]
    target = copier.encode_target("the Brigitte saw Zwingli", unknown)
    assert target == [known["\u2581the"], size + 2, UNK, size]
    assert copier.decode([[BOS, *target, EOS, size, PAD]], [unknown]) == ["the Brigitte \u2047 Zwingli"]
    assert copier.decode([target]) == ["the \u2047 \u2047 \u2047"]  # of another source
    assert copier.encode_target_with_spans("a \u00fcber b", ["b"])[1] == [(0, 1), (1, 6), (6, 8)]
    assert copier.encode([""]) == [[]]


def recipe(kind, copy_source, **more):
    tree = {"name": "a", "corpora": CORPORA, "tokenizer": {"kind": kind}, "training": {"label_smoothing": 0.0, **more}}
    return Recipe.model_validate(tree | {"model": {"decoder": {"copy_source": copy_source}}})


def test_only_models_of_words_that_copy_have_it(tmp_path):
    words, letters = (tokenizer_of(tmp_path, kind) for kind in ("word", "char"))
    pairs = {kind: TokenizerPair(side, side, True, kind) for kind, side in (("word", words), ("char", letters))}
    assert copier_of(recipe("word", "none"), pairs["word"]) is None
    assert copier_of(recipe("char", "pointer_generator"), pairs["char"]) is None
    assert not copies_unknown_words(recipe("char", "pointer_generator"))
    for how in ("pointer", "pointer_generator"):
        assert copies_unknown_words(recipe("word", how))
        assert copier_of(recipe("word", how), pairs["word"]).encode(["b"]) == [[words.vocab_size]]
    for kind, kept in (("word", "char"), ("char", "word")):  # source_from
        with pytest.raises(RecipeError, match=f"Set tokenizer.kind to {kept}"):
            copier_of(recipe(kind, "pointer"), pairs[kept])


def test_risk_is_refused_for_it():
    with pytest.raises(ValueError, match="risk scores text"):
        recipe("word", "pointer_generator", risk={}, start_from="x")


@pytest.mark.parametrize("how", ["leave_out", "truncate"])
def test_targets_have_the_ids_of_what_is_left_of_their_source(copier, tokenizer, how):
    pairs = [("the Bob sat of Eve", "Eve met Bob ."), ("Eve .", "the Eve")]
    tokenizers = TokenizerPair(tokenizer, tokenizer, True, "word")
    corpus, counts = encode_corpus(pairs, tokenizers, 4, 9, long_sources=how, copier=copier)
    size, (the, sat, stop) = copier.vocab_size, copier.encode_target("the sat .", [])
    short = [size, stop, EOS], [BOS, the, size, EOS]
    assert [side.rows()[-1].tolist() for side in (corpus.source, corpus.target)] == list(short)
    assert len(corpus) == counts["kept"] == (1 if how == "leave_out" else 2)
    if how == "truncate":  # Eve is behind the cut
        assert corpus.source.rows()[0].tolist() == [the, size, sat, EOS]
        assert corpus.target.rows()[0].tolist() == [BOS, UNK, UNK, size, stop, EOS]
