"""Sample translations for a page: the best, the worst and those between, with their differences from the references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from nmt.evaluation.scores import sentence_scores

_EACH = 5  # samples of a kind
_UNSPACED = 12  # characters: a longer text without any space is compared by characters


@dataclass(frozen=True)
class Part:
    """Some words of a text, and whether the text beside it lacks them."""

    text: str
    differs: bool


@dataclass(frozen=True)
class Sample:
    """One line of a test set.

    Attributes:
        line: its number, from 1.
        source: the source.
        reference, hypothesis: both translations, in parts that differ from one another or not.
        score: sentence chrF, 0 to 100.
    """

    line: int
    source: str
    reference: list[Part]
    hypothesis: list[Part]
    score: float


def choose_samples(
    sources: Sequence[str], references: Sequence[str], hypotheses: Sequence[str]
) -> dict[str, list[Sample]]:
    """Returns the lines of a test set with the lowest, middle and highest sentence scores, each at most once.

    Lines without a source or a reference are left out. Among lines of one score the first come first.
    """
    scores = sentence_scores(hypotheses, references, "chrf")
    filled = [n for n in range(len(sources)) if sources[n].strip() and references[n].strip()]
    order = sorted(filled, key=lambda number: scores[number])
    each = min(_EACH, -(-len(order) // 3))
    middle = max(each, (len(order) - each) // 2)
    highest = sorted(order[max(middle + each, len(order) - each) :], key=lambda number: -scores[number])
    chosen = {"worst": order[:each], "middle": order[middle : middle + each], "best": highest}
    return {
        kind: [_sample(n, sources[n], references[n], hypotheses[n], 100.0 * scores[n]) for n in numbers]
        for kind, numbers in chosen.items()
    }


def _sample(number: int, source: str, reference: str, hypothesis: str, score: float) -> Sample:
    return Sample(number + 1, source, *differences(reference, hypothesis), score)


def differences(one: str, other: str) -> tuple[list[Part], list[Part]]:
    """Returns both texts in parts, by their words: what both have in the same order, and what differs."""
    spaced = all(len(text) <= _UNSPACED or len(text.split()) > 1 for text in (one, other))
    first, second = (text.split() if spaced else list(text) for text in (one, other))
    separator = " " if spaced else ""
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    parts: tuple[list[Part], list[Part]] = ([], [])
    for kind, begin, end, other_begin, other_end in matcher.get_opcodes():
        for side, words in zip(parts, (first[begin:end], second[other_begin:other_end]), strict=True):
            if words:
                side.append(Part(separator.join(words), kind != "equal"))
    return parts
