import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.scores import score_lines
from nmt.evaluation.summaries import MEASURE_HEADINGS, extractive_fragments, measure_summaries, summary_baselines

DOCUMENT = "The old cat sat on the mat. The dog saw the cat at 10:30. Then the dog ran home. Rain fell."


def test_a_copy_is_one_fragment_without_novelty():
    own = measure_summaries([DOCUMENT], [DOCUMENT])
    assert (own.novel_unigrams, own.novel_bigrams, own.novel_trigrams) == (0.0, 0.0, 0.0)
    assert (own.compression, own.coverage) == (1.0, 1.0)
    assert own.density == own.words == 22
    assert own.supported_numbers == 1.0


def test_measures_of_one_summary_by_hand():
    own = measure_summaries(["a b c d e f g h"], ["a b c x f g 7 7 7 7"])
    assert own.words == 10
    assert own.novel_unigrams == pytest.approx(5 / 10)
    assert own.novel_bigrams == pytest.approx(6 / 9)
    assert own.novel_trigrams == pytest.approx(7 / 8)
    assert own.compression == pytest.approx(0.8)
    assert own.coverage == pytest.approx(5 / 10)  # abc, fg
    assert own.density == pytest.approx((9 + 4) / 10)
    assert own.repeated_trigrams == pytest.approx(1 / 8)
    assert own.supported_numbers == 0.0
    assert len(own.cells()) == len(MEASURE_HEADINGS)


def test_blank_summaries_count_only_where_there_is_something():
    own = measure_summaries(["a b", "1,000 c"], ["", "1,000"])
    assert own.words == 2
    assert own.novel_trigrams == 0.0  # there is none
    assert own.supported_numbers == 1.0
    nothing = measure_summaries(["a"], [""])
    assert (nothing.words, nothing.supported_numbers) == (0.0, None)
    assert nothing.cells()[-1] == ""


@given(st.lists(st.text(st.sampled_from("ab ."), max_size=12), min_size=1, max_size=4))
def test_repetition_is_a_metric_of_text_alone(lines):
    [score] = score_lines(lines, [["x"] * len(lines)], ["repetition"])
    assert score.value == pytest.approx(100 * measure_summaries(["x"] * len(lines), lines).repeated_trigrams)
    assert score.lower_is_better
    assert score.signature.startswith("words:unicode|size:3|version:")


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=10))
def test_fragments_are_of_the_document_and_cover_what_it_has(document, summary):
    fragments = extractive_fragments(document, summary)
    assert sum(fragments) == sum(word in document for word in summary)
    assert all(0 < length <= len(document) for length in fragments)


def test_fragments_are_the_longest_from_the_left():
    assert extractive_fragments(["a", "b", "a", "b", "c"], ["a", "b", "c", "a", "b", "x", "b"]) == [3, 2, 1]


def test_baselines_need_no_model_and_are_as_long_as_the_references():
    sources = [DOCUMENT, "", "One sentence only", "猫坐着。狗跑了。"]
    references = [["The cat sat.", "x y z", "a b c", "d e f"], ["The dog ran.", "x y z", "a b c", "d e f"]]
    systems = summary_baselines(sources, references)
    assert list(systems) == ["lead-3 words", "lead-3 sentences", "random sentence", "LexRank, 1 sentence"]
    assert all(len(lines) == 4 and lines[1] == "" for lines in systems.values())
    assert systems["lead-3 words"][0] == "The old cat"
    assert systems["lead-3 sentences"][0] == DOCUMENT.removesuffix(" Rain fell.")
    assert systems["lead-3 sentences"][3] == "猫坐着。 狗跑了。"
    assert systems["random sentence"][0] in DOCUMENT
    assert systems["random sentence"][2] == "One sentence only"
    assert systems["LexRank, 1 sentence"][0] == "The dog saw the cat at 10:30."  # shares words with most others
    assert summary_baselines(sources, references) == systems
    drawn = {summary_baselines(sources, references, seed)["random sentence"][0] for seed in range(20)}
    assert len(drawn) == 4


def test_documents_without_words_have_baselines_too():
    assert summary_baselines(["...", "!"], [["a", "b"]])["LexRank, 1 sentence"] == ["...", "!"]
