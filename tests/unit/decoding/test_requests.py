"""Files of prefixes, phrases and glossaries: what is read, how phrases become ids, and that translations have them."""

import pytest

from nmt.bundle import load_bundle
from nmt.config import TokenizerConfig
from nmt.decoding.constraints import Condition
from nmt.decoding.requests import ConditionWriter, Glossary, Request, Requests, read_glossary
from nmt.decoding.translate import Translator
from nmt.errors import DataError
from nmt.tokenizer import UNK, Tokenizer

TEXT = [
    "Der Hund sah das Haus.",
    "Das Haus sah den Hund nicht.",
    "Hunde und Häuser sehen den Hund",
    "das große Haus",
] * 9


@pytest.fixture(scope="module", params=["unigram", "bpe", "char"])
def tokenizer(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("requests") / "text"
    path.write_text("\n".join(TEXT) + "\n", encoding="utf-8")
    return Tokenizer.train([path], TokenizerConfig(kind=request.param, vocab_size=40), seed=1, at_most=True)


def writer_of(tokenizer, **files):
    return ConditionWriter(Requests(**files), tokenizer, str)


@pytest.mark.parametrize("phrase", ["Hund", "das große Haus", "sah", "Häuser", " den  Hund "])
def test_a_phrase_has_the_ids_that_it_has_within_a_text(tokenizer, phrase):
    ids = writer_of(tokenizer).phrase(" ".join(phrase.split()))
    (text,) = tokenizer.encode([f"Da {' '.join(phrase.split())} da"])
    assert Condition(required=(ids,)).unmet(text) == 0
    assert tokenizer.decode([ids]) == [" ".join(phrase.split())]


def test_a_phrase_does_not_begin_within_a_word(tokenizer):
    ids = writer_of(tokenizer).phrase("und")
    (text,) = tokenizer.encode(["der Hund sah"])
    assert Condition(required=(ids,)).unmet(text) == 1


def test_spellings_are_all_of_one_text_and_the_shortest_come_first(tokenizer):
    writer = writer_of(tokenizer)
    spellings = writer.spellings("Haus")
    assert spellings[0] == writer.phrase("Haus")
    assert len(set(spellings)) == len(spellings) <= 17
    assert set(tokenizer.decode(spellings)) == {"Haus"}
    assert [len(ids) for ids in spellings[1:]] == sorted(len(ids) for ids in spellings[1:])
    # A long phrase has more ways than there are atoms.
    assert len(writer.spellings("das große Haus sah den Hund nicht und den Hund " * 5)) <= 17


def test_a_phrase_without_spaces_stands_anywhere(tmp_path):
    path = tmp_path / "text"
    path.write_text("我们去北京大学\n北京很大\n他在北京\n" * 9, encoding="utf-8")
    tokenizer = Tokenizer.train([path], TokenizerConfig(kind="char", vocab_size=40), seed=1, at_most=True)
    writer = writer_of(tokenizer)
    for text in ("北京很大", "他在北京"):
        assert Condition(required=(writer.phrase("北京"),)).unmet(tokenizer.encode([text])[0]) == 0


def test_what_cannot_be_written_has_the_unknown_piece(tokenizer):
    assert UNK in writer_of(tokenizer).phrase("Hund §")


def test_a_glossary_finds_whole_words_and_the_longest_phrase():
    glossary = Glossary({"house": "Haus", "white house": "Weißes Haus", "a": "ein", "don't": "nicht", "北京": "Peking"})
    assert glossary.required("the white house, a house") == ["Weißes Haus", "ein", "Haus"]
    assert glossary.required("houses and birdhouse") == []
    assert glossary.required("I don't.") == ["nicht"]
    assert glossary.required("我们去北京大学") == ["Peking"]
    assert glossary.required("House") == []


def test_a_glossary_is_read_from_a_table(tmp_path):
    path = tmp_path / "glossary.tsv"
    path.write_text("white house\tWeißes Haus\n\nhouse \t Haus\nhouse\tHaus\n", encoding="utf-8")
    assert read_glossary(path, str).required("house") == ["Haus"]
    for line, message in [("house", "line 1"), ("a\tb\tc", "not an entry"), ("\tb", "not an entry")]:
        path.write_text(line + "\n", encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_glossary(path, str)
    path.write_text("house\tHaus\nhouse\tHeim\n", encoding="utf-8")
    with pytest.raises(DataError, match="two target phrases"):
        read_glossary(path, str)


def test_requests_are_those_of_their_lines(tmp_path):
    prefix, require = tmp_path / "prefix", tmp_path / "require"
    prefix.write_text("Ein\n\nDer\n", encoding="utf-8")
    require.write_text("Hund\tdas Haus\n\n\t\n", encoding="utf-8")
    requests = Requests(prefix, require)
    every = [Request("Ein", ("Hund", "das Haus")), Request(), Request("Der")]
    assert requests.of_lines(1, 3) == every
    assert requests.of_lines(1, 1) + requests.of_lines(2, 2) == every
    assert requests.of_lines(3, 1) == every[2:]
    assert Requests(require=require).of_lines(2, 2) == [Request(), Request()]
    requests.check(3)
    with pytest.raises(DataError, match="ends before the source"):
        requests.of_lines(3, 2)
    with pytest.raises(DataError, match="4 lines"):
        requests.check(4)


def test_conditions_are_of_the_request_the_glossary_and_what_is_forbidden(tmp_path, tokenizer):
    (tmp_path / "forbid").write_text("nicht\n\nden Hund\n", encoding="utf-8")
    (tmp_path / "glossary").write_text("house\tHaus\n", encoding="utf-8")
    writer = writer_of(tokenizer, forbid=tmp_path / "forbid", glossary=tmp_path / "glossary")
    condition = writer.condition("a house and a house", Request("Der", ("Hund", "Haus")))
    assert condition.prefix == tuple(tokenizer.encode(["Der"])[0])
    assert tokenizer.decode(condition.required) == ["Hund", "Haus"]
    assert set(tokenizer.decode(condition.forbidden)) == {"nicht", "den Hund"}
    assert writer.condition("a mouse", Request()) == Condition(forbidden=condition.forbidden)


LINES = ["a small text", "", "words of text", "few words"]


@pytest.fixture
def files(tmp_path):
    contents = {
        "prefix": "a sm\n\n\nfew\n",
        "require": "text\tof a\n\nwords\n\n",
        "forbid": "of\n",
        "glossary": "words\tfew\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return {name: tmp_path / name for name in contents}


def test_translations_have_what_is_asked_of_them(tiny_bundle, files):
    bundle = load_bundle(tiny_bundle)
    del files["forbid"]
    translator = Translator(bundle, {"beam_size": 10}, requests=Requests(**files))
    first, blank, third, fourth = translator.translate(LINES)
    assert first.startswith("a sm")
    assert "text" in first
    assert "of a" in first
    assert blank == ""
    assert "words" in third
    assert "few" in third
    assert fourth.startswith("few")
    assert translator.unmet == 0
    assert translator.report() is None
    # Chunks of one line are asked for the same.
    assert list(translator.translate(LINES, 1)) == [first, blank, third, fourth]


def test_what_is_lacking_is_counted(tiny_bundle, files):
    translator = Translator(load_bundle(tiny_bundle), {"beam_size": 10}, requests=Requests(**files))
    first = next(translator.translate(LINES))
    assert " of" not in first  # it is forbidden, and so one of the phrases cannot be
    assert "text" in first
    assert translator.unmet == 1
    assert translator.report() == "1 translations lack a phrase or prefix that was asked of them"
