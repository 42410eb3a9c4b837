"""Lines in, lines out: translation with a bundle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from nmt.bundle import Bundle
from nmt.copied_words import copies_unknown_words
from nmt.decoding.batches import encode_filled
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.storage import sha256_of_json
from nmt.strict_yaml import read_settings
from nmt.tokenizer import UNK
from nmt.vectors import Vectors, check_features

if TYPE_CHECKING:
    from nmt.config import Recipe
    from nmt.decoding.constraints import Condition
    from nmt.decoding.hypothesis import Hypothesis
    from nmt.decoding.requests import Requests
    from nmt.decoding.translation import Details, Examiner, Translation
    from nmt.long_sources import Mode, Part

CHUNK_LINES = 2_000
"""Lines that are sorted by length together."""


class Translator:
    """Translates lines with the model of a bundle.

    Args:
        bundle: the trained model.
        overrides: decoding settings that replace the bundle's, such as ``{"beam_size": 1}``.
        others: more models that vote with it.
        weights: of ``bundle`` and ``others``; equal when left out.
        combination: how the votes are combined; see :class:`nmt.decoding.ensemble.Ensemble`.
        requests: what is asked of the translations. A line that is split has the prefix, and phrases that are required
            of it, in the translation of its first part, and those of a glossary where the source has them.
        dictionary: what ``replace_unknown`` writes instead of some source words.

    Raises:
        UsageError: an override is unknown or out of range, the weights do not fit, a model has another vocabulary, or
            unknown words are to be replaced and the model has no attention to point at others.

    Attributes:
        bundle: the first model's.
        config: the decoding settings.
        copier: what reads and writes text where unknown words are copied; None where they are not.
        model: the network of ``bundle``.
        voters: what decodes: the network, or the ensemble.
        identity: all that its translations depend on, as JSON values.
        long_input: what is done to lines that are too long, and how many there were.
        unmet: translations that lack something that was asked of them, parts of lines that are split counted singly.
    """

    def __init__(
        self,
        bundle: Bundle,
        overrides: dict[str, Any] | None = None,
        others: Sequence[Bundle] = (),
        weights: Sequence[float] = (),
        combination: Literal["linear", "log_linear"] = "log_linear",
        requests: Requests | None = None,
        dictionary: Mapping[str, str] | None = None,
    ) -> None:
        from nmt.decoding.decoder import BatchDecoder
        from nmt.decoding.ensemble import Ensemble
        from nmt.decoding.wished_length import WordStarts
        from nmt.long_sources import LongInput

        _check_ensemble(bundle, others, weights)
        self.bundle = bundle
        self._bundles = [bundle, *others]
        self._normalize = bundle.normalize
        self.copier = bundle.copier
        self._reader = self.copier or bundle.tokenizers.source
        settings = bundle.recipe.decoding.model_dump() | (overrides or {})
        self.config = read_settings(DecodingConfig, settings, "decoding")
        self.model = bundle.model(self.config.matrices)
        voters: Any = self.model
        if others:
            voters = Ensemble(
                [self.model, *(other.model(self.config.matrices) for other in others)], weights, combination
            )
        mode, limit = self.config.long or _mode_of(bundle.recipe), bundle.recipe.dataset.max_source_tokens
        self.long_input = LongInput(mode, max(limit, 2), self._reader)
        table = bundle.lexical_table if self.config.shortlist else None
        counts = self.config.wished_length is not None and bundle.recipe.model.encoder.input == "tokens"
        starts = WordStarts.of(bundle.tokenizers) if counts else None
        self._decoder = BatchDecoder(voters, self.config, table=table, word_starts=starts)
        if self.config.replace_unknown:
            self.check_attention("decoding.replace_unknown")
        elif dictionary is not None:
            raise UsageError(
                "the dictionary is for unknown words, and none are written",
                action="Add --replace-unknown, or leave it out",
            )
        self._dictionary = (dictionary or {}) if self.config.replace_unknown else None
        self.voters = voters
        self.identity = {
            "bundles": [voter.digest for voter in (bundle, *others)],
            "weights": list(weights),
            "combination": combination if others else None,
            "decoding": self.config.model_dump(mode="json"),
            "requests": requests.identity if requests else {},
            "dictionary": sha256_of_json(dictionary) if dictionary is not None else None,
        }
        self.unmet = 0
        self._requests = requests
        self._writer: Any = None
        if requests is not None:
            from nmt.decoding.requests import ConditionWriter

            self._writer = ConditionWriter(requests, bundle.tokenizers.target, self._normalize, self.copier)

    def report(self) -> str | None:
        """Says how many lines were too long, and how many translations lack what was asked; None for none of both."""
        lacking = f"{self.unmet:,} translations lack a phrase or prefix that was asked of them" if self.unmet else None
        return "\n".join(part for part in (self.long_input.report(), lacking) if part) or None

    def check_attention(self, what: str) -> None:
        """Raises UsageError if no model has the attention that ``what`` needs."""
        if all(each.recipe.model.decoder.attention == "none" for each in self._bundles):
            raise UsageError(
                f"{what}: the model has no attention that says which source word a word comes from",
                received="model.decoder.attention none",
                action="Leave it out, or train a model with attention",
            )

    @cached_property
    def examiner(self) -> Examiner:
        """What finds out about outputs that there are."""
        from nmt.decoding.translation import Examiner

        return Examiner(self.voters, self.bundle.tokenizers, self._dictionary, self.copier)

    def translate(self, lines: Iterable[str], chunk_lines: int = CHUNK_LINES, first_line: int = 1) -> Iterator[str]:
        """Yields one translation per line, in order. A blank line gives a blank line.

        Args:
            lines: the sources.
            chunk_lines: lines that are read before the first is answered.
            first_line: the number of the first line, for messages.

        Raises:
            DataError: a line is too long, where ``decoding.long`` is ``error``.
        """
        for best, *_ in self.translations(lines, 1, False, chunk_lines, first_line):
            yield best.text

    def translations(
        self,
        lines: Iterable[str],
        hypotheses: int = 1,
        details: bool = True,
        chunk_lines: int = CHUNK_LINES,
        first_line: int = 1,
    ) -> Iterator[list[Translation]]:
        """Yields the best translations of each line, best first; one blank translation for a blank line.

        The n-th translation of a line that is split has the n-th ones of its parts.

        Args:
            lines: the sources.
            hypotheses: most translations of a line; fewer where the search found fewer.
            details: whether word scores and alignments are found out, by a pass over each translation.
            chunk_lines: lines that are read before the first is answered.
            first_line: the number of the first line, for messages.

        Raises:
            UsageError: there are more hypotheses than the beam holds.
            DataError: a line is too long, where ``decoding.long`` is ``error``.
        """
        from nmt.decoding.long_input import joined
        from nmt.decoding.translation import Translation

        check_hypotheses(hypotheses, self.config)
        remaining = iter(lines)
        while chunk := list(islice(remaining, chunk_lines)):
            normalized = [self._normalize(line) for line in chunk]
            filled, sources = encode_filled(normalized, self._reader)
            divided = [
                self.long_input.divide(normalized[row], ids, first_line + row)
                for row, ids in zip(filled, sources, strict=True)
            ]
            parts = [part for each in divided for part in each]
            conditions = self._conditions(divided, filled, len(chunk), first_line)
            texts = [part.text for part in parts]
            found = iter(self._found([part.ids for part in parts], texts, hypotheses, details, conditions))
            answers = {
                row: [joined(normalized[row], each, best) for best in zip(*islice(found, len(each)), strict=False)]
                for row, each in zip(filled, divided, strict=True)
            }
            for row, text in enumerate(normalized):
                yield answers.get(row) or [Translation(text, "")]
            first_line += len(chunk)

    def _conditions(
        self, divided: Sequence[Sequence[Part]], filled: Sequence[int], lines: int, first_line: int
    ) -> list[Condition] | None:
        """Returns what is asked of each part of the lines ``filled``; None where nothing is."""
        if self._requests is None:
            return None
        from nmt.decoding.requests import Request

        requests = self._requests.of_lines(first_line, lines)
        return [
            self._writer.condition(part.text, requests[row] if place == 0 else Request())
            for row, parts in zip(filled, divided, strict=True)
            for place, part in enumerate(parts)
        ]

    def _found(
        self,
        sources: Sequence[Any],
        texts: Sequence[str] | None,
        hypotheses: int,
        details: bool,
        conditions: Sequence[Condition] | None = None,
    ) -> list[list[Translation]]:
        """Returns the translations of each source; ``texts`` are the normalised lines, None for vectors."""
        from nmt.decoding.translation import Translation

        decoded = self._decoder.decode(sources, max(hypotheses, self.config.candidates), conditions)
        found = [best[:hypotheses] for best in self._written(decoded, texts)]
        self.unmet += sum(bool(best and best[0][0].unmet) for best in found)
        rows = [(row, *each) for row, best in enumerate(found) for each in best]
        outputs = [best.ids for _, best, _ in rows]
        # Without details only outputs with unknown words, if these are replaced, have to be looked at again.
        replace = self.config.replace_unknown
        wanted = [index for index, ids in enumerate(outputs) if details or (replace and UNK in ids)]
        known: dict[int, Details] = {}
        if wanted:
            read = [rows[index][0] for index in wanted]
            read_texts = None if texts is None else [texts[row] for row in read]
            chosen = [sources[row] for row in read], [outputs[index] for index in wanted]
            known = dict(zip(wanted, self.examiner.examine(*chosen, read_texts), strict=True))
        answers: list[list[Translation]] = [[] for _ in sources]
        for index, (row, best, text) in enumerate(rows):
            examined = known.get(index)
            source = "" if texts is None else texts[row]
            text = examined.text if examined else text
            answers[row].append(Translation(source, text, best, examined if details else None))
        return answers

    def _written(
        self, decoded: Sequence[Sequence[Hypothesis]], texts: Sequence[str] | None
    ) -> list[list[tuple[Hypothesis, str]]]:
        """Returns the outputs of each source with their texts, best first; arguments as ``_found`` has them."""
        outputs = [best.ids for found in decoded for best in found]
        if self.copier is None or texts is None:
            written = iter(self.bundle.tokenizers.target.decode(outputs))
        else:
            unknown = [self.copier.unknown_words(text) for text in texts]
            rows = [row for row, found in enumerate(decoded) for _ in found]
            written = iter(self.copier.decode(outputs, [unknown[row] for row in rows]))
        pairs = [list(zip(found, written, strict=False)) for found in decoded]
        if self.config.minimum_bayes_risk is None:
            return pairs
        from nmt.decoding.minimum_bayes_risk import by_expected_score
        from nmt.evaluation.metrics import MetricOptions

        asked = self.config.minimum_bayes_risk.metric, MetricOptions.of(self.bundle.recipe.evaluation)
        return [by_expected_score(each, *asked) for each in pairs]

    def translate_vectors(self, vectors: Vectors, lines: Iterable[str] | None = None) -> Iterator[str]:
        """Yields one line per sequence of vectors, in order.

        Args:
            vectors: the sources.
            lines: the lines of those that are wanted; all when absent.

        Raises:
            DataError: the vectors are not as long as those that the model was trained on.
        """
        for best, *_ in self.vector_translations(vectors, lines, details=False):
            yield best.text

    def vector_translations(
        self, vectors: Vectors, lines: Iterable[str] | None = None, hypotheses: int = 1, details: bool = True
    ) -> Iterator[list[Translation]]:
        """Yields the best translations of each sequence of vectors, as ``translations`` does.

        Args:
            vectors: the sources.
            lines: the lines of those that are wanted; all when absent.
            hypotheses, details: as ``translations`` takes them.

        Raises:
            DataError: the vectors are not as long as those that the model was trained on.
            UsageError: there are more hypotheses than the beam holds.
        """
        check_features(vectors.features, self.bundle.recipe.model.encoder.features, "the model takes other vectors")
        check_hypotheses(hypotheses, self.config)
        sequences = iter(vectors.marked(lines))
        while chunk := list(islice(sequences, CHUNK_LINES)):
            yield from self._found(chunk, None, hypotheses, details)


def check_hypotheses(hypotheses: int, config: DecodingConfig) -> None:
    """Raises UsageError unless the search finds so many translations of a line."""
    if not (hypotheses >= 1 and (config.sampling or hypotheses <= config.beam_size)):
        raise UsageError(
            "the search does not find so many translations of a line",
            received=f"{hypotheses} translations, beam size {config.beam_size}",
            expected="1 to the size of the beam",
            action=f"Set the beam size to {max(1, hypotheses)}, or ask for fewer",
        )


def _mode_of(recipe: Recipe) -> Mode:
    """Returns what is done to lines that are too long, where ``decoding.long`` does not say it."""
    if recipe.dataset.long_sources != "leave_out":
        return recipe.dataset.long_sources
    return "truncate" if recipe.task == "summarization" else "split"


def _check_ensemble(bundle: Bundle, others: Sequence[Bundle], weights: Sequence[float]) -> None:
    """Raises UsageError unless the models read and write the same pieces, and there is a weight for each, or none."""
    for other in others:
        if not bundle.shares_text_with(other):
            raise UsageError(
                f"{other.folder}: its vocabulary or normalisation is not that of {bundle.folder}",
                expected="models of one tokenizer, for instance of one recipe with several seeds",
                action="Leave it out of the ensemble",
            )
        if copies_unknown_words(bundle.recipe) != copies_unknown_words(other.recipe):
            raise UsageError(
                f"{other.folder} and {bundle.folder}: one copies words that its vocabulary lacks, the other does not",
                expected="models that vote on the same words",
                action="Leave it out of the ensemble",
            )
    if weights and (len(weights) != 1 + len(others) or not all(0 < weight < math.inf for weight in weights)):
        raise UsageError(
            "the weights do not fit the ensemble",
            received=", ".join(map(str, weights)),
            expected=f"{1 + len(others)} positive numbers, that of the first bundle first",
        )
