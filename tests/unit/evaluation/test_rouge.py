import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nmt
from nmt.evaluation.metrics import MetricOptions, open_metric
from nmt.evaluation.rouge import split_sentences

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
WORDS = st.sampled_from(
    ["The", "the", "cats", "running", "don't", "3.5%", "a-b", "policy", "end.", "who?", "(yes!)", "_"]
)
EQUAL_TEXTS = [
    "Привет, мир! Как дела?",
    "你好世界。今天很好。",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "これはテストです。",
    "Ünïcode 12",
]
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


def values(name, references, hypotheses, **options):
    metric = open_metric(name, references, MetricOptions(**options))
    return metric.statistics(hypotheses)[:, 0]


@pytest.mark.parametrize("stemmer", [False, True])
@settings(max_examples=100, deadline=None)
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_values_are_those_of_rouge_score(stemmer, pairs):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(NAMES, use_stemmer=stemmer)
    references, hypotheses = zip(*pairs, strict=True)
    expected = [
        scorer.score("\n".join(split_sentences(reference)), "\n".join(split_sentences(hypothesis)))
        for reference, hypothesis in pairs
    ]
    for name in NAMES:
        found = values(name, [references], hypotheses, stemmer=stemmer)
        assert found == pytest.approx([100 * scores[name].fmeasure for scores in expected], abs=1e-9)


@pytest.mark.parametrize("stemmer", [False, True])
def test_the_published_output_on_dialogsum(shared_corpora, stemmer):
    """Each of 500 segments, and the means of the three references, are those of rouge-score."""
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(NAMES, use_stemmer=stemmer)
    folder = shared_corpora / "dialogsum"

    def lines(name):
        return gzip.decompress((folder / name).read_bytes()).decode().split("\n")[:500]

    first, *others = lines("bart_baseline_test_output.txt.gz")
    hypotheses = [first, *(line.removeprefix("#") for line in others)]
    means = {True: (45.9089, 21.3200, 38.7098), False: (43.8518, 20.0804, 37.2377)}[stemmer]
    references = lines("test.summary1.gz")
    expected = [
        scorer.score("\n".join(split_sentences(reference)), "\n".join(split_sentences(hypothesis)))
        for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    for name in NAMES:
        found = values(name, [references], hypotheses, stemmer=stemmer, rouge_words="ascii")
        assert found == pytest.approx([100 * scores[name].fmeasure for scores in expected], abs=1e-6)
    for name, mean in zip(NAMES, means, strict=False):
        assert values(name, [references], hypotheses, stemmer=stemmer).mean() == pytest.approx(mean, abs=0.001)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", EQUAL_TEXTS)
def test_equal_text_of_any_script_scores_100(name, text):
    assert values(name, [[text]], [text]).tolist() == [100.0]
    assert values(name, [[text]], ["nothing of it"]).tolist() == [0.0]


def test_scripts_without_spaces_are_compared_letter_by_letter():
    assert values("rouge1", [["我爱你"]], ["我恨你"])[0] == pytest.approx(200 / 3)
    assert values("rougeL", [["我爱你 now"]], ["我爱你 Now"])[0] == 100.0
    assert values("rouge1", [["ที่นี่"]], ["ที่"])[0] == pytest.approx(200 / 3)  # two letters with their marks


@pytest.mark.parametrize("name", NAMES)
def test_empty_hypotheses_and_references_score_0(name):
    assert values(name, [["a b c", "", "..."]], ["", "a", ""]).tolist() == [0.0, 0.0, 0.0]


def test_of_several_references_the_best_of_each_segment_counts():
    first, second = ["the cat sat", "a dog"], ["no", "a dog ran home"]
    both = values("rouge1", [first, second], ["the cat", "a dog ran"])
    alone = [values("rouge1", [lines], ["the cat", "a dog ran"]) for lines in (first, second)]
    assert both.tolist() == np.maximum(*alone).tolist() == [alone[0][0], alone[1][1]]


def test_words_are_stemmed_on_request_and_only_in_ascii():
    pytest.importorskip("nltk")
    assert values("rouge1", [["He was running"]], ["he was run"])[0] == pytest.approx(200 / 3)
    assert values("rouge1", [["He was running"]], ["he was run"], stemmer=True)[0] == 100.0
    assert values("rouge1", [["bewegungen über"]], ["bewegungen übers"], stemmer=True)[0] == 50.0


def test_words_as_rouge_score_has_them():
    assert values("rouge1", [["naïve"]], ["naive"])[0] == 0.0
    assert values("rouge1", [["naïve ve"]], ["na ve ve"], rouge_words="ascii")[0] == 100.0
    assert values("rouge1", [["дом"]], ["дом"], rouge_words="ascii")[0] == 0.0


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three!", ["One.", " Two?", " Three!"]),
        ('He said "no." Then 3.5 left', ['He said "no."', " Then 3.5 left"]),
        ("一。二！「三？」四", ["一。", "二！", "「三？」", "四"]),
        ("one\ntwo", ["one", "two"]),
        (" \n ", []),
        ("wait... what", ["wait...", " what"]),
    ],
)
def test_sentences_end_by_the_stated_rule(text, sentences):
    assert split_sentences(text) == sentences


def test_sentences_matter_for_the_summary_level_alone():
    reference, hypothesis = ["First comes this. Then comes that."], ["Then comes that. First comes this."]
    assert values("rougeLsum", [reference], hypothesis)[0] == 100.0
    assert values("rougeL", [reference], hypothesis)[0] == pytest.approx(50.0, abs=20)
    assert values("rougeL", [reference], hypothesis)[0] < 70


def test_signature_says_how_it_was_made():
    pytest.importorskip("nltk")
    metric = open_metric("rougeLsum", [["a"], ["b"]], MetricOptions(stemmer=True))
    end = f"value:f1|agg:mean|version:{nmt.__version__}"
    assert metric.signature() == f"nrefs:2|tok:unicode|stem:porter|split:punctuation|{end}"
    plain = open_metric("rouge1", [["a"]], MetricOptions(rouge_words="ascii"))
    assert plain.signature(100, 3) == f"nrefs:1|bs:100|seed:3|tok:ascii|stem:no|{end}"
