"""One pass of the steps over a stream of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nmt.cleaning.filters import EmptyFilter, EvaluationDigests, Filter, filter_of
from nmt.cleaning.normalize import Normalizer
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep

EXAMPLES_PER_STEP = 5
_EXAMPLE_CHARACTERS = 200


@dataclass
class StepReport:
    """What one step did.

    Attributes:
        name: the step's name; ``empty`` for the built-in first one.
        settings: its settings as JSON values.
        seen: pairs that reached it.
        dropped: pairs that it dropped.
        changed: lines (of either side) that it changed; only ``normalize`` changes any.
        examples: the first pairs that it dropped: pair (counted from 1), source, target, reason.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    dropped: int = 0
    changed: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Pairs that went on to the next step."""
        return self.seen - self.dropped

    def drop(self, number: int, pair: Pair, reason: str) -> None:
        """Counts a dropped pair and keeps it as an example while there are few."""
        self.dropped += 1
        if len(self.examples) < EXAMPLES_PER_STEP:
            source, target = map(_clip, pair)
            self.examples.append({"pair": number, "source": source, "target": target, "reason": reason})

    def to_json(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        return {
            "name": self.name,
            "settings": self.settings,
            "seen": self.seen,
            "kept": self.kept,
            "dropped": self.dropped,
            "changed": self.changed,
            "examples": self.examples,
        }


@dataclass
class _Step:
    report: StepReport
    normalizer: Normalizer | None = None
    filter: Filter | None = None


class CleaningRun:
    """Iterating over it, once, gives the kept pairs; ``steps`` then says what each step did."""

    def __init__(self, pairs: Iterable[Pair], steps: Sequence[_Step]) -> None:
        self._pairs = iter(pairs)
        self._steps = steps

    def __iter__(self) -> Iterator[Pair]:
        for number, pair in enumerate(self._pairs, start=1):
            kept = self._pass(number, pair)
            if kept is not None:
                yield kept

    @property
    def read(self) -> int:
        """Pairs read so far; within the iteration, the number of the pair that it stands at, from 1."""
        return self._steps[0].report.seen

    @property
    def steps(self) -> list[StepReport]:
        """The reports of the steps, ``empty`` first, over the pairs read so far."""
        return [step.report for step in self._steps]

    @property
    def report(self) -> dict[str, Any]:
        """Pairs read and kept so far, and the report of each step, as JSON values."""
        steps = self.steps
        return {"read": self.read, "kept": steps[-1].kept, "steps": [step.to_json() for step in steps]}

    def _pass(self, number: int, pair: Pair) -> Pair | None:
        """Returns the pair as all steps leave it, or None when one drops it."""
        for step in self._steps:
            report = step.report
            report.seen += 1
            if step.normalizer is not None:
                normalized = Pair(step.normalizer(pair.source), step.normalizer(pair.target))
                report.changed += (normalized.source != pair.source) + (normalized.target != pair.target)
                pair = normalized
            if step.filter is not None:
                value = step.filter.measure(pair)
                if not step.filter.accepts(value):
                    report.drop(number, pair, step.filter.explain(value))
                    return None
        return pair


def clean(
    pairs: Iterable[Pair], steps: Iterable[CleaningStep], evaluation: Mapping[str, Iterable[Pair]]
) -> CleaningRun:
    """Prepares the cleaning of ``pairs``; the evaluation sets are read at once, the pairs as the result is iterated.

    Pairs with a side that is empty, or that normalisation would leave empty, are always dropped, before all steps.

    Args:
        pairs: the training pairs.
        steps: the recipe's steps, in order.
        evaluation: the pairs of ``valid`` and ``test``; a set that is absent contaminates nothing.
    """
    steps = list(steps)
    compared: set[str] = {name for step in steps if step.decontaminate for name in step.decontaminate.against}
    digests = {name: EvaluationDigests(evaluation[name]) for name in sorted(compared) if name in evaluation}
    prepared = [_Step(StepReport("empty"), filter=EmptyFilter())]
    for step in steps:
        report = StepReport(step.name, step.settings.model_dump(mode="json"))
        normalizer = Normalizer((step.normalize,)) if step.normalize is not None else None
        prepared.append(_Step(report, normalizer, filter_of(step, digests)))
    return CleaningRun(pairs, prepared)


def _clip(text: str) -> str:
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[: _EXAMPLE_CHARACTERS - 3] + "..."
