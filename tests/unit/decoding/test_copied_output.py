"""Models that copy words which their vocabulary lacks: from the network to the lines that are written."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from nmt.bundle import load_bundle, write_bundle
from nmt.config import Recipe, TokenizerConfig
from nmt.decoding.decoder import BatchDecoder
from nmt.decoding.embed import SentenceEncoder
from nmt.decoding.forced import ForcedDecoder
from nmt.decoding.output import OutputFormat
from nmt.decoding.requests import Requests
from nmt.decoding.score_pairs import PairScorer
from nmt.decoding.translate import Translator
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.export.command import check_exportable
from nmt.model_config import ModelConfig
from nmt.models.layers import Dropout
from nmt.models.seq2seq import Seq2Seq
from nmt.models.weights import weights_of
from nmt.tokenizer import EOS, UNK, TokenizerPair

VOCAB = 9
SOURCES = [[VOCAB, 4, VOCAB + 1, VOCAB, EOS], [5, EOS], [VOCAB, EOS], [6, VOCAB, VOCAB + 1, VOCAB + 2, 7, VOCAB, EOS]]
SECTION = {"embedding": {"size": 8}, "encoder": {"units": 8}}


def network(copy_source="pointer_generator", seed=1):
    keras.utils.set_random_seed(seed)
    decoder = {"units": 8, "attention": "additive", "copy_source": copy_source}
    model = Seq2Seq(ModelConfig.model_validate({**SECTION, "decoder": decoder}), VOCAB, VOCAB, copies_unknown=True)
    for weight in model.trainable_weights:  # far from uniform, so that it matters where a model looks
        weight.assign(weight * 3.0)
    return model


def padded(rows):
    return tf.keras.utils.pad_sequences(rows, padding="post").astype(np.int32)


@pytest.mark.parametrize("copy_source", ["pointer_generator", "pointer"])
def test_probabilities_are_those_of_the_formula(copy_source):
    model, source = network(copy_source), padded(SOURCES)
    output, memory = model.teacher_forced(tf.constant(source), tf.constant([[2, 4, VOCAB], [2, 5, 6]] * 2))
    found = tf.exp(model.logits(output, memory)).numpy()
    rows, steps = source.shape
    expected = np.zeros((rows, 3, VOCAB + steps), np.float32)
    generate = np.zeros((rows, 3, 1), np.float32)
    if copy_source == "pointer_generator":
        generate = tf.sigmoid(output.generate).numpy()[:, :, None]
        readout = tf.reshape(output.readout, [-1, 8])
        shares = tf.nn.softmax(model.vocabulary_logits(readout)).numpy().reshape(rows, 3, VOCAB)
        expected[:, :, :VOCAB] = generate * shares
    for row in range(rows):
        for step in range(steps):
            expected[row, :, source[row, step]] += (1 - generate[row, :, 0]) * output.weights.numpy()[row, :, step]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=1e-5)
    assert (found[0, :, VOCAB : VOCAB + 2] > 1e-6).all()
    assert (found[1, :, VOCAB:] < 1e-9).all()


def test_unknown_words_are_read_as_unk():
    model = network()
    one, other = (model.encode(tf.constant(padded(rows)), Dropout(0.0, None))[0] for rows in (SOURCES, known(SOURCES)))
    np.testing.assert_array_equal(one.values, other.values)
    states = [model.encode(tf.constant([[4, EOS]]), Dropout(0.0, None)) for _ in range(2)]
    steps = [model.step(tf.constant([[id_]]), *state)[0] for id_, state in zip((UNK, VOCAB + 5), states, strict=True)]
    np.testing.assert_array_equal(*steps)


def known(rows):
    return [[UNK if id_ >= VOCAB else id_ for id_ in row] for row in rows]


SEARCHES = {
    "beam": {"beam_size": 3},
    "diverse": {"beam_size": 4, "diversity": {"groups": 2}},
    "drawn": {"beam_size": 3, "sampling": {"top_k": 6, "top_p": 0.9}},
    "restricted": {"beam_size": 2, "no_repeat_ngram_size": 1, "repetition_penalty": 1.2, "min_output_tokens": 4},
}


@pytest.fixture(scope="module")
def copying():
    """A network that copies more than it generates, and what it says about given outputs."""
    model = network()
    model.decoder.generate.bias.assign([-4.0])
    return model, ForcedDecoder(model)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_writes_words_of_its_source_alone_whatever_the_batch(name, copying):
    config = DecodingConfig(max_length_ratio=1.0, max_length_extra=2, **SEARCHES[name])
    decoder = BatchDecoder(copying[0], config)
    found = decoder.decode(SOURCES, config.beam_size)
    alone = [decoder.decode([source], config.beam_size)[0] for source in SOURCES]
    if name == "beam":
        compiled = BatchDecoder(copying[0], config.model_copy(update={"compile": True})).decode(SOURCES, 3)
        assert [[best.ids for best in row] for row in compiled] == [[best.ids for best in row] for row in found]
    copied = []
    for source, row, other in zip(SOURCES, found, alone, strict=True):
        assert [best.ids for best in row] == [best.ids for best in other]
        copied += [id_ for best in row for id_ in best.ids if id_ >= VOCAB]
        assert {id_ for best in row for id_ in best.ids if id_ >= VOCAB} <= set(source)
    assert copied
    pairs = [(source, best) for source, row in zip(SOURCES, found, strict=True) for best in row]
    forced = copying[1].force([source for source, _ in pairs], [best.ids for _, best in pairs])
    sums = [each.log_probabilities.sum() for each in forced]
    np.testing.assert_allclose(sums, [best.log_probability for _, best in pairs], atol=1e-4)
    for each, (_, best) in zip(forced, pairs, strict=True):
        np.testing.assert_allclose(each.copied[np.array(best.ids) >= VOCAB], 1.0, rtol=1e-4)


LINES = ["Zwingli met a cat , said Brigitte", "", "a cat of Zwingli", "the cat sat .", "Q  Q"]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A model of words that copies, and one of the same vocabulary that does not."""
    folder = tmp_path_factory.mktemp("copying")
    (folder / "text").write_text("the cat sat of a cat .\n" * 3)
    tokenizers = TokenizerPair.train_pair(
        folder / "text", folder / "text", TokenizerConfig(kind="word", vocab_size=40), seed=1
    )
    opened = []
    for copy_source in ("pointer_generator", "none"):
        decoder = {"units": 8, "attention": "additive", "copy_source": copy_source}
        recipe = Recipe.model_validate(
            {
                "name": "tiny",
                "corpora": {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]},
                "tokenizer": {"kind": "word"},
                "dataset": {"max_source_tokens": 6},
                "model": {**SECTION, "decoder": decoder},
                "decoding": {"beam_size": 3, "max_length_ratio": 1.0, "max_length_extra": 2},
            }
        )
        keras.utils.set_random_seed(4)
        size = tokenizers.source.vocab_size
        model = Seq2Seq(recipe.model, size, size, copy_source != "none")
        if copy_source != "none":
            for weight in model.trainable_weights:
                weight.assign(weight * 3.0)
            model.decoder.generate.bias.assign([-6.0])  # it copies
        write_bundle(folder / copy_source, recipe, tokenizers, weights_of(model), {})
        opened.append(load_bundle(folder / copy_source))
    return opened


@pytest.fixture(scope="module")
def translator(bundles):
    return Translator(bundles[0])


def words_of(text):
    return {word for word in text.split() if word not in ["the", "cat", "sat", "of", "a", "."]}


def test_lines_have_the_unknown_words_of_their_source(translator):
    rows = list(translator.translations(LINES, 3))
    assert translator.long_input.parts == 2  # the first line is too long, and split
    for line, row in zip(LINES, rows, strict=True):
        for best in row:
            assert words_of(best.text) <= words_of(line), best.text
            assert best.details is None or best.details.text.split() == best.text.split()
    assert [best.text for best, *_ in rows] == list(translator.translate(LINES))
    assert words_of(" ".join(best.text for best, *_ in rows)) >= {"Zwingli", "Q"}
    assert rows[1][0].text == ""


def test_what_was_copied_is_written_beside_it(translator):
    (row,) = translator.translations(["Q the Q"])
    (line,) = OutputFormat(jsonl=True).lines(row, 0)
    (entry,) = json.loads(line)["translations"]
    assert len(entry["copied"]) == len(entry["generated"]) == len(entry["words"])
    assert all(share == 1.0 for share, word in zip(entry["copied"], entry["words"], strict=True) if word == "Q")
    assert len(entry["coverage"]) == 3
    np.testing.assert_allclose(entry["coverage"], np.sum(entry["attention"], axis=0), atol=1e-3)
    assert "Q" in entry["words"]


def test_given_translations_are_scored_with_the_words_of_their_source(translator):
    lines = ["Q Q the", "a cat of Zwingli"]
    found = [best for row in translator.translations(lines, 2) for best in row]
    sources = [[*ids, EOS] for ids in translator.copier.encode([best.source for best in found])]
    outputs = [[*(id_ for id_ in best.hypothesis.ids if id_ != EOS), EOS] for best in found]
    forced = ForcedDecoder(translator.model).force(sources, outputs)
    scores = PairScorer(translator).score([best.source for best in found], [best.text for best in found])
    expected = [each.log_probabilities.sum() for each in forced]
    np.testing.assert_allclose([score.log_probability for score in scores], expected, atol=1e-4)
    own, foreign = PairScorer(translator).score(["a cat of Zwingli"] * 2, ["Zwingli", "Calvin"])
    assert own.log_probability > foreign.log_probability
    assert (own.details.target.words, foreign.details.target.words) == (["Zwingli"], ["Calvin"])


def test_what_is_asked_may_have_unknown_words_of_the_source(bundles, translator, tmp_path):
    lines = ["Zwingli saw a cat", "a cat of Zwingli"]
    (tmp_path / "forbid").write_text("Zwingli\n")
    (tmp_path / "prefix").write_text("saw Zwingli\n\n")
    (tmp_path / "require").write_text("saw\tCalvin\nof Zwingli\n")
    plain = list(translator.translate(lines))
    assert all("Zwingli" in text for text in plain)
    forbidden = list(Translator(bundles[0], requests=Requests(forbid=tmp_path / "forbid")).translate(lines))
    assert not any("Zwingli" in text for text in forbidden)
    asked = Requests(prefix=tmp_path / "prefix", require=tmp_path / "require")
    (first,), (second,) = Translator(bundles[0], requests=asked).translations(lines, details=False)
    assert first.text.startswith("saw Zwingli")
    assert first.hypothesis.unmet == 1  # nobody can write Calvin
    assert "of Zwingli" in second.text
    assert second.hypothesis.unmet == 0


def test_what_cannot_be_done_is_refused(bundles, tmp_path):
    with pytest.raises(UsageError, match="one copies words that its vocabulary lacks"):
        Translator(bundles[0], others=[bundles[1]])
    with pytest.raises(UsageError, match=r"cannot be exported(.|\n)*copies words"):
        check_exportable(bundles[0], tmp_path / "model", {})
    check_exportable(bundles[1], tmp_path / "model", {})
    with pytest.raises(UsageError, match="shortlist"):
        Translator(bundles[0], {"shortlist": 20})


def test_models_that_vote_and_vectors_of_sentences_know_them_too(bundles, translator):
    lines = ["Zwingli met a cat", "Q"]
    assert list(Translator(bundles[0], others=[bundles[0]]).translate(lines)) == list(translator.translate(lines))
    one, other = SentenceEncoder(bundles[0]).embed(["Zwingli Q", "Calvin Z"])
    np.testing.assert_array_equal(one, other)


def test_unknown_words_of_nobody_are_replaced_where_that_is_asked(bundles):
    translator = Translator(bundles[0], {"replace_unknown": True})
    assert "\u2047" not in " ".join(translator.translate(LINES))
