"""Translations with all that is known of them."""

import numpy as np
import pytest

from nmt.bundle import load_bundle
from nmt.decoding.translate import Translator
from nmt.errors import UsageError
from nmt.tokenizer import EOS, UNK
from nmt.word_alignment import hard_alignment

LINES = ["a small text", "", "words  of\ta few words", " ", "text"]


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator(load_bundle(tiny_bundle), {"beam_size": 3, "max_length_ratio": 0.5})


def test_every_line_has_its_translations_best_first(translator):
    found = list(translator.translations(LINES, hypotheses=3, chunk_lines=2))
    assert [row[0].source for row in found] == ["a small text", "", "words of a few words", "", "text"]
    assert [row[0].text for row in found] == list(translator.translate(LINES))
    assert [len(row) for row in found] == [3, 1, 3, 1, 3]
    for row in found:
        assert [each.score for each in row] == sorted((each.score for each in row), reverse=True)
    blank = found[1][0]
    assert (blank.text, blank.score, blank.log_probability, blank.details, blank.finished) == ("", 0.0, 0.0, None, True)


def test_the_scores_of_words_and_of_the_end_add_up_to_that_of_the_translation(translator):
    rows = [row for row in translator.translations(LINES, hypotheses=3) if row[0].details]
    for each in (each for row in rows for each in row):
        details = each.details
        assert details.target.words == each.text.split()
        assert len(details.word_log_probabilities) == len(details.target.words)
        assert (details.end_log_probability is not None) == each.finished == (each.hypothesis.ids[-1] == EOS)
        if details.target.words:
            total = sum(details.word_log_probabilities) + (details.end_log_probability or 0.0)
            assert total == pytest.approx(each.log_probability, abs=1e-4)


def test_alignments_are_over_the_words_of_both_texts(translator):
    for (best,) in translator.translations(["words of a few words", "text"]):
        details = best.details
        assert details.source.words == best.source.split()
        assert details.attention.shape == (len(details.target.words), len(details.source.words))
        assert (details.attention.sum(axis=1) <= 1.0 + 1e-6).all()
        assert details.alignment == hard_alignment(details.attention)
        assert {target for _, target in details.alignment} == set(range(len(details.target.words)))
        # The encoder reads one step more than there are characters and spaces: EOS, which is no word.
        assert details.forced.weights.shape[1] == len(best.source) + 2
        np.testing.assert_allclose(details.forced.weights.sum(axis=1), 1.0, atol=1e-5)


def test_details_are_left_out_where_nobody_asks(translator):
    assert all(row[0].details is None for row in translator.translations(LINES, details=False))


@pytest.mark.parametrize("hypotheses", [0, 4])
def test_more_translations_than_the_beam_holds_are_refused(translator, hypotheses):
    with pytest.raises(UsageError, match="beam size 3"):
        next(translator.translations(LINES, hypotheses))


def test_unknown_pieces_are_written_only_to_be_replaced(tiny_bundle):
    bundle, lines = load_bundle(tiny_bundle), ["a small text", "", "words"]
    translator, plain = Translator(bundle, {"replace_unknown": True}), Translator(bundle)
    for each in (translator, plain):
        unknown = np.zeros(each.model.target_vocab_size, np.float32)
        unknown[UNK] = 50.0
        each.model.output_bias.assign(unknown)
    texts = list(translator.translate(lines))
    for line, text, (best,) in zip(lines, texts, translator.translations(lines), strict=True):
        assert best.text == text
        assert bool(text) == bool(line)
        assert set(text) <= set(line)
        assert best.details is None or best.details.target.words == text.split()
    assert all("\u2047" not in text for text in plain.translate(lines))
    with pytest.raises(UsageError, match="Add --replace-unknown"):
        Translator(bundle, dictionary={"a": "b"})
    swapped = Translator(bundle, {"replace_unknown": True}, dictionary=dict.fromkeys("asmltexword", "Z"))
    swapped.model.output_bias.assign(translator.model.output_bias)
    assert [set(text) for text in swapped.translate(lines)] == [{"Z"}, set(), {"Z"}]
