"""The forecast of a run: tokens and steps, memory, disk and time, from the text at hand and a probe of a few steps.

Where the corpus is encoded already, or small, tokens and steps are counted as training will count them; otherwise they
are estimated from a sample. Times are those of this machine as busy as it is now. Nothing is downloaded, and nothing in
the workspace is changed.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from nmt import textio
from nmt.config import Recipe, TrainingConfig
from nmt.dataset import EncodedCorpus
from nmt.decoding.minimum_bayes_risk import expected_scores
from nmt.errors import NmtError
from nmt.evaluation.metrics import MetricOptions, text_metrics
from nmt.evaluation.scores import score_lines
from nmt.pipeline.epoch import Epoch, largest, plan_batches, spread
from nmt.pipeline.plan import PlannedStage
from nmt.pipeline.sample import Sample, missing_files, pairs_of_cards, take_sample
from nmt.pipeline.stage import SYNTHESIZE, side_files
from nmt.pipeline.workspace import Workspace
from nmt.storage import nearest_folder
from nmt.terminal import load_tensorflow
from nmt.tokenizer import TokenizerPair
from nmt.training.measured import Measured, Probe
from nmt.training.subword_sampling import sampled_sides

_PROBED_BATCHES = 8
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class StageForecast:
    """What a stage that will run needs: bytes of its artifact, seconds, and where these are from."""

    stage: str
    bytes: int | None
    seconds: float | None
    basis: str


@dataclass(frozen=True)
class Forecast:
    """What ``nmt plan`` says of a run before it starts.

    Attributes:
        basis: the text that it is computed from.
        counted: whether tokens and steps are exact; otherwise they are an estimate.
        text_pairs: training pairs before cleaning.
        epoch: one epoch.
        epochs: ``training.max_epochs``.
        parameters: numbers in the model's weights.
        training_bytes: of weights, gradients, optimizer and averages.
        peak_bytes: most resident memory of training, measured; None where the system does not say.
        largest_batch: rows, source tokens and target tokens of the batch that it was measured with.
        scratch_bytes: most that checkpoints take on the disk while training runs.
        free_bytes: on the disk of the workspace.
        stages: those that will run.
    """

    basis: str
    counted: bool
    text_pairs: int
    epoch: Epoch
    epochs: int
    parameters: int
    training_bytes: int
    peak_bytes: int | None
    largest_batch: tuple[int, int, int]
    scratch_bytes: int
    free_bytes: int
    stages: list[StageForecast]

    @property
    def seconds(self) -> float:
        """Of all stages, at most: training may stop early."""
        return sum(stage.seconds or 0.0 for stage in self.stages)

    @property
    def bytes(self) -> int:
        """Of all artifacts that the run adds."""
        return sum(stage.bytes or 0 for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """Returns the forecast as JSON values."""
        return asdict(self) | {"steps": self.epoch.steps * self.epochs, "seconds": self.seconds, "bytes": self.bytes}


@dataclass(frozen=True)
class NotYet:
    """What can be said while the text is not at hand.

    Attributes:
        missing: size in bytes of each file that is to be downloaded, None where the card does not say it.
        text_pairs: training pairs as the cards say; None where they do not.
        stage: the stage that brings the text.
    """

    missing: dict[str, int | None]
    text_pairs: int | None
    stage: str = "fetch"

    @property
    def known_bytes(self) -> int:
        """Bytes to download, as far as the cards say."""
        return sum(size or 0 for size in self.missing.values())

    def to_json(self) -> dict[str, Any]:
        """Returns what is known as JSON values."""
        return {"download": self.missing, "download_bytes": self.known_bytes, "text_pairs": self.text_pairs}


def make_forecast(
    plan: Sequence[PlannedStage], recipe: Recipe, workspace: Workspace, say: Callable[[str], None]
) -> Forecast | NotYet:
    """Forecasts a run that trains.

    Args:
        plan: the stages, ``train`` among those that will run.
        recipe, workspace: as for the run.
        say: shows one line to the person who waits.

    Raises:
        DataError: the text is wrong, as the run would find.
        NmtError: the probe failed.
    """
    own = [planned for planned in plan if planned.label == planned.stage.name]  # without the teachers' stages
    waiting = {planned.label for planned in own if planned.reasons}
    missing = missing_files(recipe, workspace.corpora) if "fetch" in waiting else {}
    if missing or SYNTHESIZE in waiting:
        return NotYet(missing, pairs_of_cards(recipe), SYNTHESIZE if SYNTHESIZE in waiting else "fetch")
    with tempfile.TemporaryDirectory(prefix="nmt-plan-") as temporary:
        say("forecast: reading the text" + ("" if "encode" in waiting else " as it is encoded"))
        sample = take_sample(own, recipe, workspace, Path(temporary))
        corpus, folder = _training_corpus(recipe, sample, Path(temporary) / "segmented")
        encoded = json.loads((sample.folders["encode"] / "train.json").read_bytes())["parts"]
        parts = [round(count * part.scale) for count, part in zip(encoded, sample.parts, strict=True)]
        planned = plan_batches(recipe, corpus, encoded, parts)
        chosen = [largest(planned.shapes), *spread(planned.shapes, _PROBED_BATCHES)]
        say("forecast: timing a few steps of training (TensorFlow starts)")
        batches = [planned.rows[index] for index in chosen]
        vocab_size = recipe.tokenizer.vocab_size if sample.vocabulary_is_smaller else None
        folders = folder, sample.folders["encode"], sample.folders["tokenizer"]
        measured = run_probe(Probe(recipe, *folders, vocab_size, batches), Path(temporary))
        dataset, epoch = recipe.dataset, planned.epoch()
        rows, source, target = (int(size) for size in planned.shapes[chosen[0]])
        return Forecast(
            basis=_basis(sample),
            counted=sample.whole and not (dataset.mix or dataset.curriculum or dataset.subword_sampling),
            text_pairs=sample.train.total,
            epoch=epoch,
            epochs=recipe.training.max_epochs,
            parameters=measured.weights,
            training_bytes=training_bytes(measured.weights, measured.trainable, recipe.training),
            peak_bytes=_peak_bytes(measured, corpus, sum(parts)),
            largest_batch=(rows, source, target),
            scratch_bytes=scratch_bytes(measured.weights, measured.trainable, recipe.training),
            free_bytes=shutil.disk_usage(nearest_folder(workspace.root)).free,
            stages=_stages(waiting, recipe, sample, measured, epoch),
        )


def _training_corpus(recipe: Recipe, sample: Sample, temporary: Path) -> tuple[EncodedCorpus, Path]:
    """Returns the training pairs at hand, segmented as in the first epoch, and the folder that they are in."""
    folder = sample.folders["encode"]
    corpus = EncodedCorpus.load(folder, "train")
    corpus.check_features(recipe.model.encoder.features, "corpora.train has other vectors than the model")
    if recipe.dataset.subword_sampling:
        tokenizers = TokenizerPair.load(sample.folders["tokenizer"])
        clean = side_files(sample.folders["clean"], "train")
        source, target = sampled_sides(tokenizers, clean, corpus, recipe.dataset.subword_sampling)
        corpus = EncodedCorpus(source.sample("source"), target.sample("target"), corpus.lines)
        temporary.mkdir()
        corpus.save(temporary, "train")
        folder = temporary
    return corpus, folder


def training_bytes(weights: int, trainable: int, config: TrainingConfig) -> int:
    """Returns the bytes of weights, and of gradients, an average and the optimizer's moments of those trained."""
    gradients = 2 if config.accumulate > 1 else 1
    return _FLOAT_BYTES * (weights + trainable * (gradients + 1 + _moments(config)))


def checkpoint_bytes(weights: int, trainable: int, config: TrainingConfig) -> int:
    """Returns the bytes of a checkpoint: the weights, and an average and moments of those trained."""
    return _FLOAT_BYTES * (weights + trainable * (1 + _moments(config)))


def scratch_bytes(weights: int, trainable: int, config: TrainingConfig) -> int:
    """Returns the bytes that training writes, at most: three checkpoints while the oldest is replaced, and candidates.

    Candidates are the weights of the best steps, and of those that the checkpoint before names and that go with it.
    """
    kept = config.average_checkpoints + (config.average_which == "last")
    return 3 * checkpoint_bytes(weights, trainable, config) + _FLOAT_BYTES * weights * (kept + 2)


def validations(steps_per_epoch: int, config: TrainingConfig) -> int:
    """Returns how often a training that does not stop early is validated, the mean of its checkpoints included."""
    mean_of_checkpoints = 1 if config.average_checkpoints > 1 else 0
    if config.validate_every:
        return max(1, steps_per_epoch * config.max_epochs // config.validate_every) + mean_of_checkpoints
    return config.max_epochs + mean_of_checkpoints


def training_seconds(epoch: Epoch, measured: Measured, validation_seconds: float, config: TrainingConfig) -> float:
    """Returns the seconds of a training that does not stop early."""
    # The first batch of a probe is there for its memory only.
    steps = epoch.batches * config.max_epochs * mean(measured.batch_seconds[1:])
    return measured.start_seconds + steps + validations(epoch.steps, config) * validation_seconds


def _moments(config: TrainingConfig) -> int:
    return 0 if config.optimizer == "sgd" else 2


def _peak_bytes(measured: Measured, corpus: EncodedCorpus, pairs: int) -> int | None:
    """Returns the probe's memory, and that of the pairs that the probe did not have: training holds all ids."""
    if measured.peak_bytes is None:
        return None
    held = corpus.source.ids.nbytes + corpus.target.ids.nbytes
    return measured.peak_bytes + round(held * (pairs / len(corpus) - 1.0))


def _basis(sample: Sample) -> str:
    if not sample.seconds:
        return "the encoded corpus"
    return "all of the text" if sample.whole else f"a sample of {sample.train.taken:,}"


def _stages(waiting: set[str], recipe: Recipe, sample: Sample, measured: Measured, epoch: Epoch) -> list[StageForecast]:
    """Returns bytes and seconds of the stages that will run, in their order."""
    basis = "all of the text" if sample.whole else "the sample, scaled"
    rows = []
    for stage in ("fetch", "clean", "tokenizer", "encode"):
        if stage in waiting:
            scale = 1.0 if stage == "tokenizer" and sample.whole else sample.train.scale
            rows.append(StageForecast(stage, sample.bytes_in_all(stage), sample.seconds[stage] * scale, basis))
    references = list(textio.read_lines(side_files(sample.folders["fetch"], "valid")[1]))
    scoring = _scoring_seconds(references, ["bleu", "chrf", "exact"], recipe, 0)
    validation = (measured.loss_seconds + measured.greedy_seconds + scoring) * sample.shares["valid"].scale
    training = training_seconds(epoch, measured, validation, recipe.training)
    bundle = _FLOAT_BYTES * measured.weights + sample.bytes_in_all("tokenizer")
    steps = f"{len(measured.batch_seconds) - 1} batches, a validation"
    rows.append(StageForecast("train", bundle, training, steps))
    tests = sample.test_lines
    scale = tests / max(len(references), 1)
    if "translate" in waiting:
        searching = measured.beam_seconds + measured.loss_seconds + _comparing_seconds(references, recipe)
        seconds = measured.beam_start_seconds + scale * searching
        size = round(scale * sum(len(textio.encode_line(line)) for line in references))
        rows.append(StageForecast("translate", size, seconds, f"{tests:,} lines, a search"))
    if "evaluate" in waiting:
        metrics = text_metrics(recipe.evaluation.metrics)
        seconds = _scoring_seconds(references, metrics, recipe, recipe.evaluation.bootstrap_samples) * scale
        rows.append(StageForecast("evaluate", None, seconds, f"{tests:,} lines, the metrics"))
    if "examine" in waiting:
        rows.append(StageForecast("examine", None, None, "not measured; some seconds"))
    if "record" in waiting:
        rows.append(StageForecast("record", 2 * bundle, None, "computed; a few seconds"))
    return rows


def _comparing_seconds(lines: list[str], recipe: Recipe) -> float:
    """Returns the seconds of comparing the outputs of so many sources, for minimum Bayes risk decoding."""
    wanted = recipe.decoding.minimum_bayes_risk
    if wanted is None or not lines:
        return 0.0
    alike = [lines[place] for place in np.linspace(0, len(lines) - 1, wanted.candidates).astype(int)]
    for _ in range(2):  # the first time starts the metric
        began = time.monotonic()
        expected_scores(alike, wanted.metric, MetricOptions.of(recipe.evaluation))
        seconds = time.monotonic() - began
    return seconds * len(lines)


def _scoring_seconds(lines: list[str], metrics: Sequence[str], recipe: Recipe, bootstrap_samples: int) -> float:
    """Returns the seconds of scoring so many lines; those of starting the metrics are left out."""
    seconds = 0.0
    for scored in (lines[:2], lines):
        began = time.monotonic()
        if metrics:
            score_lines(
                scored,
                [scored],
                metrics,
                MetricOptions.of(recipe.evaluation),
                bootstrap_samples=bootstrap_samples,
                sources=scored,
            )
        seconds = time.monotonic() - began
    return seconds


def run_probe(probe: Probe, temporary: Path) -> Measured:
    """Measures in a process of its own, so that its memory is measured alone, and given back.

    Args:
        probe: what to measure.
        temporary: a folder for files of the process, of which TensorFlow leaves some when it is ended.

    Raises:
        NmtError: the probe failed, or its process was killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(probe, temporary, sender), daemon=True)
    process.start()
    sender.close()
    try:
        answer = receiver.recv()
    except EOFError:
        process.join()
        raise NmtError(
            "the probe of a few training steps died",
            received=f"exit code {process.exitcode}",
            expected="enough memory for the largest batch, if it was killed (exit code -9)",
            action="Lower dataset.tokens_per_batch or make the model smaller; --no-forecast leaves the probe out",
        ) from None
    finally:
        process.terminate()
        process.join()
    if isinstance(answer, NmtError):
        raise answer
    measured: Measured = answer
    return measured


def _answer(probe: Probe, temporary: Path, sender: Connection) -> None:
    """Runs in the new process. Ctrl-C is the parent's to obey, which then ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = str(temporary)
    began = time.monotonic()
    load_tensorflow()
    from nmt.training.probe import measure

    loading = time.monotonic() - began
    try:
        measured = measure(probe)
        sender.send(replace(measured, start_seconds=measured.start_seconds + loading))
    except NmtError as error:
        sender.send(error)
