"""The trial of an exported model: sample lines are translated by it, in a process without nmt, and by the bundle."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nmt.decoding.translate import Translator
from nmt.errors import NmtError
from nmt.long_sources import Mode
from nmt.textio import as_line
from nmt.tokenizer import Tokenizer

# Blank lines, spaces and marks of many kinds, ligatures, combining marks, scripts, emoji.
ODD_LINES = (
    "",
    " \t\u00a0\u200b",
    "  two\u00a0 \u3000spaces\u2028and a line\u0085break\r",
    "\ufb01ve \uff21\uff22\uff23 \u2460 \u00bd x\u00b2 \u212b\u2026",
    "Cafe\u0301 a\u0323\u0301 \u1e9b\u0323 o\u0308",
    "soft\u00adhyphen \ufeffmark \u202eright to left\u202c non\u200djoiner",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631\u062d\u0628\u0627 \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2581\u2047 <unk> <s> </s> <pad>",
    "a\0b \x1c\x1f \\ \"quoted\" 'single' 100% 3.14 https://example.org",
)

_READER = """
import json, sys
import tensorflow as tf
import tensorflow_text

order = json.load(sys.stdin)
model = tf.saved_model.load(order["folder"])
assert "nmt" not in sys.modules
answers = [getattr(model, name)(tf.constant(order["lines"], tf.string)) for name in order["functions"]]
answers = [{key: value.numpy().tolist() for key, value in answer.items()} for answer in answers]
json.dump(answers, sys.stdout, default=bytes.decode)
"""


class Answer(NamedTuple):
    """What a line is answered by: a text and its score."""

    text: str
    score: float


_NO_SCORE = -1e8  # below it there is no translation

Answers = list[list[Answer]]
"""For each line, the best first."""


def sample_lines(tokenizer: Tokenizer, limit: int, mode: Mode) -> list[str]:
    """Returns lines of pieces of a vocabulary, drawn at random but always the same, and odd ones.

    Args:
        tokenizer: of the source.
        limit: most tokens of a source, EOS counted.
        mode: what is done to longer ones; unless they are refused, there are two of them.
    """
    generator = random.Random(1)
    pieces = list(tokenizer.scores)
    lengths = [1 + index % 16 for index in range(24)]
    drawn = ["".join(generator.choices(pieces, k=length)) for length in (*lengths, limit + 9)]
    sentences = ". Aa".join(drawn[: limit // 4])
    lines = [*(line.replace("\u2581", " ") for line in (*drawn, sentences)), *ODD_LINES]
    if mode == "error":
        encoded = tokenizer.encode(lines)
        lines = [line for line, ids in zip(lines, encoded, strict=True) if len(ids) < limit // 2]
    return lines


def bundle_answers(translator: Translator, lines: Sequence[str], hypotheses: int) -> Answers:
    """Returns what a bundle answers, at most so many translations of a line."""
    found = translator.translations(lines, hypotheses, details=False)
    return [[Answer(as_line(translation.text), translation.score) for translation in best] for best in found]


def saved_model_answers(folder: Path, functions: Sequence[str], lines: Sequence[str]) -> list[Answers]:
    """Returns what each function of a SavedModel answers in a process of its own, on a CPU.

    Raises:
        NmtError: that process failed.
    """
    order = {"folder": str(folder.resolve()), "functions": list(functions), "lines": list(lines)}
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _READER]
    result = subprocess.run(command, cwd=folder, env=environment, input=json.dumps(order).encode(), capture_output=True)
    if result.returncode:
        last = result.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise NmtError(
            "the exported model cannot be used",
            received=f"exit status {result.returncode}, {last}",
            expected="translations of sample lines, in a process that has only tensorflow and tensorflow_text",
        )
    return [read_answers(answer) for answer in json.loads(result.stdout)]


def check_same(function: str, lines: Sequence[str], expected: Answers, received: Answers) -> None:
    """Compares what a bundle and an exported model answer.

    Raises:
        NmtError: a text is another one, or a score is.
    """
    for line, theirs, ours in zip(lines, expected, received, strict=True):
        same = [answer.text for answer in theirs] == [answer.text for answer in ours]
        if not same or not all(
            math.isclose(a.score, b.score, rel_tol=1e-4, abs_tol=1e-4) for a, b in zip(theirs, ours, strict=True)
        ):
            raise NmtError(
                f"the exported model ({function}) does not answer as the bundle does, and was not kept; line {line!r}",
                received=ours,
                expected=theirs,
            )


def read_answers(answer: dict[str, Any], text: Callable[[Any], str] = str) -> Answers:
    """Returns what a function answers, from its outputs as lists; ``text`` is applied to each text."""
    if "translation" in answer:
        texts, scores = [[best] for best in answer["translation"]], [[best] for best in answer["score"]]
    else:
        texts, scores = answer["translations"], answer["scores"]
    return [
        [Answer(text(best), score) for best, score in zip(*row, strict=True) if score > _NO_SCORE]
        for row in zip(texts, scores, strict=True)
    ]
