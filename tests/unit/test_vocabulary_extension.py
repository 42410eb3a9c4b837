"""Extended vocabularies: what was there stays, and what is new is used."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from nmt.config import TokenizerConfig
from nmt.errors import DataError
from nmt.tokenizer import UNK, Tokenizer, TokenizerPair
from nmt.vocabulary_extension import extended

KINDS = ["unigram", "bpe", "char", "word"]
OLD_TEXT = "the old house stands near a river and small boats pass under its bridge every morning"
NEW_TEXT = "the cardiology ward stands near жук река мост and небо δοκός every мост"
OLD, NEW = OLD_TEXT.split(), NEW_TEXT.split()
OLD_LINES, NEW_LINES = (
    [" ".join(words[(i * k) % len(words)] for k in range(1, 8)) for i in range(1, 60)] for words in (OLD, NEW)
)
SPACE = "\u2581"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name, lines in (("old", OLD_LINES), ("new", NEW_LINES)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def trained(folder, kind, **options):
    size = {"unigram": 38, "bpe": 60}.get(kind, 100)
    config = TokenizerConfig.model_validate({"kind": kind, "vocab_size": size} | options)
    return Tokenizer.train([folder / "old"], config, seed=1)


def extension(folder, old, count):
    return extended(old, [folder / "new"], count, TokenizerConfig(), seed=1)


@pytest.fixture(scope="module", params=KINDS)
def both(request, folder):
    old = trained(folder, request.param)
    return old, extension(folder, old, 200)


def test_the_old_pieces_keep_their_ids_and_the_new_text_becomes_known(both):
    old, new = both
    assert new.pieces[: old.vocab_size] == old.pieces
    assert len(set(new.pieces)) == new.vocab_size
    assert old.unknown_rate(NEW_LINES) > 0.1
    assert new.unknown_rate(NEW_LINES) == 0.0
    assert new.decode(new.encode(NEW_LINES)) == NEW_LINES


@settings(max_examples=300, deadline=None)
@given(words=st.lists(st.one_of(st.sampled_from(OLD), st.text("abdeghimnoprstuvyж猫", max_size=6)), max_size=6))
def test_a_text_without_new_pieces_is_segmented_as_before(both, words):
    old, new = both
    text = " ".join(words)
    if not any(piece in SPACE + text.replace(" ", SPACE) for piece in new.pieces[old.vocab_size :]):
        assert new.encode([text]) == old.encode([text])


def test_every_new_piece_is_used_where_it_stands_alone(both):
    old, new = both
    model = ModelProto.FromString(new.to_bytes())
    model.normalizer_spec.add_dummy_prefix = False  # or pieces from inside of a word would stand behind a space
    ids = range(old.vocab_size, new.vocab_size)
    assert Tokenizer(model.SerializeToString()).encode(new.pieces[old.vocab_size :]) == [[id_] for id_ in ids]


def test_words_of_the_new_text_become_single_pieces(folder):
    for kind in ("unigram", "bpe", "word"):
        new = extension(folder, trained(folder, kind), 200)
        assert [len(ids) for ids in new.encode(["мост", "cardiology"])] == [1, 1], new.pieces


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_at_most_so_many_new_pieces_and_characters_come_first(folder, kind):
    old = trained(folder, kind)
    new = extension(folder, old, 5)
    assert new.vocab_size == old.vocab_size + 5
    assert all(len(piece) == 1 for piece in new.pieces[-5:]) == (kind != "word")
    assert new.pieces[-1] in extension(folder, old, 9).pieces


def test_spelt_bytes_and_the_score_of_the_unknown_stay(folder):
    spelling = trained(folder, "unigram", vocab_size=294, byte_fallback=True)
    new = extension(folder, spelling, 8)
    assert new.encode(["猫 river"]) == spelling.encode(["猫 river"])
    assert new.decode(new.encode(["猫 жук"])) == ["猫 жук"]


def test_the_same_text_gives_the_same_bytes_and_known_text_nothing(folder):
    old = trained(folder, "unigram")
    assert extension(folder, old, 20).to_bytes() == extension(folder, old, 20).to_bytes()
    characters = trained(folder, "char")
    assert extended(characters, [folder / "old"], 20, TokenizerConfig(), seed=1).to_bytes() == characters.to_bytes()


def test_an_extended_vocabulary_can_be_saved_and_extended_again(folder, tmp_path):
    new = extension(folder, trained(folder, "bpe"), 10)
    TokenizerPair(new, new, True).save(tmp_path)
    again = extension(folder, TokenizerPair.load(tmp_path).source, 200)
    assert again.pieces[: new.vocab_size] == new.pieces
    assert UNK not in again.encode(["жук"])[0]


def test_no_text_is_an_error(folder, tmp_path):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(DataError, match="no text"):
        extended(trained(folder, "char"), [tmp_path / "empty"], 5, TokenizerConfig(), seed=1)


def test_only_what_is_kept_can_be_extended():
    with pytest.raises(ValueError, match="no vocabulary to extend"):
        TokenizerConfig(extend=5)
