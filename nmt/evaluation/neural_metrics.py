"""COMET (Rei et al. 2020) and BERTScore (Zhang et al. 2020): only with their packages, and models on this disk.

Nothing is downloaded: an environment variable names the model, and the signature says which one it was. COMET's package
wants another protobuf than TensorFlow does; ``nmt score`` needs no TensorFlow, so it may stand in an environment apart.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nmt.errors import UsageError
from nmt.evaluation.metrics import Floats, Lines, Metric, own_signature
from nmt.storage import sha256_of_file

MODEL_VARIABLES = {"comet": "NMT_COMET", "bertscore": "NMT_BERTSCORE"}
"""Environment variables: a checkpoint file of COMET, a folder with a model of Hugging Face's transformers."""

_MODULES = {"comet": "comet", "bertscore": "bert_score"}
_PACKAGES = {"comet": "unbabel-comet", "bertscore": "bert-score"}
_BATCH = 16


class NeuralMetric(Metric):
    """A metric that a neural network computes; statistics: its score in percent, that of the best reference, and 1.

    Args:
        name: comet or bertscore.
        references: lines of each reference.
        sources: their source, which COMET reads.

    Raises:
        UsageError: the package or the model is not there, or COMET has no source.
    """

    def __init__(self, name: str, references: Sequence[Lines], sources: Lines | None) -> None:
        self.name = name
        self._references, self._sources = references, sources
        if name == "comet" and sources is None:
            raise UsageError("comet: it compares with the source, too", action="Give the source: --source FILE")
        self._module = _module(name)
        self._path = _model_path(name)
        self._model: Any = None

    def statistics(self, hypotheses: Lines) -> Floats:
        """Returns the statistics of each segment [N, F]."""
        compare = self._comet if self.name == "comet" else self._bertscore
        best = np.max([compare(list(hypotheses), list(lines)) for lines in self._references], axis=0)
        return np.stack([100.0 * best, np.ones(len(best))], axis=1)

    def scores(self, sums: Floats) -> Floats:
        """Returns the scores [...] of summed statistics [..., F]."""
        return sums[..., 0] / sums[..., 1]

    def signature(self, samples: int = 0, seed: int = 0) -> str:
        """Returns the signature."""
        weights = self._path if self._path.is_file() else _weights(self._path)
        model = f"{self._path.stem}|sha256:{sha256_of_file(weights)[:12]}"
        if self.name == "bertscore":
            model += f"|layer:{_layer()}"
        package = f"{_PACKAGES[self.name]}-{version(_PACKAGES[self.name])}"
        return own_signature(len(self._references), samples, seed, model=model, package=package)

    def _comet(self, hypotheses: list[str], references: list[str]) -> Floats:
        if self._model is None:
            self._model = self._module.load_from_checkpoint(str(self._path))
        texts = zip(self._sources or (), hypotheses, references, strict=True)
        rows = [{"src": source, "mt": hypothesis, "ref": reference} for source, hypothesis, reference in texts]
        return np.array(self._model.predict(rows, batch_size=_BATCH, gpus=0, progress_bar=False).scores, np.float64)

    def _bertscore(self, hypotheses: list[str], references: list[str]) -> Floats:
        if self._model is None:
            self._model = self._module.BERTScorer(model_type=str(self._path), num_layers=_layer())
        return np.asarray(self._model.score(hypotheses, references)[2], np.float64)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(_MODULES[name])
    except ImportError as error:
        package = _PACKAGES[name]
        raise UsageError(
            f"{name}: its package is not installed", received=error, action=f"Install it: pip install {package}"
        ) from error


def _model_path(name: str) -> Path:
    variable = MODEL_VARIABLES[name]
    value = os.environ.get(variable)
    if value and Path(value).exists():
        return Path(value)
    kind = "checkpoint file of COMET" if name == "comet" else "folder of a transformers model"
    raise UsageError(
        f"{name}: its model is not on this disk",
        received=f"{variable}={value}" if value else f"no {variable}",
        expected=f"a {kind}",
        action=f"Set {variable} to it; nothing is downloaded",
    )


def _layer() -> int:
    """Returns the layer of BERTScore's model that is compared: NMT_BERTSCORE_LAYER, or 9, for most base models."""
    return int(os.environ.get("NMT_BERTSCORE_LAYER", "9"))


def _weights(folder: Path) -> Path:
    """Returns the file of a model's folder that its weights are in: the largest."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return max(files, key=lambda path: (path.stat().st_size, path.name))
