"""Translations of parts put together, and lines that a bundle splits or cuts."""

import dataclasses

import numpy as np
import pytest

from nmt.bundle import load_bundle
from nmt.decoding.forced import Forced
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.long_input import joined
from nmt.decoding.translate import Translator
from nmt.decoding.translation import Details, Translation, Words
from nmt.long_sources import Part
from nmt.tokenizer import EOS


def translation(text, tokens, weights=None):
    words = text.split()
    places = [[number] for number in range(len(words))]
    forced = Forced(np.arange(tokens, dtype=np.float32), weights, None)
    own = Words(words, [*places, []], [*words, ""])
    details = Details([], text, forced, own, own)
    return Translation("", text, Hypothesis([9] * (tokens - 1) + [EOS], -float(tokens), -2.0 * tokens), details)


def test_what_is_known_of_the_parts_is_known_of_the_whole():
    weights = [np.eye(3, dtype=np.float32), np.eye(2, dtype=np.float32)]
    found = [translation("a b", 3, weights[0]), translation("c", 2, weights[1])]
    whole = joined("A B  C", [Part("A B", [], "  "), Part("C", [], "")], found)
    assert (whole.source, whole.text) == ("A B  C", "a b  c")
    assert whole.hypothesis == Hypothesis([9, 9, EOS, 9, EOS], (-9.0 - 4.0) / 5, -10.0)
    assert whole.finished
    assert whole.details.source.words == whole.details.target.words == ["a", "b", "c"]
    assert whole.details.target.places == [[0], [1], [], [2], []]
    assert whole.details.alignment == [(0, 0), (1, 1), (2, 2)]
    assert whole.details.word_log_probabilities == [0.0, 1.0, 0.0]


def test_words_without_a_gap_are_one_in_the_source():
    found = [translation("a b.", 3), translation("c", 2)]
    whole = joined("甲。乙", [Part("甲。", [], ""), Part("乙", [], "")], found)
    assert whole.text == "a b. c"
    assert whole.details.target.words == ["a", "b.", "c"]
    assert whole.details.source.words == ["a", "b.c"]
    wide = joined("甲。乙", [Part("甲。", [], ""), Part("乙", [], "")], [translation("乙。", 2), translation("丙", 2)])
    assert wide.text == "乙。丙"


def test_a_bundle_translates_the_parts_as_it_translates_them_alone(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    limits = bundle.recipe.dataset.model_copy(update={"max_source_tokens": 12})
    translator = Translator(dataclasses.replace(bundle, recipe=bundle.recipe.model_copy(update={"dataset": limits})))
    ((best, *rest),) = translator.translations(["a few. A text of words"], hypotheses=2)
    parts = ["a few.", "A text of", "words"]
    alone = [next(translator.translations([part], hypotheses=2)) for part in parts]
    assert best.text == " ".join(answer[0].text for answer in alone)
    assert rest[0].text == " ".join(answer[1].text for answer in alone)
    assert best.log_probability == pytest.approx(sum(answer[0].log_probability for answer in alone), abs=1e-3)
    assert len(best.details.target.places) == len(best.hypothesis.ids)
    assert translator.long_input.report().endswith("split into 3 parts")


def test_a_bundle_cuts_what_it_is_told_to_cut(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    limits = bundle.recipe.dataset.model_copy(update={"max_source_tokens": 12})
    cut = dataclasses.replace(bundle, recipe=bundle.recipe.model_copy(update={"dataset": limits}))
    translator = Translator(cut, {"long": "truncate"})
    assert list(translator.translate(["", "a text of a few words"])) == ["", *translator.translate(["a text of"])]
    assert translator.long_input.report() == "1 of 2 lines are longer than 12 tokens, the first is line 2: cut there"
