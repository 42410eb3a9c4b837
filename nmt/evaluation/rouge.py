"""ROUGE-1, 2, L and Lsum (Lin 2004): F1 of each segment, and their mean.

Equal to the package ``rouge-score`` where that is defined, on English in ASCII; but every script has words here.

- Words: text is lowercased; a word is a run of letters, marks and digits. In scripts that are written without spaces
  (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) each letter with its marks is one.
- Stemmer, on request: Porter's, for words of more than three characters that are all ASCII.
- Sentences, for ROUGE-Lsum: one ends at a line break; after ``.``, ``!``, ``?`` or ``…`` and closing marks where a
  space follows; and after ``。``, ``！`` or ``？`` and closing marks anywhere.
- Several references: the one with the best F1 of the segment counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

import numpy as np
import regex

from nmt.evaluation.metrics import Floats, Lines, Metric, MetricOptions, own_signature
from nmt.evaluation.ngrams import NgramMatcher, WordList

Words = list[str]

_UNSPACED = r"[[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]&&[\p{L}\p{Nl}]]"
_WORDS = {
    "unicode": regex.compile(
        rf"(?V1){_UNSPACED}\p{{M}}*|[[\p{{L}}\p{{Nd}}]--{_UNSPACED}][[\p{{L}}\p{{Nd}}\p{{M}}]--{_UNSPACED}]*"
    ),
    "ascii": regex.compile("[a-z0-9]+"),
}
_CLOSING = "[\"'”’»)\\]」』）]*"
_SENTENCE_END = regex.compile(rf"[.!?…]+{_CLOSING}(?=\s)|[。！？]+{_CLOSING}")
_SHORT = 3  # words of so few characters are not stemmed


class Rouge(Metric):
    """ROUGE; statistics: F1 in percent, and 1.

    Args:
        name: rouge1, rouge2, rougeL or rougeLsum.
        references: lines of each reference.
        options: stemmer and words; case is never compared.
    """

    def __init__(self, name: str, references: Sequence[Lines], options: MetricOptions) -> None:
        self.name = name
        self._options = options
        self._references = [self._open_reference(lines) for lines in references]

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        best = np.max([_f1(count(hypotheses)) for count in self._references], axis=0)
        return np.stack([100.0 * best, np.ones(len(best))], axis=1)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        return sums[..., 0] / sums[..., 1]

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        facts = {"tok": self._options.rouge_words, "stem": "porter" if self._options.stemmer else "no"}
        if self.name == "rougeLsum":
            facts["split"] = "punctuation"
        return own_signature(len(self._references), samples, seed, **facts, value="f1", agg="mean")

    def _open_reference(self, references: Lines) -> Callable[[Lines], Floats]:
        """Returns what counts matches, units of the hypothesis and units of the reference for each segment [N, 3]."""
        if self.name in ("rougeL", "rougeLsum"):
            split, match = (self._one, longest_common) if self.name == "rougeL" else (self._sentences, union_matches)
            own = [split(line) for line in references]
            return lambda hypotheses: np.array(
                [
                    (match(reference, text), _size(text), _size(reference))
                    for reference, text in zip(own, map(split, hypotheses), strict=True)
                ]
            )
        order = int(self.name.removeprefix("rouge"))
        words = [self._words(line) for line in references]
        vocabulary = WordList([words])
        numbered = vocabulary.number(words)
        matcher = NgramMatcher([numbered], vocabulary.size, order)

        def count(hypotheses: Lines) -> Floats:
            tokens = vocabulary.number(map(self._words, hypotheses))
            columns = matcher.count(tokens)[:, -1], tokens.count_ngrams(order), numbered.count_ngrams(order)
            return np.stack(columns, axis=1).astype(np.float64)

        return count

    def _words(self, text: str) -> Words:
        words: Words = _WORDS[self._options.rouge_words].findall(text.lower())
        if self._options.stemmer:
            stem = _stemmer()
            words = [stem(word) if len(word) > _SHORT and word.isascii() else word for word in words]
        return words

    def _one(self, text: str) -> list[Words]:
        return [self._words(text)]

    def _sentences(self, text: str) -> list[Words]:
        return [self._words(sentence) for sentence in split_sentences(text)]


def words_of(text: str) -> Words:
    """Returns the words of a text of any script, in lower case and not stemmed."""
    words: Words = _WORDS["unicode"].findall(text.lower())
    return words


def split_sentences(text: str) -> list[str]:
    """Returns the sentences of a text by the rule of this module; none is blank."""
    return [sentence for sentence in _SENTENCE_END.sub(r"\g<0>\n", text).split("\n") if sentence.strip()]


def longest_common(reference: Sequence[Words], hypothesis: Sequence[Words]) -> int:
    """Returns how many words the longest common subsequence has; each side is one list of words."""
    return len(_common_places(reference[0], hypothesis[0]))


def union_matches(reference: Sequence[Words], hypothesis: Sequence[Words]) -> int:
    """Returns how many words the union of longest common subsequences has (Lin 2004, section 3.2), no word twice.

    Args:
        reference, hypothesis: words of each sentence.
    """
    left = Counter(word for words in hypothesis for word in words)
    left_of_reference = Counter(word for words in reference for word in words)
    matches = 0
    for sentence in reference:
        places = set().union(*(_common_places(sentence, other) for other in hypothesis))
        for word in (sentence[place] for place in sorted(places)):
            if left[word] > 0 and left_of_reference[word] > 0:
                left[word] -= 1
                left_of_reference[word] -= 1
                matches += 1
    return matches


def _common_places(reference: Words, hypothesis: Words) -> list[int]:
    """Returns the places in the reference of a longest common subsequence, of several the one that rouge-score takes.

    The table of lengths is kept as one integer per row, whose zero bits are its steps (Hyyrö 2004).
    """
    places_of: dict[str, int] = {}
    for place, word in enumerate(reference):
        places_of[word] = places_of.get(word, 0) | 1 << place
    row = full = (1 << len(reference)) - 1
    rows = [row]
    for word in hypothesis:
        hit = row & places_of.get(word, 0)
        row = (row + hit | row - hit) & full
        rows.append(row)

    def length(of_reference: int, of_hypothesis: int) -> int:
        return of_reference - (rows[of_hypothesis] & (1 << of_reference) - 1).bit_count()

    return list(_walk_back(reference, hypothesis, length))


def _walk_back(reference: Words, hypothesis: Words, length: Callable[[int, int], int]) -> Iterator[int]:
    first, second = len(reference), len(hypothesis)
    while first and second:
        if reference[first - 1] == hypothesis[second - 1]:
            first, second = first - 1, second - 1
            yield first
        elif length(first, second - 1) > length(first - 1, second):
            second -= 1
        else:
            first -= 1


def _size(text: Sequence[Words]) -> int:
    return sum(map(len, text))


def _f1(counts: Floats) -> Floats:
    """Returns the harmonic mean of precision and recall [N] from matches and units of either side [N, 3]."""
    precision, recall = (counts[:, 0] / np.maximum(counts[:, side], 1) for side in (1, 2))
    total = precision + recall
    return 2 * precision * recall / np.where(total > 0, total, 1)


@cache
def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer

    return lru_cache(1 << 16)(PorterStemmer().stem)
