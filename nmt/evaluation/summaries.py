"""What summaries are like besides ROUGE, and summaries that need no model.

Measures: novel n-grams (See et al. 2017, figure 6) and repeated trigrams (figure 4); compression, extractive fragment
coverage and density (Grusky et al. 2018, equations 1 to 3); numbers that the document has. Words are those of ROUGE.

Baselines: the first words, the first three sentences, a random sentence, and the central sentences by LexRank (Erkan
and Radev 2004), with scikit-learn's TF-IDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex

from nmt.evaluation.diagnostics import ngrams, repetition_rate
from nmt.evaluation.metrics import Floats, Lines, Metric, own_signature
from nmt.evaluation.rouge import split_sentences, words_of

_NUMBER = regex.compile(r"\p{Nd}+(?:[.,:]\p{Nd}+)*")
_LEAD_SENTENCES = 3
_DAMPING = 0.85
_ROUNDS = 100  # of the power iteration, at most


@dataclass(frozen=True)
class SummaryMeasures:
    """Means over the summaries that have words; shares are 0 to 1, None where there is nothing to count.

    Attributes:
        words: of a summary.
        novel_unigrams, novel_bigrams, novel_trigrams: share of n-grams that the document does not have.
        compression: words of the document per word of the summary.
        coverage: share of words that are in fragments of the document.
        density: mean length of the fragment that a word is in.
        repeated_trigrams: share of trigrams that occurred before in the summary, over all summaries.
        supported_numbers: share of the numbers that the document has, over all summaries.
    """

    words: float
    novel_unigrams: float
    novel_bigrams: float
    novel_trigrams: float
    compression: float
    coverage: float
    density: float
    repeated_trigrams: float
    supported_numbers: float | None

    def cells(self) -> tuple[str, ...]:
        """Returns the measures as text, shares in percent; see :data:`MEASURE_HEADINGS`."""
        novel = (self.novel_unigrams, self.novel_bigrams, self.novel_trigrams)
        numbers = "" if self.supported_numbers is None else f"{100 * self.supported_numbers:.1f}"
        return (
            f"{self.words:.1f}",
            " / ".join(f"{100 * share:.1f}" for share in novel),
            f"{self.compression:.1f}",
            f"{100 * self.coverage:.1f}",
            f"{self.density:.2f}",
            f"{100 * self.repeated_trigrams:.1f}",
            numbers,
        )


MEASURE_HEADINGS = (
    "words",
    "novel 1/2/3-grams, %",
    "compression",
    "coverage, %",
    "density",
    "repeated trigrams, %",
    "numbers in the source, %",
)
"""Of the cells of measures."""


def measure_summaries(sources: Lines, summaries: Lines) -> SummaryMeasures:
    """Measures summaries of documents.

    Args:
        sources, summaries: line n of one against line n of the other.
    """
    rows, texts = [], []
    supported = numbers = 0
    for source, summary in zip(sources, summaries, strict=True):
        document, words = words_of(source), words_of(summary)
        own, known = _NUMBER.findall(summary), set(_NUMBER.findall(source))
        numbers += len(own)
        supported += sum(number in known for number in own)
        if words:
            texts.append(words)
            fragments = np.array(extractive_fragments(document, words))
            novel = [_novelty(document, words, size) for size in (1, 2, 3)]
            size = len(words)
            rows.append((size, *novel, len(document) / size, fragments.sum() / size, (fragments**2).sum() / size))
    length, one, two, three, compression, coverage, density = map(_mean, zip(*rows, strict=True)) if rows else [0.0] * 7
    return SummaryMeasures(
        words=length,
        novel_unigrams=one,
        novel_bigrams=two,
        novel_trigrams=three,
        compression=compression,
        coverage=coverage,
        density=density,
        repeated_trigrams=repetition_rate(texts, size=3),
        supported_numbers=supported / numbers if numbers else None,
    )


class Repetition(Metric):
    """The percentage of trigrams that occurred before in the same line; statistics: these, and all trigrams."""

    name = "repetition"

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        trigrams = [ngrams(words_of(line), 3) for line in hypotheses]
        return np.array([(len(own) - len(set(own)), len(own)) for own in trigrams], np.float64)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]; 0 without trigrams."""
        return 100.0 * sums[..., 0] / np.maximum(sums[..., 1], 1.0)

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        return own_signature(0, samples, seed, words="unicode", size=3)


def extractive_fragments(document: Sequence[str], summary: Sequence[str]) -> list[int]:
    """Returns the lengths of the fragments of the document that a summary is made of, from left to right.

    Each is the longest one that begins with the next word (Grusky et al. 2018, figure 3); words that the document does
    not have are in none.
    """
    places: dict[str, list[int]] = {}
    for place, word in enumerate(document):
        places.setdefault(word, []).append(place)
    fragments = []
    begin = 0
    while begin < len(summary):
        longest = 0
        for place in places.get(summary[begin], ()):
            length = 1
            while (
                begin + length < len(summary)
                and place + length < len(document)
                and summary[begin + length] == document[place + length]
            ):
                length += 1
            longest = max(longest, length)
        if longest:
            fragments.append(longest)
        begin += max(longest, 1)
    return fragments


def _mean(values: Sequence[float]) -> float:
    """Returns the mean of the values that are numbers, 0 where none is."""
    numbers = [value for value in values if value == value]
    return float(sum(numbers) / len(numbers)) if numbers else 0.0


def _novelty(document: Sequence[str], summary: Sequence[str], size: int) -> float:
    known, own = set(ngrams(document, size)), ngrams(summary, size)
    return sum(ngram not in known for ngram in own) / len(own) if own else float("nan")


def summary_baselines(sources: Lines, references: Sequence[Lines], seed: int = 1) -> dict[str, list[str]]:
    """Returns summaries that need no model, by the names of the systems.

    Those of words and of central sentences are as long as the references are on average.

    Args:
        sources: one document per line.
        references: at least one.
        seed: of the random sentence.
    """
    lines = [line for reference in references for line in reference]
    words = max(1, round(sum(len(line.split()) for line in lines) / len(lines)))
    count = max(1, round(sum(len(split_sentences(line)) for line in lines) / len(lines)))
    sentences = [[sentence.strip() for sentence in split_sentences(line)] for line in sources]
    generator = np.random.default_rng(seed)
    drawn = [own[generator.integers(len(own))] if own else "" for own in sentences]
    return {
        f"lead-{words} words": [" ".join(line.split()[:words]) for line in sources],
        f"lead-{_LEAD_SENTENCES} sentences": [" ".join(own[:_LEAD_SENTENCES]) for own in sentences],
        "random sentence": drawn,
        f"LexRank, {count} {'sentence' if count == 1 else 'sentences'}": _lexrank(sentences, count),
    }


def _lexrank(documents: Sequence[Sequence[str]], count: int) -> list[str]:
    """Returns the ``count`` most central sentences of each document, in its order."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    flat = [sentence for own in documents for sentence in own]
    if not any(map(words_of, flat)):
        return [" ".join(own[:count]) for own in documents]
    vectors = TfidfVectorizer(analyzer=words_of).fit_transform(flat)
    summaries, start = [], 0
    for own in documents:
        rows = vectors[start : start + len(own)]
        start += len(own)
        ranks = _centrality((rows @ rows.T).toarray()) if own else np.zeros(0)
        chosen = sorted(np.argsort(-ranks, kind="stable")[:count].tolist())
        summaries.append(" ".join(own[place] for place in chosen))
    return summaries


def _centrality(similarity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns how central each sentence is [X], from the cosines of all [X, X]: PageRank of the weighted graph."""
    size = len(similarity)
    totals = similarity.sum(axis=1, keepdims=True)
    steps = np.where(totals > 0, similarity / np.where(totals > 0, totals, 1.0), 1.0 / size)
    ranks = np.full(size, 1.0 / size)
    for _ in range(_ROUNDS):
        before, ranks = ranks, (1 - _DAMPING) / size + _DAMPING * ranks @ steps
        if np.abs(ranks - before).sum() < 1e-9:
            break
    return ranks
