"""Scores of translations that are given, by forced decoding.

The log-probability of a target is that of its best segmentation and of its end. What a search has written may consist
of other pieces than its text is segmented into when it is read again; then the two have scores of their own. Where the
pieces are the same, so are the scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from nmt import textio
from nmt.bundle import Bundle
from nmt.decoding.output import details_json
from nmt.decoding.scoring import norm
from nmt.decoding.stream import vectors_for
from nmt.decoding.translate import Translator
from nmt.decoding.translation import Details
from nmt.errors import DataError
from nmt.tokenizer import EOS
from nmt.vectors import check_features

_CHUNK_PAIRS = 2_000  # pairs that are sorted by length together


class PairScore(NamedTuple):
    """What a model says about a pair.

    Attributes:
        log_probability: of the target's pieces and its end, in nats.
        score: the same, normalised as the search normalises what it ranks; no penalties.
        details: word by word.
    """

    log_probability: float
    score: float
    details: Details


class PairScorer:
    """Scores pairs with the models of a translator.

    Args:
        translator: its models, and its settings of length normalisation.
    """

    def __init__(self, translator: Translator) -> None:
        self._translator = translator

    def score(self, sources: Sequence[Any], targets: Sequence[str]) -> list[PairScore]:
        """Returns the score of each pair; an empty side is scored as it is.

        Args:
            sources: lines, or marked vectors [S, 1 + F].
            targets: lines; source and target are normalised as the bundle does it.
        """
        translator, tokenizers = self._translator, self._translator.bundle.tokenizers
        copier = translator.copier
        texts: list[str] | None = None
        if sources and isinstance(sources[0], str):
            texts = [translator.bundle.normalize(line) for line in sources]
            sources = [[*ids, EOS] for ids in (copier or tokenizers.source).encode(texts)]
        given = [translator.bundle.normalize(line) for line in targets]
        if copier is None or texts is None:
            encoded = tokenizers.target.encode_with_spans(given)
        else:
            unknown = map(copier.unknown_words, texts)
            encoded = list(map(copier.encode_target_with_spans, given, unknown))
        outputs = [[*ids, EOS] for ids, _ in encoded]
        written = [(text, spans) for text, (_, spans) in zip(given, encoded, strict=True)]
        results = []
        for ids, details in zip(outputs, translator.examiner.examine(sources, outputs, texts, written), strict=True):
            total = float(details.forced.log_probabilities.sum())
            results.append(PairScore(total, total / float(norm(tf.constant(len(ids)), translator.config)), details))
        return results


def score_pairs_command(
    bundle: Bundle,
    source: Path,
    target: Path,
    output: Path | None,
    overrides: dict[str, Any],
    *,
    words: bool,
    jsonl: bool,
    **ensemble: Any,
) -> None:
    """Writes one line per pair of two files, to a file or to standard output.

    Args:
        bundle: the model.
        source, target: the files.
        output: None for standard output.
        overrides, ensemble: as :class:`Translator` takes them.
        words: whether the log-probabilities of the words follow, and that of the end.
        jsonl: one JSON object per line, with all that is known.

    Raises:
        DataError: the files have different numbers of lines.
        UsageError: the bundle takes another kind of source.
    """
    vectors = vectors_for(bundle, source)
    translator = Translator(bundle, overrides, **ensemble)
    pairs: Iterable[tuple[Any, ...]]
    if vectors is None:
        pairs = textio.read_parallel([source, target])
    else:
        check_features(vectors.features, bundle.recipe.model.encoder.features, "the model takes other vectors")
        lines = list(textio.read_lines(target))
        if len(lines) != len(vectors):
            raise DataError(
                f"{source}: it has another number of sequences than {target} has lines",
                received=f"{len(vectors)} sequences, {len(lines)} lines",
                expected="line n to be the target of sequence n",
                action="Repair the files",
            )
        pairs = zip(vectors.marked(), lines, strict=True)
    written: Callable[[PairScore, int], str] = _json if jsonl else _fields_with_words if words else _fields
    found = (written(score, number) for number, score in enumerate(_scores(PairScorer(translator), pairs)))
    if output is not None:
        textio.write_lines(output, found)
        return
    while chunk := list(islice(found, _CHUNK_PAIRS)):
        textio.print_lines(chunk)


def _scores(scorer: PairScorer, pairs: Iterable[tuple[Any, ...]]) -> Iterator[PairScore]:
    remaining = iter(pairs)
    while chunk := list(islice(remaining, _CHUNK_PAIRS)):
        yield from scorer.score([source for source, _ in chunk], [target for _, target in chunk])


def _fields(score: PairScore, _: int) -> str:
    return f"{score.log_probability:.6f}\t{score.score:.6f}"


def _fields_with_words(score: PairScore, number: int) -> str:
    parts = [*score.details.word_log_probabilities, score.details.end_log_probability]
    return f"{_fields(score, number)}\t{' '.join(f'{part:.6f}' for part in parts)}"


def _json(score: PairScore, number: int) -> str:
    row = {"line": number, "log_probability": round(score.log_probability, 6), "score": round(score.score, 6)}
    return json.dumps(row | details_json(score.details), ensure_ascii=False)
