import math
import os
from pathlib import Path

import numpy as np
import pytest
import sacrebleu

import nmt
from nmt.config import EvaluationConfig
from nmt.errors import DataError, UsageError
from nmt.evaluation.metrics import MetricOptions
from nmt.evaluation.scores import Score, check_metrics, score_files, score_lines, sentence_scores

REFERENCES = [
    "The cat sat on the mat.",
    "A dog runs across the green field.",
    "Two men are talking in the street.",
    "She reads a book in the garden.",
    "There is no water in the glass.",
    "The train leaves at seven o'clock.",
]
HYPOTHESES = [
    "The cat sat on a mat.",
    "A dog runs over the green field.",
    "two men talk in the street.",
    "She reads a book in the garden.",
    "",
    "The train leaves at eight o'clock.",
]


def test_values_are_those_of_sacrebleu() -> None:
    scores = score_lines(HYPOTHESES, [REFERENCES], ["bleu", "chrf", "chrf++", "ter"])
    expected = [
        sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]),
        sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]),
        sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES], word_order=2),
        sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES], case_sensitive=True),
    ]
    assert [score.value for score in scores] == [one.score for one in expected]
    assert [score.name for score in scores] == ["bleu", "chrf", "chrf++", "ter"]
    assert len({score.value for score in scores}) == 4
    assert all(score.low is None and score.high is None and score.samples == 0 for score in scores)


def test_settings_reach_sacrebleu_and_the_signature() -> None:
    [cased] = score_lines(HYPOTHESES, [REFERENCES], ["bleu"])
    [uncased] = score_lines(HYPOTHESES, [REFERENCES], ["bleu"], MetricOptions("char", lowercase=True))
    version = sacrebleu.__version__
    assert cased.signature == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"
    assert uncased.signature == f"nrefs:1|case:lc|eff:no|tok:char|smooth:exp|version:{version}"
    assert uncased.value == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], tokenize="char", lowercase=True).score


def test_several_references() -> None:
    [score] = score_lines(HYPOTHESES, [REFERENCES, HYPOTHESES], ["bleu"])
    assert score.signature.startswith("nrefs:2|")
    assert score.value == pytest.approx(100.0)


@pytest.mark.parametrize("metric", ["bleu", "chrf", "chrf++", "ter", "exact"])
def test_interval_holds_the_score_and_depends_on_the_seed_only(metric: str) -> None:
    [plain] = score_lines(HYPOTHESES, [REFERENCES], [metric])
    [score] = score_lines(HYPOTHESES, [REFERENCES], [metric], bootstrap_samples=100)
    [again] = score_lines(HYPOTHESES, [REFERENCES], [metric], bootstrap_samples=100)
    [other] = score_lines(HYPOTHESES, [REFERENCES], [metric], bootstrap_samples=100, seed=7)
    assert score == again
    assert (score.low, score.high) != (other.low, other.high)
    assert score.value == plain.value
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.value <= score.high
    assert score.high - score.low > 1
    assert score.samples == 100
    assert "|bs:100|seed:12345|" in score.signature
    assert "|bs:100|seed:7|" in other.signature


def test_interval_is_sacrebleus_own() -> None:
    from sacrebleu.metrics import CHRF

    result = CHRF().corpus_score(HYPOTHESES, [REFERENCES], n_bootstrap=200)
    [score] = score_lines(HYPOTHESES, [REFERENCES], ["chrf"], bootstrap_samples=200)
    assert score.low == pytest.approx(result._mean - result._ci)
    assert score.high == pytest.approx(min(100.0, result._mean + result._ci))


@pytest.mark.parametrize("metric", ["bleu", "chrf", "ter", "exact"])
def test_interval_of_very_few_samples_holds_the_score_and_keeps_the_range(metric: str) -> None:
    lines = [*REFERENCES[:5], "nothing of it"]
    for seed in range(15):
        [score] = score_lines(lines, [REFERENCES], [metric], bootstrap_samples=2 + seed, seed=seed)
        assert score.low is not None
        assert score.high is not None
        assert 0 <= score.low <= score.value <= score.high
        assert metric == "ter" or score.high <= 100


def test_interval_stays_within_the_range_of_the_metric() -> None:
    [perfect] = score_lines(REFERENCES, [REFERENCES], ["bleu"], bootstrap_samples=50)
    [nothing] = score_lines([""] * 6, [REFERENCES], ["bleu"], bootstrap_samples=50)
    assert perfect.high is not None
    assert math.isclose(perfect.high, 100.0)
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("before", [None, "99"])
def test_the_environment_is_as_before(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if before is None:
        monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    else:
        monkeypatch.setenv("SACREBLEU_SEED", before)
    score_lines(HYPOTHESES, [REFERENCES], ["chrf"], bootstrap_samples=2, seed=1)
    with pytest.raises(UsageError):
        score_lines(HYPOTHESES, [REFERENCES], ["nonsense"])
    assert os.environ.get("SACREBLEU_SEED") == before


def test_blank_and_odd_lines_are_scored_as_they_are() -> None:
    lines = ["", "a\u2028b c", "\x0bd\u0085", "\ufeffe"]
    scores = score_lines(lines, [lines], ["chrf", "ter"])
    assert [score.value for score in scores] == [pytest.approx(100.0), 0.0]


def test_different_counts_name_both() -> None:
    with pytest.raises(DataError, match="6 lines, reference 1: 5 lines"):
        score_lines(HYPOTHESES, [REFERENCES[:5]], ["bleu"])
    with pytest.raises(DataError, match="reference 2: 7 lines"):
        score_lines(HYPOTHESES, [REFERENCES, [*REFERENCES, ""]], ["bleu"])


def test_nothing_to_score() -> None:
    with pytest.raises(DataError, match="0 lines, reference 1: 0 lines"):
        score_lines([], [[]], ["bleu"])
    with pytest.raises(DataError, match="no references"):
        score_lines(HYPOTHESES, [], ["bleu"])


def test_unknown_metric_and_tokenizer() -> None:
    with pytest.raises(UsageError, match="Did you mean bleu"):
        score_lines(HYPOTHESES, [REFERENCES], ["blue"])
    with pytest.raises(UsageError, match=r"evaluation\.tokenize"):
        score_lines(HYPOTHESES, [REFERENCES], ["bleu"], MetricOptions("14a"))


def test_files_are_read_by_the_line_contract(tmp_path: Path) -> None:
    hypotheses, references = tmp_path / "out.txt", tmp_path / "reference.txt"
    hypotheses.write_bytes("\ufeffa b\u2028c d e\r\n\nf g h i".encode())
    references.write_bytes("a b\u2028c d e\nx\nf g h i\n".encode())
    assert score_files(hypotheses, [references], ["chrf"]) == score_lines(
        ["a b\u2028c d e", "", "f g h i"], [["a b\u2028c d e", "x", "f g h i"]], ["chrf"]
    )


def test_files_of_different_length_are_named(tmp_path: Path) -> None:
    hypotheses, references = tmp_path / "out.txt", tmp_path / "reference.txt"
    hypotheses.write_text("a\nb\n")
    references.write_text("a\n\u2028\nb\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        score_files(hypotheses, [references], ["bleu"])
    assert f"{hypotheses}: 2 lines" in str(caught.value)
    assert f"{references}: 3 lines" in str(caught.value)
    hypotheses.write_text("")
    with pytest.raises(DataError, match="0 lines"):
        score_files(hypotheses, [hypotheses], ["bleu"])


def test_json_round_trip_and_text() -> None:
    score = Score("bleu", 36.2149, "nrefs:1", 35.12, 37.38, 1000)
    assert Score.from_json(score.to_json()) == score
    assert str(score) == "BLEU 36.21 [35.1, 37.4]"
    assert str(Score("chrf++", 50.0, "nrefs:1")) == "chrF++ 50.00"


@pytest.mark.parametrize("change", [{"value": "36"}, {"extra": 1}, {"low": "x"}, {"name": 1}])
def test_what_is_not_a_score(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="not a score"):
        Score.from_json(Score("bleu", 1.0, "").to_json() | change)


@pytest.mark.parametrize("metric", ["bleu", "chrf", "chrf++", "ter", "exact"])
def test_samples_without_any_match_do_not_stop_the_bootstrap(metric: str) -> None:
    (score,) = score_lines(["", "", "The cat sat on the mat."], [REFERENCES[:3]], [metric], bootstrap_samples=200)
    assert score.samples == 200
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.value <= score.high


def test_exact_match_counts_lines_that_are_equal_to_any_reference() -> None:
    hypotheses, other = ["a b", "C", "", "d "], ["x", "c", "e", "d "]
    (score,) = score_lines(hypotheses, [["a b", "c", "x", "d"]], ["exact"])
    assert (score.value, score.low, score.high, score.samples) == (25.0, None, None, 0)
    assert score.signature == f"nrefs:1|case:mixed|version:{nmt.__version__}"
    assert str(score) == "exact match 25.00"
    (score,) = score_lines(hypotheses, [["a b", "c", "x", "d"], other], ["exact"], MetricOptions(lowercase=True))
    assert score.value == 75.0
    assert score.signature == f"nrefs:2|case:lc|version:{nmt.__version__}"


def test_interval_of_exact_match_is_that_of_resampled_lines() -> None:
    hypotheses = ["right"] * 300 + ["wrong"] * 100
    (score,) = score_lines(hypotheses, [["right"] * 400], ["exact"], bootstrap_samples=4000)
    drawn = np.random.default_rng(1).choice([100.0] * 300 + [0.0] * 100, (4000, 400)).mean(axis=1)
    assert (score.low, score.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.5)
    (perfect,) = score_lines(["a"], [["a"]], ["exact"], bootstrap_samples=10)
    assert (perfect.value, perfect.low, perfect.high) == (100.0, 100.0, 100.0)


def test_exact_match_needs_no_tokenizer() -> None:
    check_metrics(EvaluationConfig(metrics=["exact"]))


def test_perplexity_is_not_a_score_of_text():
    with pytest.raises(UsageError, match="of a model, not of text"):
        score_lines(["a"], [["a"]], ["perplexity"])


def test_sentence_scores_are_those_of_sacrebleu_between_0_and_1():
    references = ["the old house stands near a river", "a", "one two three", "same as before", ""]
    hypotheses = ["the old house stands by the river", "a", "", "same as before", "something"]
    pairs = list(zip(hypotheses, references, strict=True))
    bleu = sentence_scores(hypotheses, references, "bleu")
    chrf = sentence_scores(hypotheses, references, "chrf")
    for found, score in ((bleu, sacrebleu.sentence_bleu), (chrf, sacrebleu.sentence_chrf)):
        assert found == pytest.approx([score(line, [reference]).score / 100 for line, reference in pairs], abs=1e-6)
        assert found[1] == found[3] == 1.0
        assert found[2] == found[4] == 0.0
        assert 0.2 < found[0] < 0.9
    assert sentence_scores(["A B"], ["a b"], "bleu", MetricOptions("none", lowercase=True)) == [1.0]
