import sys

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from nmt.errors import UsageError
from nmt.evaluation.metrics import MetricOptions, open_metric
from nmt.evaluation.sacrebleu_metrics import _tokenize_13a

WORDS = st.sampled_from(
    ["the", "cat", "sat", "a", "3.5", "1,000", "(no)", "x-y", "2-3", "end.", "Über", "&amp;", "你好", "т.", "!", "'s"]
)
LINES = st.lists(WORDS, max_size=9).map(" ".join)
SEGMENTS = st.lists(st.tuples(LINES, LINES, LINES), min_size=1, max_size=8)
OWN = {
    "bleu": BLEU,
    "chrf": CHRF,
    "chrf++": lambda lowercase: CHRF(word_order=2, lowercase=lowercase),
    "ter": lambda lowercase: TER(case_sensitive=not lowercase),
}


@pytest.mark.parametrize("name", list(OWN))
@settings(max_examples=60, deadline=None)
@given(segments=SEGMENTS, several=st.booleans(), lowercase=st.booleans())
def test_statistics_and_scores_are_sacrebleus_own(name, segments, several, lowercase):
    hypotheses, *references = (list(column) for column in zip(*segments, strict=True))
    references = references if several else references[:1]
    own = OWN[name](lowercase=lowercase)
    metric = open_metric(name, references, MetricOptions(lowercase=lowercase))
    found = metric.statistics(hypotheses)
    expected = own._extract_corpus_statistics(hypotheses, references)
    assert found.tolist() == expected
    assert metric.corpus_score(found) == own._aggregate_and_compute(expected).score
    assert metric.scores(found).tolist() == [own._compute_score_from_stats(list(row)).score for row in expected]
    assert metric.signature() == own.get_signature().format()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bleu", MetricOptions("char", lowercase=True)),
        ("chrf", MetricOptions(lowercase=True)),
        ("rouge1", MetricOptions(rouge_words="ascii")),
        ("exact", MetricOptions()),
    ],
)
def test_a_signature_tells_the_options(name, options):
    assert MetricOptions.of_signature(open_metric(name, [["a"]], options).signature()) == options


def test_a_signature_of_mecab_tells_its_tokenizer():
    signature = "nrefs:1|case:mixed|eff:no|tok:ja-mecab-0.996-IPA|smooth:exp|version:2.6.0"
    assert MetricOptions.of_signature(signature) == MetricOptions("ja-mecab")


def test_blocks_of_segments_do_not_show():
    references = [f"the number {n} is here {n % 7}" for n in range(2_500)]
    hypotheses = [f"the number {n} was there {n % 5}" for n in range(2_500)]
    for name in ("bleu", "chrf++"):
        metric = open_metric(name, [references])
        found = metric.statistics(hypotheses)
        assert found.tolist() == OWN[name](lowercase=False)._extract_corpus_statistics(hypotheses, [references])


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" .,-3a{~[`!&@/(;ä\u2028\u00a0你\n", max_size=25) | LINES | st.text(max_size=20))
def test_the_quick_tokenizer_is_sacrebleus(line):
    assert _tokenize_13a(line).split() == Tokenizer13a()(line.rstrip()).split()


def test_every_punctuation_mark_is_cut_off_as_by_sacrebleu():
    marks = [chr(code) for code in range(33, 500)]
    lines = [f"a{mark}b 1{mark}2 {mark} c{mark}" for mark in marks]
    assert [_tokenize_13a(line).split() for line in lines] == [Tokenizer13a()(line).split() for line in lines]


def test_scores_of_segments_count_the_orders_that_they_have():
    lines, references = ["a b", "a b c d e", "x"], ["a b", "a b c d f", "y"]
    metric = open_metric("bleu", [references])
    expected = [sacrebleu.sentence_bleu(*pair).score for pair in zip(lines, [[r] for r in references], strict=True)]
    assert metric.segment_scores(metric.statistics(lines)) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("tokenize", ["13a", "intl", "char", "zh", "none"])
def test_every_tokenizer_reaches_bleu(tokenize):
    references, hypotheses = ["Это (дом), 3.5% - 你好吗!", "the end"], ["Это дом: 3.5% 你好 !", "The end"]
    metric = open_metric("bleu", [references], MetricOptions(tokenize))
    expected = sacrebleu.corpus_bleu(hypotheses, [references], tokenize=tokenize).score
    assert metric.corpus_score(metric.statistics(hypotheses)) == expected


@pytest.mark.parametrize("tokenize", ["spm", "flores101", "flores200", "spBLEU-1K"])
def test_a_tokenizer_whose_model_is_not_there_is_never_downloaded(tokenize, tmp_path, monkeypatch):
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    with pytest.raises(UsageError, match=f"{tokenize} is not on this disk.*{tmp_path}.*models"):
        open_metric("bleu", [["a"]], MetricOptions(tokenize))


def test_a_tokenizer_with_a_model_reaches_bleu(tmp_path, monkeypatch):
    import sentencepiece

    (tmp_path / "models").mkdir()
    text = ["the cat sat on the mat", "a dog ran home to the cat"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_prefix=str(tmp_path / "m"), vocab_size=19, minloglevel=2
    )
    (tmp_path / "m.model").rename(tmp_path / "models" / "flores200sacrebleuspm")
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", str(tmp_path))
    metric = open_metric("bleu", [["the cat sat on the mat"]], MetricOptions("flores200"))
    assert "tok:flores200" in metric.signature()
    statistics = metric.statistics(["the cat sat on the dog"])
    assert statistics[0, 0] >= 6
    assert 20 < metric.corpus_score(statistics) < 100


@pytest.mark.parametrize(("language", "package"), [("ja", "MeCab"), ("ko", "mecab_ko")])
def test_a_tokenizer_whose_package_is_missing_says_what_to_install(language, package, monkeypatch):
    module = f"sacrebleu.tokenizers.tokenizer_{language}_mecab"
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"sacrebleu\[{language}\]"):
        open_metric("bleu", [["a"]], MetricOptions(f"{language}-mecab"))
    monkeypatch.delitem(sys.modules, module, raising=False)
