"""A board as one HTML page that needs nothing else: no server, no network, no other file.

Its style and its scripts lie in ``static``. What people and systems wrote reaches the page as data alone, which the
scripts show as text. Texts and scores of sentences are packed (deflate, base64), and unpacked when they are looked at.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from nmt.evaluation.metrics import LOWER_IS_BETTER, METRICS, MetricOptions
from nmt.leaderboard.analysis import LEVEL, Bucket, Standing, by_frequency, length_unit
from nmt.leaderboard.board import Board
from nmt.leaderboard.comparison import describe, scores_of
from nmt.leaderboard.page import render_page
from nmt.leaderboard.records import Record
from nmt.leaderboard.texts import Text

_SCRIPTS = ("core.js", "charts.js", "compare.js", "board.js")


def as_page(board: Board) -> str:
    """Returns the board as one static HTML page."""
    packed = _Packed()
    tests = [_test(board, name, packed) for name in dict.fromkeys(test for test, _ in board.comparison.columns)]
    data = {
        "level": LEVEL,
        "systems": [_system(board, record) for record in board.records],
        "tests": tests,
        "notes": [f"{mark} {text}" for mark, text in board.comparison.notes],
        "problems": board.problems,
    }
    first = board.comparison.columns[0] if board.comparison.columns else None
    plain = []
    for rank, record in board.ranked():
        score = scores_of(record).get(first) if first else None
        plain.append((rank, record.system, score.format_value() if score else ""))
    values = {
        "name": board.name,
        "order": describe(first) if first else "",
        "plain": plain,
        "data": data,
        "packed": packed.contents,
    }
    script = "\n".join(map(_static, _SCRIPTS))
    title = f"Leaderboard {board.name}"
    return render_page(title, _static("board.html"), values, style=_static("board.css"), script=script)


class _Packed:
    """Values that the page unpacks when they are wanted, each once."""

    def __init__(self) -> None:
        self.contents: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def add(self, value: Any) -> str:
        """Packs a value as JSON and returns its key."""
        key = f"packed-{len(self.contents)}"
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        content = zlib.compress(text.encode("utf-8", "replace"), 9)
        self.contents[key] = base64.b64encode(content).decode("ascii")
        return key

    def add_text(self, text: Text) -> str:
        """Packs the lines of a text and returns its key."""
        if text.digest not in self._texts:
            self._texts[text.digest] = self.add(text.lines)
        return self._texts[text.digest]


def _static(name: str) -> str:
    return files("nmt.leaderboard").joinpath("static", name).read_text(encoding="utf-8")


def _system(board: Board, record: Record) -> dict[str, Any]:
    scores: dict[str, dict[str, Any]] = {}
    for column, score in scores_of(record).items():
        test, metric = column
        shown = {"value": score.value, "low": score.low, "high": score.high}
        scores.setdefault(test, {})[metric] = shown | {"mark": board.comparison.mark(record, column, score)}
    digests = [("record", record.digest), ("run", record.run_digest), ("recipe", record.recipe_digest)]
    digests.append(("bundle", record.bundle_digest))
    digests += [(f"test set {test}", digest) for test, digest in record.test_digests.items()]
    digests += [(f"hypotheses of {test}", digest) for test, digest in record.hypothesis_digests.items()]
    digests += [(f"trained on {name}", digest) for name, digest in record.training_digests.items()]
    return {
        "id": record.digest[:12],
        "name": record.system,
        "origin": record.origin,
        "time": record.time,
        "languages": record.languages,
        "seed": record.seed,
        "version": record.version,
        "parameters": record.parameters,
        "minutes": None if record.training_seconds is None else record.training_seconds / 60,
        "speed": record.words_per_second,
        "overlap": record.overlap,
        "recipe": record.recipe or None,
        "digests": [(name, digest) for name, digest in digests if digest],
        "scores": scores,
    }


def _test(board: Board, name: str, packed: _Packed) -> dict[str, Any]:
    """Returns what the page knows of a test set: its columns, its texts, and words by frequency."""
    metrics = [metric for test, metric in board.comparison.columns if test == name]
    standings = {metric: board.analysis.standing((name, metric)) if board.analysis else None for metric in metrics}
    standing = next(filter(None, standings.values()), None)
    languages = next((record.languages for record in board.records if name in record.scores and record.languages), "")
    base, _, reference = name.rpartition("/")
    found: dict[str, Any] = {
        "name": name,
        "label": f"{base}, {'all references' if reference == 'all' else f'reference {reference}'}" if base else name,
        "languages": languages,
        "target": languages.rpartition("-")[2],
        "digest": board.comparison.bases[name, metrics[0]][1],
        "columns": [_column(board, name, metric, standings[metric], packed) for metric in metrics],
        "lines": 0,
        "source": None,
        "references": [],
        "hypotheses": {},
        "unit": "words",
        "frequency": [],
        "frequencyOrder": [],
    }
    if standing is None:
        return found
    tokenize = _tokenizer(board.comparison.bases.get((name, "bleu"), ("", ""))[0], found["target"])
    record = board.records[standing.systems[0]]
    return found | {
        "lines": len(standing.source.lines),
        "source": packed.add_text(standing.source),
        "references": [
            {"name": key, "key": packed.add_text(text)}
            for key, text in zip(record.reference_digests[name], standing.references, strict=True)
        ],
        "hypotheses": {
            index: packed.add_text(text) for index, text in zip(standing.systems, standing.hypotheses, strict=True)
        },
        "unit": length_unit(standing.source.lines),
        "frequency": _buckets(by_frequency(standing.references[0], standing.hypotheses, tokenize)),
        "frequencyOrder": standing.systems,
    }


def _column(board: Board, test: str, metric: str, standing: Standing | None, packed: _Packed) -> dict[str, Any]:
    column = (test, metric)
    places = {id(record): index for index, record in enumerate(board.records)}
    ranks = {places[id(record)]: rank for rank, record in board.ranked(column) if rank is not None}
    found: dict[str, Any] = {
        "metric": metric,
        "label": METRICS.get(metric, metric),
        "lower": metric in LOWER_IS_BETTER,
        "ranks": ranks,
        "tested": board.is_tested(column),
        "signature": board.comparison.shown[column],
        "order": [],
        "p": [],
        "length": [],
        "sentences": {},
    }
    if standing is None:
        return found
    p_values = standing.p_values.round(4).tolist()
    sentences = [np.rint(10 * scores).astype(int).tolist() for scores in standing.sentence_scores()]
    return found | {
        "order": standing.systems,
        "p": [row[:number] for number, row in enumerate(p_values)],
        "length": _buckets(standing.by_length()),
        "sentences": {index: packed.add(scores) for index, scores in zip(standing.systems, sentences, strict=True)},
    }


def _buckets(buckets: Sequence[Bucket]) -> list[dict[str, Any]]:
    return [{**bucket._asdict(), "values": [round(value, 2) for value in bucket.values]} for bucket in buckets]


def _tokenizer(signature: str, language: str) -> Callable[[str], list[str]]:
    """Returns what splits lines into words: BLEU's own tokenizer, or characters for languages without spaces."""
    from sacrebleu.metrics import BLEU

    if signature:
        tokenize = BLEU(tokenize=MetricOptions.of_signature(signature).tokenize).tokenizer
        return lambda line: str(tokenize(line)).split()
    if re.match("zh|ja|th", language):
        return lambda line: [character for character in line if not character.isspace()]
    return str.split
