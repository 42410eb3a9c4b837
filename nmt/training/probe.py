"""The probe: a few real training steps and searches, timed, that leave nothing behind but figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.dataset import EncodedCorpus, batches
from nmt.decoding.batches import length_batches
from nmt.decoding.decoder import BatchDecoder
from nmt.decoding_config import DecodingConfig
from nmt.errors import NmtError
from nmt.models.seq2seq import Seq2Seq
from nmt.tokenizer import EOS, TokenizerPair
from nmt.training.distribution import AnyBatch
from nmt.training.inspection import sample
from nmt.training.loop import Trainer
from nmt.training.measured import Measured, Probe
from nmt.training.step import StepResult
from nmt.training.validation import CorpusLoss

_SECONDS = 5.0  # steps are repeated for so long
_REPETITIONS = 10  # at most
_VALID_PAIRS = 500  # pairs that the loss is timed with
_SEARCHES = 3  # batches that search is timed with
_EOS_BIAS = -30.0


def measure(probe: Probe) -> Measured:
    """Times training steps and searches of a new model.

    The learning rate is 0, so all steps are of the same weights, and EOS is made unlikely, so that searches are as long
    as those of a trained model.

    Raises:
        NmtError: the accelerator has too little memory.
    """
    try:
        with TemporaryDirectory() as scratch:
            return _measure(probe, Path(scratch))
    except tf.errors.ResourceExhaustedError as error:
        raise NmtError(
            "the probe of a few training steps does not fit into memory",
            received=str(error).partition("\n")[0],
            action="Lower dataset.tokens_per_batch or make the model smaller",
        ) from error


def _measure(probe: Probe, scratch: Path) -> Measured:
    models: list[Seq2Seq] = []

    def prepare(model: Seq2Seq) -> None:
        models.append(model)
        if model.generates:
            model.output_bias.assign(tf.one_hot(EOS, model.target_vocab_size) * _EOS_BIAS)

    began = time.monotonic()
    corpus, valid = EncodedCorpus.load(probe.train, "train"), EncodedCorpus.load(probe.valid, "valid")
    tokenizers: Any = TokenizerPair.load(probe.tokenizers)
    if probe.vocab_size is not None:
        larger = SimpleNamespace(vocab_size=probe.vocab_size)
        tokenizers = SimpleNamespace(source=larger, target=larger)
    # Alignments are learned from the whole training set; what they add to a step is not felt.
    training = probe.recipe.training.model_copy(update={"guided_alignment": None})
    decoding = _as_long_as(valid, probe.recipe.decoding)
    recipe = probe.recipe.model_copy(update={"decoding": decoding, "training": training})
    unused: Any = None  # the data of whole epochs and the validation, which a step does not need
    trainer = Trainer(recipe, tokenizers, unused, unused, scratch, prepare)
    (model,) = models
    accumulate = recipe.training.accumulate
    # A step of equal batches: what it takes is shared among them.
    steps = [partial(still_step, trainer, [batch] * accumulate) for batch in batches(corpus, probe.batches)]
    steps[0]()
    start = time.monotonic() - began
    batch_seconds = [seconds / accumulate for seconds in _repeated(steps)]
    loss_start, loss = _loss_seconds(model, valid, recipe.dataset.tokens_per_batch)
    greedy_start, greedy = _search_seconds(model, valid, recipe.decoding.greedy())
    beam_start = beam = 0.0
    if recipe.corpora.test:
        beam_start, beam = _search_seconds(model, valid, recipe.decoding)
    return Measured(
        weights=sum(int(np.prod(weight.shape)) for weight in model.weights),
        trainable=sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        start_seconds=start + loss_start + greedy_start,
        batch_seconds=batch_seconds,
        loss_seconds=loss,
        greedy_seconds=greedy,
        beam_seconds=beam,
        beam_start_seconds=beam_start,
        peak_bytes=_peak_bytes(),
    )


def _as_long_as(corpus: EncodedCorpus, config: DecodingConfig) -> DecodingConfig:
    """Returns limits that make outputs about as long as the references of a corpus: there a trained model ends."""
    ratio = len(corpus.target.ids) / len(corpus.source.ids)
    limits: dict[str, Any] = {
        "wished_length": None,
        "max_length_ratio": min(config.max_length_ratio, ratio),
        "max_length_extra": min(config.max_length_extra, 2),
    }
    return config.model_copy(update=limits)


def still_step(trainer: Trainer, group: Sequence[AnyBatch]) -> StepResult:
    """Takes one training step that changes no weight: of the last ones, which may know coverage and are slower then."""
    return trainer._step.take(group, (trainer._config.coverage_after or 0) + 1, 0.0)


def _repeated(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Returns the mean seconds of each call, made in turn, so that a busy moment falls on all of them."""
    seconds: list[list[float]] = [[] for _ in calls]
    began = time.monotonic()
    while len(seconds[0]) < _REPETITIONS and (not seconds[0] or time.monotonic() - began < _SECONDS):
        for times, call in zip(seconds, calls, strict=True):
            before = time.monotonic()
            call()
            times.append(time.monotonic() - before)
    return [mean(times) for times in seconds]


def _loss_seconds(model: Seq2Seq, corpus: EncodedCorpus, tokens_per_batch: int) -> tuple[float, float]:
    """Returns the seconds that the first measurement of the loss takes longer, and those of the whole corpus."""
    chosen = sample(corpus, _VALID_PAIRS)
    loss = CorpusLoss(chosen, tokens_per_batch)
    seconds = []
    for _ in range(2):
        began = time.monotonic()
        loss.measure(model)
        seconds.append(time.monotonic() - began)
    return max(0.0, seconds[0] - seconds[1]), seconds[1] * len(corpus) / len(chosen)


def _search_seconds(model: Seq2Seq, corpus: EncodedCorpus, config: DecodingConfig) -> tuple[float, float]:
    """Returns the seconds of the first search, which traces it, and those of the whole corpus afterwards."""
    decoder = BatchDecoder(model, config)
    sources = corpus.source.rows()
    rows = config.for_outputs(config.candidates).beam_size
    found = [chosen for chosen, _ in length_batches(sources, config.tokens_per_batch // rows)]
    began = time.monotonic()
    decoder.decode([sources[index] for index in found[0]], config.candidates)
    first = time.monotonic() - began
    chosen = [found[index] for index in np.unique(np.linspace(0, len(found) - 1, _SEARCHES).astype(int))]
    seconds = []
    for batch in chosen:
        began = time.monotonic()
        decoder.decode([sources[index] for index in batch], config.candidates)
        seconds.append(time.monotonic() - began)
    return first, mean(seconds) * len(found)


def _peak_bytes() -> int | None:
    """Returns the most resident memory that this process has had, where the system is Linux."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes[0]) * 1024 if kilobytes else None
