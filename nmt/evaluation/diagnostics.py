"""Measures of what a model has learnt: numbers from texts, ids, histories and weights. No model is run here."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from nmt.config import TrainingConfig
from nmt.tokenizer import BOS, EOS, PAD, UNK, UNKNOWN_SURFACE

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Row = Mapping[str, Any]
Unit = TypeVar("Unit", bound=Hashable)

_BYTE = re.compile("<0x[0-9A-F]{2}>")
_NEAR_ZERO = 0.1  # of the median norm: rows of a table that is trained differ by a factor of 2 or 3
_SAME_DIRECTION = 0.999  # cosine: rows of different pieces are that close only where nothing told them apart
_COMPARED_ROWS = 4_000  # most rows that are compared with one another: the most frequent ones
_LATE = 0.8  # of the validations: those after it are the end of the training


# Ids


def piece_counts(ids: Iterable[Ints], vocab_size: int) -> Ints:
    """Returns how often each piece occurs [V]; PAD and BOS, which are never predicted, count as 0.

    Ids from V on, those of unknown words that are copied, count as UNK.
    """
    counts = np.zeros(vocab_size, np.int64)
    for array in ids:
        found = np.bincount(array, minlength=vocab_size)
        counts += found[:vocab_size]
        counts[UNK] += found[vocab_size:].sum()
    counts[[PAD, BOS]] = 0
    return counts


def unigram_cross_entropy(train_counts: Ints, valid_counts: Ints) -> float:
    """Returns the nats per token of validation targets, EOS counted, under the frequencies of the training targets.

    One is added to each count (Laplace), so that a piece that was never seen has a probability. This is the loss of a
    model that has learnt how frequent each piece is and nothing else.

    Args:
        train_counts, valid_counts: [V], of :func:`piece_counts`.
    """
    outcomes = len(train_counts) - 2  # all but PAD and BOS
    logs = np.log((train_counts + 1.0) / (train_counts.sum() + outcomes))
    return float(-(valid_counts * logs).sum() / valid_counts.sum())


def unknown_rate(ids: Ints, vocab_size: int | None = None) -> float:
    """Returns the share of the ids that are unknown pieces, or not in a vocabulary of V; 0 where there are no ids."""
    if not len(ids):
        return 0.0
    unknown = np.asarray(ids) == UNK
    return float((unknown if vocab_size is None else unknown | (np.asarray(ids) >= vocab_size)).mean())


def unused_share(pieces: Sequence[str], counts: Ints) -> float:
    """Returns the share of the pieces that never occur; special and byte pieces are not expected to."""
    expected = [index for index, piece in enumerate(pieces) if index > EOS and not _BYTE.fullmatch(piece)]
    return float((counts[expected] == 0).mean()) if expected else 0.0


def ngrams(sequence: Sequence[Unit], size: int) -> list[tuple[Unit, ...]]:
    """Returns all runs of ``size`` neighbours in a sequence, in order."""
    return list(zip(*(sequence[start:] for start in range(size)), strict=False))


def repetition_rate(sequences: Iterable[Sequence[Hashable]], size: int = 2) -> float:
    """Returns the share of n-grams that occurred before in the same sequence, over all sequences.

    Example: ``a b a b`` has the bigrams ab, ba, ab: one of three is a repetition.
    """
    total = distinct = 0
    for sequence in sequences:
        own = ngrams(sequence, size)
        total += len(own)
        distinct += len(set(own))
    return 1.0 - distinct / total if total else 0.0


# Texts


@dataclass(frozen=True)
class OutputMeasures:
    """Shares, 0 to 1, of the outputs for a set of sources; where two are given, the second is that of the references.

    Attributes:
        lines: sources that are not blank.
        empty: blank outputs.
        copies: outputs that equal their source, but for case and spaces at the ends.
        shared: sources whose output is also that of another source.
        repetition: bigrams of pieces that occurred before in the same line.
        length_ratio: pieces of the outputs per piece of the references.
        cut: outputs that are as long as the search allows; second: references that are longer than it allows. None
            where the lengths of the sources are not known.
        unknown: outputs with an unknown piece.
    """

    lines: int
    empty: tuple[float, float]
    copies: tuple[float, float]
    shared: tuple[float, float]
    repetition: tuple[float, float]
    length_ratio: float
    cut: tuple[float, float] | None
    unknown: tuple[float, float]


def measure_outputs(
    sources: Sequence[str],
    outputs: Sequence[str],
    references: Sequence[str],
    encode: Callable[[Sequence[str]], list[list[int]]],
    limits: Sequence[int] | None = None,
) -> OutputMeasures:
    """Measures what a model wrote for a set of sources; blank sources are left out.

    Args:
        sources, outputs, references: lines, side by side.
        encode: turns target lines into pieces.
        limits: of each source, the most pieces that the search writes.
    """
    kept = [index for index, source in enumerate(sources) if source.strip()]
    sources, outputs, references = ([texts[i] for i in kept] for texts in (sources, outputs, references))
    written, expected = encode(outputs), encode(references)
    cut = None
    if limits is not None:
        own = [limits[i] for i in kept]
        # Read again, a text may have a piece less than the search wrote.
        at_limit = _share(len(ids) >= 0.95 * limit for ids, limit in zip(written, own, strict=True))
        cut = at_limit, _share(len(ids) + 1 > limit for ids, limit in zip(expected, own, strict=True))
    return OutputMeasures(
        lines=len(kept),
        empty=(_share(not text.strip() for text in outputs), _share(not text.strip() for text in references)),
        copies=(copy_share(sources, outputs), copy_share(sources, references)),
        shared=(shared_output_share(sources, outputs), shared_output_share(sources, references)),
        repetition=(repetition_rate(written), repetition_rate(expected)),
        length_ratio=sum(map(len, written)) / max(1, sum(map(len, expected))),
        cut=cut,
        unknown=(
            _share(UNKNOWN_SURFACE in text for text in outputs),
            _share(UNKNOWN_SURFACE in text for text in references),
        ),
    )


def copy_share(sources: Sequence[str], outputs: Sequence[str]) -> float:
    """Returns the share of outputs that equal their source, but for case and spaces at the ends."""
    return _share(_plain(source) == _plain(output) for source, output in zip(sources, outputs, strict=True))


def shared_output_share(sources: Sequence[str], outputs: Sequence[str]) -> float:
    """Returns the share of different sources whose output, where it is not blank, is also that of another source."""
    askers: defaultdict[str, set[str]] = defaultdict(set)
    for source, output in zip(sources, outputs, strict=True):
        if output.strip():
            askers[_plain(output)].add(_plain(source))
    different = {_plain(source) for source in sources}
    sharing = set().union(*(group for group in askers.values() if len(group) > 1))
    return len(sharing) / len(different) if different else 0.0


def _plain(text: str) -> str:
    return text.strip().casefold()


def _share(truths: Iterable[bool]) -> float:
    values = list(truths)
    return sum(values) / len(values) if values else 0.0


# The history of a training


@dataclass(frozen=True)
class CurveMeasures:
    """What the history of a training shows.

    Attributes:
        best_at: when the best validation was, as a share of all steps.
        late_gain: what the last fifth of the validations added to the best score, as a share of it; None where there
            are fewer than five.
        rise: how much the validation loss rose from its lowest value to the last, as a share of the lowest.
        gap: nats per token from the last training losses to the last validation loss; None without training rows,
            and where the training loss is the risk. Smoothing and dropout make the training loss larger, so a large gap
            is never their doing.
        skipped: steps whose gradient was not finite, each of which halved the learning rate.
        valid_loss: of the best validation, nats per token.
    """

    best_at: float
    late_gain: float | None
    rise: float
    gap: float | None
    skipped: int
    valid_loss: float


def measure_curve(rows: Sequence[Row], config: TrainingConfig, planned: Callable[[int], float]) -> CurveMeasures | None:
    """Reads the history of a training; None where no validation gave a finite loss and score.

    Args:
        rows: of ``history.jsonl``: training rows with ``loss``, validation rows with ``valid_loss``.
        config: the ``training`` section.
        planned: the learning rate of a step by the schedule alone.
    """
    validations = [row for row in rows if "valid_loss" in row and _is_finite(row, config)]
    if not validations:
        return None
    scores = [_selected(row, config) for row in validations]
    losses = [float(row["valid_loss"]) for row in validations]
    best = scores.index(max(scores))
    early = math.floor(_LATE * len(scores))
    late_gain = None
    if early >= 4:
        late_gain = (max(scores) - max(scores[:early])) / max(abs(max(scores)), 1e-9)
    last_epoch = [float(row["loss"]) for row in rows if "loss" in row and row.get("epoch") == validations[-1]["epoch"]]
    if config.risk is not None:
        last_epoch = []
    return CurveMeasures(
        best_at=validations[best]["step"] / max(row["step"] for row in rows),
        late_gain=late_gain,
        rise=losses[-1] / max(min(losses), 1e-9) - 1.0,
        gap=losses[-1] - sum(last_epoch) / len(last_epoch) if last_epoch else None,
        skipped=skipped_steps(rows, config, planned),
        valid_loss=losses[best],
    )


def skipped_steps(rows: Sequence[Row], config: TrainingConfig, planned: Callable[[int], float]) -> int:
    """Counts the steps whose gradient was not finite, up to the last training row, from the learning rates.

    The loop halves the learning rate for each of them. It also lowers it after validations without a better score,
    which are played again here; what is missing then is the skipped steps' doing.
    """
    scale, best, since, halvings = 1.0, -math.inf, 0, 0
    for row in rows:
        if "valid_loss" in row:
            better = _is_finite(row, config) and _selected(row, config) > best
            best, since = (_selected(row, config), 0) if better else (best, since + 1)
            if since >= config.plateau_patience:
                scale, since = scale * config.plateau_factor, 0
        elif row.get("learning_rate"):
            halvings = max(halvings, round(math.log2(planned(row["step"]) * scale / row["learning_rate"])))
    return halvings


def _selected(row: Row, config: TrainingConfig) -> float:
    return -float(row["valid_loss"]) if config.select_on == "loss" else float(row[config.select_on])


def _is_finite(row: Row, config: TrainingConfig) -> bool:
    return math.isfinite(row["valid_loss"]) and math.isfinite(_selected(row, config))


# Weights


class TableMeasures(NamedTuple):
    """Shares of the rows of an embedding matrix, 0 to 1: see :func:`measure_table`."""

    near_zero: float
    unmoved: float | None
    double: float


def measure_table(table: Floats, counts: Ints | None = None, initial: Floats | None = None) -> TableMeasures:
    """Measures the rows of an embedding matrix.

    Args:
        table: [V, E].
        counts: how often each piece was seen in training [V]; only rows that were seen are measured. None: all rows.
        initial: the matrix before training [V, E]; None where it is not known.

    Returns:
        The share of rows whose norm is below a tenth of the median; of rows that are as they were before training, to
        rounding; and of rows, among the most frequent 4,000, that point in the same direction as another.
    """
    seen = np.flatnonzero(counts) if counts is not None else np.arange(len(table))
    if not len(seen):
        return TableMeasures(0.0, None, 0.0)
    rows = np.asarray(table, np.float64)[seen]
    norms = np.linalg.norm(rows, axis=1)
    near_zero = float((norms <= _NEAR_ZERO * np.median(norms)).mean())
    unmoved = None
    if initial is not None:
        unmoved = float((np.abs(rows - initial[seen]).max(axis=1) <= 1e-5 * np.abs(initial).max()).mean())
    chosen = np.argsort(-counts[seen], kind="stable")[:_COMPARED_ROWS] if counts is not None else slice(_COMPARED_ROWS)
    directions = (rows / np.maximum(norms, 1e-30)[:, None])[chosen]
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, 0.0)
    return TableMeasures(near_zero, unmoved, float((cosines.max(axis=1) > _SAME_DIRECTION).mean()))


def faulty_weights(weights: Mapping[str, Floats]) -> list[str]:
    """Returns the names of the weights that are not finite, and of the matrices that are all zero."""
    return [
        name
        for name, array in weights.items()
        if not np.isfinite(array).all() or (array.ndim > 1 and array.size and not array.any())
    ]


# Attention


class AttentionMeasures(NamedTuple):
    """Means over sentences, 0 to 1: see :func:`measure_attention`."""

    entropy: float
    spread: float
    on_end: float


def measure_attention(sentences: Iterable[Floats]) -> AttentionMeasures | None:
    """Measures the attention weights of sentences, each [T, S] without padding; those of one step do not count.

    Returns:
        None where no sentence is left, else means over the sentences:
        ``entropy``, that of each step relative to uniform attention (1: every position alike; 0: one position);
        ``spread``, the entropy of the mean over the steps, relative to the most that the lengths allow (0: all steps
        look at the same position); ``on_end``, the share of the weight on the last position, the source's EOS.
    """
    values = []
    for weights in sentences:
        steps, positions = weights.shape
        if steps < 2 or positions < 2:
            continue
        # A window's bell takes weight away.
        rows = np.asarray(weights, np.float64) / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)
        entropy = _entropy(rows).mean() / math.log(positions)
        spread = _entropy(rows.mean(axis=0)) / math.log(min(steps, positions))
        values.append((float(entropy), min(1.0, float(spread)), float(rows[:, -1].mean())))
    return AttentionMeasures(*np.mean(values, axis=0).tolist()) if values else None


def _entropy(probabilities: Floats) -> Floats:
    """Returns the entropy in nats over the last axis."""
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))
    return np.asarray(-(probabilities * logs).sum(axis=-1))
