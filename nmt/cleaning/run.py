"""The steps, over the pairs of a shard at a time.

All steps but one look at a pair by itself, so that shards can be cleaned in any process. Only ``deduplicate`` has to
know all pairs. It ends a phase: the shards of a phase give the digests that it compares, and the next phase is told
which pairs it drops.

Example::

    phase 1    empty, normalize, length, digests      all shards
               repeated digests                       of the whole corpus
    phase 2    deduplicate, decontaminate             all shards of what phase 1 has kept
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.cleaning.filters import DeduplicateFilter, EmptyFilter, EvaluationDigests, Filter, filter_of
from nmt.cleaning.normalize import Normalizer
from nmt.corpora.pair import Pair
from nmt.corpora_config import CleaningStep
from nmt.textio import Shard, encode_block

EXAMPLES_PER_STEP = 5
_EXAMPLE_CHARACTERS = 200


class Rows(NamedTuple):
    """Pairs, and ``numbers``, int [N]: which of the corpus each is, counted from 1."""

    numbers: npt.NDArray[np.int64]
    pairs: list[Pair]


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

    def add(self, later: StepReport) -> None:
        """Adds what the step did to pairs that come behind."""
        self.seen += later.seen
        self.dropped += later.dropped
        self.changed += later.changed
        self.examples += later.examples[: EXAMPLES_PER_STEP - len(self.examples)]

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


class Portion(NamedTuple):
    """A shard to be cleaned.

    Attributes:
        phase: the number of the phase, counted from 0.
        shard: its lines.
        numbers: int [N], which pair of the corpus each is, counted from 1.
        repeated: bool [N], which ones ``deduplicate`` drops; None in the first phase.
    """

    phase: int
    shard: Shard
    numbers: npt.NDArray[np.int64]
    repeated: npt.NDArray[np.bool_] | None

    def texts(self) -> list[list[str]]:
        """Returns the sources and the targets."""
        if self.repeated is None:
            return self.shard.texts()
        # What a phase has written is read as it is: nothing but a line feed belongs to the end of a line.
        return [block.decode().split("\n")[:-1] for block in self.shard.blocks]


class Cleaned(NamedTuple):
    """What a phase makes of a portion.

    Attributes:
        numbers: int [K], which pairs of the corpus are kept.
        blocks: their sources and their targets, as lines.
        digests: of each what ``deduplicate`` compares, where that ends the phase.
        reports: what each step did.
    """

    numbers: npt.NDArray[np.int64]
    blocks: tuple[bytes, bytes]
    digests: bytes
    reports: list[StepReport]


@dataclass
class Step:
    """A step with what it does: it changes pairs or, where there is no normaliser, drops some."""

    report: StepReport
    action: Normalizer | Filter | DeduplicateFilter

    def __call__(self, rows: Rows, portion: Portion, report: StepReport) -> Rows:
        """Returns the rows that it keeps."""
        report.seen += len(rows.pairs)
        if isinstance(self.action, Normalizer):
            return Rows(rows.numbers, [_normalized(self.action, pair, report) for pair in rows.pairs])
        action = self.action
        if isinstance(action, DeduplicateFilter):
            repeated = portion.repeated if portion.repeated is not None else np.zeros(len(rows.pairs), np.bool_)
            accepted = (~repeated).tolist()
        else:
            accepted = list(map(action.keeps, rows.pairs))
        if all(accepted):
            return rows
        for place in np.flatnonzero(~np.array(accepted)).tolist():
            pair = rows.pairs[place]
            value = True if isinstance(action, DeduplicateFilter) else action.measure(pair)
            report.drop(int(rows.numbers[place]), pair, action.explain(value))
        return Rows(rows.numbers[accepted], list(compress(rows.pairs, accepted)))


@dataclass
class Phase:
    """Steps that need to know no other pairs than those of a portion.

    Attributes:
        steps: in order; ``deduplicate`` can only be the first.
        then: the ``deduplicate`` that follows, if one does.
    """

    steps: list[Step]
    then: DeduplicateFilter | None = None

    def __call__(self, portion: Portion) -> Cleaned:
        """Cleans a portion."""
        rows = Rows(portion.numbers, list(map(Pair, *portion.texts())))
        reports = []
        for step in self.steps:
            report = StepReport(step.report.name)
            rows = step(rows, portion, report)
            reports.append(report)
        blocks = encode_block(pair.source for pair in rows.pairs), encode_block(pair.target for pair in rows.pairs)
        digests = b"" if self.then is None else b"".join(map(self.then.digest, rows.pairs))
        return Cleaned(rows.numbers, blocks, digests, reports)


class Phases(list[Phase]):
    """The phases of a recipe; called with a portion, they let it pass through the one that it is for."""

    def __call__(self, portion: Portion) -> Cleaned:
        """Cleans a portion.

        Raises:
            DataError: a line is not valid UTF-8.
        """
        return self[portion.phase](portion)


def make_phases(steps: Iterable[CleaningStep], evaluation: Mapping[str, Iterable[Pair]]) -> Phases:
    """Divides the steps of a recipe into phases. The evaluation sets are read.

    Pairs with a side that is empty, or that normalisation would leave empty, are always dropped, before all steps.

    Args:
        steps: the recipe's steps, in order.
        evaluation: the pairs of ``valid`` and ``test``; a set that is absent contaminates nothing.
    """
    steps = list(steps)
    compared: set[str] = {name for step in steps if step.decontaminate for name in step.decontaminate.against}
    digests = {name: EvaluationDigests(evaluation[name]) for name in sorted(compared) if name in evaluation}
    phases = Phases([Phase([Step(StepReport("empty"), EmptyFilter())])])
    for step in steps:
        report = StepReport(step.name, step.settings.model_dump(mode="json", exclude_none=True))
        if step.normalize is not None:
            phases[-1].steps.append(Step(report, Normalizer((step.normalize,))))
        elif step.deduplicate is not None:
            phases[-1].then = DeduplicateFilter(step.deduplicate)
            phases.append(Phase([Step(report, phases[-1].then)]))
        elif (judge := filter_of(step, digests)) is not None:
            phases[-1].steps.append(Step(report, judge))
    return phases


def _normalized(normalizer: Normalizer, pair: Pair, report: StepReport) -> Pair:
    source, target = normalizer(pair.source), normalizer(pair.target)
    changed = (source != pair.source) + (target != pair.target)
    report.changed += changed
    return Pair(source, target) if changed else pair


def _clip(text: str) -> str:
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[: _EXAMPLE_CHARACTERS - 3] + "..."
