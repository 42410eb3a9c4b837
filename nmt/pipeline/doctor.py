"""The doctor of a trained run: gathers what a run has left, has it measured, and judges it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import nmt
from nmt import textio
from nmt.bundle import Bundle, load_bundle
from nmt.decoding_config import DecodingConfig
from nmt.errors import DataError, UsageError, suggestion
from nmt.evaluation import diagnostics, findings
from nmt.evaluation.findings import Finding
from nmt.pipeline.environment import describe_system, examine_environment
from nmt.pipeline.run import print_progress
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import STAGES, source_vectors, test_names
from nmt.pipeline.workspace import Workspace
from nmt.terminal import load_tensorflow

if TYPE_CHECKING:
    from nmt.dataset import EncodedCorpus
    from nmt.models.seq2seq import Seq2Seq

_NEEDED = ("fetch", "clean", "encode", "train")  # stages without whose artifacts there is nothing to examine
_PROBED_PAIRS = 300  # validation pairs that the model is asked about: some seconds, and means to 1 or 2 percent
_DECODED_PAIRS = 300  # validation pairs that are translated where there is no test set


@dataclass
class Diagnosis:
    """What the doctor found.

    Attributes:
        subject: what was examined.
        findings: in the order of the examination.
        left_out: what could not be examined, and why, one sentence each.
    """

    subject: str
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def has_bad(self) -> bool:
        """Whether anything is bad."""
        return any(finding.verdict == "bad" for finding in self.findings)

    def summary(self) -> str:
        """Returns how many findings have which verdict, as a sentence."""
        counts = Counter(finding.verdict for finding in self.findings)
        return f"{counts['good']} good, {counts['look']} to look at, {counts['bad']} bad."

    def to_json(self) -> dict[str, Any]:
        """Returns the diagnosis as JSON values."""
        rows = [finding.to_json() for finding in self.findings]
        return {"subject": self.subject, "findings": rows, "left_out": self.left_out}


@dataclass(frozen=True)
class TrainedRun:
    """A run whose training is done.

    Attributes:
        name: the recipe's name.
        workspace: where it lies.
        digests: of the stages whose artifacts are there.
    """

    name: str
    workspace: Workspace
    digests: dict[str, str]

    def folder(self, stage: str) -> Path:
        """Returns the artifact of a stage."""
        return self.workspace.artifact(stage, self.digests[stage])

    def json(self, stage: str, name: str) -> Any:
        """Returns the content of a JSON file of an artifact."""
        return json.loads((self.folder(stage) / name).read_bytes())

    @cached_property
    def bundle(self) -> Bundle:
        """The trained model."""
        return load_bundle(self.folder("train") / "bundle")

    @cached_property
    def train(self) -> EncodedCorpus:
        """The training pairs as ids."""
        return self._encoded("train")

    @cached_property
    def valid(self) -> EncodedCorpus:
        """The validation pairs as ids."""
        return self._encoded("valid")

    def _encoded(self, name: str) -> EncodedCorpus:
        from nmt.dataset import EncodedCorpus

        return EncodedCorpus.load(self.folder("encode"), name)

    @property
    def decoding(self) -> DecodingConfig:
        """The search that the test sets were translated by, else that of the bundle."""
        manifest = self.workspace.manifest("translate", self.digests.get("translate", "")) or {}
        settings = manifest.get("settings", {}).get("decoding")
        return DecodingConfig.model_validate(settings) if settings else self.bundle.recipe.decoding


def examine(workspace: Workspace) -> Diagnosis:
    """Examines this machine and installation."""
    return Diagnosis(f"nmt {nmt.__version__} on {describe_system()}", examine_environment(workspace))


def diagnose(name: str, workspace: Workspace, say: Callable[[str], None] = print_progress) -> Diagnosis:
    """Examines a run of the workspace by its name, or a bundle by its folder.

    The bundle of a run that is still in its workspace is examined as that run.

    Raises:
        UsageError: there is neither.
        DataError: the run has no trained model yet, or was made by another version.
        BundleError: the bundle is damaged.
    """
    run = find_run(name, workspace)
    if run is None:
        return _examine_bundle(Path(name), say)
    if missing := [stage for stage in _NEEDED if stage not in run.digests]:
        raise DataError(
            f"{name}: the run has no trained model in {run.workspace.root}",
            received=f"no artifact of {', '.join(missing)}",
            action="Run its recipe again; nmt status shows how far it is",
        )
    if other := _of_another_version(run):
        raise DataError(
            f"{name}: the run was made by another version of nmt",
            received=f"artifacts of {', '.join(other)} that this version makes otherwise",
            action=f"Run its recipe again, or examine its bundle alone: copy it out of {run.workspace.root}",
        )
    return examine_run(run, say)


def _of_another_version(run: TrainedRun) -> list[str]:
    """Returns the stages whose artifacts are of another version than those that this program makes."""
    made = {stage: run.workspace.manifest(stage, digest) or {} for stage, digest in run.digests.items()}
    read = [stage for stage in STAGES if stage.name in made and stage.name in (*_NEEDED, "translate")]
    return [stage.name for stage in read if stage.version != made[stage.name].get("version")]


def find_run(name: str, workspace: Workspace) -> TrainedRun | None:
    """Returns a run by its name, or by the folder of its bundle; None for a bundle without a run.

    Raises:
        UsageError: there is no such run and no such bundle.
    """
    recipe, folder = name, Path(name).absolute()
    if not workspace.last_run(name):
        if not (folder / "bundle.json").is_file():
            names = sorted(path.parent.name for path in (workspace.root / "runs").glob("*/run.json"))
            raise UsageError(
                f"{name}: there is no such run in {workspace.root}, and no bundle",
                expected=f"one of {', '.join(names)}" if names else "a run; this workspace has none yet",
                action=suggestion(name, names, "nmt status shows the runs"),
            )
        if folder.parent.parent.name != "runs" or folder.name != "bundle":
            return None
        recipe, workspace = folder.parent.name, Workspace(folder.parents[2])
    digests = workspace.last_run(recipe).get("stages", {})
    whole = {
        stage: digest
        for stage, digest in digests.items()
        if workspace.manifest(stage, digest) and not workspace.damage(stage, digest)
    }
    if recipe != name and "train" not in whole:
        return None
    return TrainedRun(recipe, workspace, whole)


def examine_run(run: TrainedRun, say: Callable[[str], None]) -> Diagnosis:
    """Examines a run whose training is done, with its test sets where they are translated."""
    diagnosis = Diagnosis(f"run {run.name} in {run.workspace.root}")
    recipe = run.bundle.recipe
    load_tensorflow()
    model = _model(run.bundle, diagnosis)
    say("reading the training history and the vocabulary")
    counts = _piece_counts(run)
    diagnosis.findings += _training_findings(run, model, counts)
    if model is not None:
        say("examining attention and embeddings")
        diagnosis.findings += _weight_findings(run.bundle, model, counts)
        diagnosis.findings += _attention_findings(run, model, diagnosis)
    say("reading the outputs")
    tests = test_names(recipe) if "translate" in run.digests else []
    for name in tests:
        diagnosis.findings += _output_findings(run, f"test/{name}", run.folder("translate") / f"{name}.txt")
    if not tests:
        if recipe.corpora.test:
            diagnosis.left_out.append(
                "Hypotheses of the test sets: the run has not translated them, or they are damaged."
            )
        say(f"translating up to {_DECODED_PAIRS} validation lines: there are no hypotheses of a test set")
        diagnosis.findings += _output_findings(run, "valid", None)
    diagnosis.findings += _vocabulary_findings(run, counts)
    encoded = run.json("encode", "train.json")
    diagnosis.findings += findings.corpus_findings(run.json("clean", "report.json"), encoded)
    if recipe.model.encoder.input == "vectors":
        diagnosis.left_out.append("Pieces of the sources and the length limit: the sources are vectors.")
    return diagnosis


def _examine_bundle(folder: Path, say: Callable[[str], None]) -> Diagnosis:
    bundle = load_bundle(folder)
    diagnosis = Diagnosis(f"bundle {folder}")
    load_tensorflow()
    say("examining the weights")
    model = _model(bundle, diagnosis)
    if "steps" in bundle.facts:
        warmup = bundle.recipe.training.warmup_steps
        diagnosis.findings.append(findings.warmup_finding(bundle.facts["steps"], warmup))
    if model is not None:
        diagnosis.findings += _weight_findings(bundle, model, None)
    diagnosis.left_out += [
        "Loss, training curve, attention, vocabulary and cleaning: the texts and the history are in the workspace of"
        " the run, not in the bundle.",
        "Outputs: translate a test set with nmt translate, and compare it with nmt score.",
        "Which pieces were seen in training: all embeddings were measured, also those of pieces without use.",
    ]
    return diagnosis


def _model(bundle: Bundle, diagnosis: Diagnosis) -> Seq2Seq | None:
    """Returns the model, or None where its weights are not worth to be asked: then the findings say so already."""
    from nmt.models.weights import weights_of

    model = bundle.model()
    faulty = diagnostics.faulty_weights(weights_of(model))
    diagnosis.findings += findings.weight_findings(faulty, {})
    if any(not np.isfinite(array).all() for array in weights_of(model).values()):
        diagnosis.left_out.append("What the model itself must be asked: its weights are not finite.")
        return None
    return model


def _piece_counts(run: TrainedRun) -> dict[str, Any]:
    """Returns how often each piece occurs in the training pairs, by side; sources of vectors have no pieces."""
    tokenizers = run.bundle.tokenizers
    counts = {"target": diagnostics.piece_counts([run.train.target.ids], tokenizers.target.vocab_size)}
    if run.train.source.ids.ndim == 1:
        counts["source"] = diagnostics.piece_counts([run.train.source.ids], tokenizers.source.vocab_size)
    return counts


def _training_findings(run: TrainedRun, model: Seq2Seq | None, counts: dict[str, Any]) -> list[Finding]:
    from nmt.training.inspection import exchange_loss, sample
    from nmt.training.schedule import scheduled

    recipe = run.bundle.recipe
    config, tokens_per_batch = recipe.training, recipe.dataset.tokens_per_batch
    steps_per_epoch = run.bundle.facts["steps_per_epoch"]
    rows = [json.loads(line) for line in textio.read_lines(run.folder("train") / "history.jsonl") if line]
    curve = diagnostics.measure_curve(
        rows, config, lambda step: config.learning_rate * scheduled(config, step, steps_per_epoch)
    )
    found = []
    if curve is not None:
        valid = diagnostics.piece_counts([run.valid.target.ids], run.bundle.tokenizers.target.vocab_size)
        exchange = None
        if model is not None:
            exchange = exchange_loss(model, sample(run.valid, _PROBED_PAIRS), tokens_per_batch)
        unigram = diagnostics.unigram_cross_entropy(counts["target"], valid)
        found += findings.loss_findings(curve.valid_loss, unigram, exchange)
    found.append(findings.warmup_finding(run.bundle.facts["steps"], config.warmup_steps))
    return found + (findings.curve_findings(curve) if curve is not None else [])


def _weight_findings(bundle: Bundle, model: Seq2Seq, counts: dict[str, Any] | None) -> list[Finding]:
    """Judges the embeddings; without ``counts`` those of all pieces."""
    from nmt.training.inspection import embedding_tables
    from nmt.training.start import untrained_model

    # The random start can be made again. Word vectors or a bundle that training started from may be gone.
    known = counts is not None and not {"start_from", "vectors"} & bundle.facts.keys()
    initial = embedding_tables(untrained_model(bundle.recipe, bundle.tokenizers)) if known else {}
    measured = {}
    for name, (roles, table) in embedding_tables(model).items():
        seen = None
        if counts is not None:
            sides = {"source" if role == "source" else "target" for role in roles}
            seen = sum(counts[side] for side in sides)
        before = initial[name][1] if known else None
        measured[name] = diagnostics.measure_table(table, seen, before)
    return findings.weight_findings([], measured)[1:]


def _attention_findings(run: TrainedRun, model: Seq2Seq, diagnosis: Diagnosis) -> list[Finding]:
    from nmt.training.inspection import attention_weights, sample

    recipe = run.bundle.recipe
    if recipe.model.decoder.attention == "none":
        diagnosis.left_out.append("Attention: the model has none.")
        return []
    weights = attention_weights(model, sample(run.valid, _PROBED_PAIRS), recipe.dataset.tokens_per_batch)
    measured = diagnostics.measure_attention(weights)
    if measured is None:
        diagnosis.left_out.append("Attention: no validation pair has two positions on both sides.")
        return []
    return findings.attention_findings(measured, has_end=recipe.model.encoder.input == "tokens")


def _output_findings(run: TrainedRun, split: str, hypotheses: Path | None) -> list[Finding]:
    """Judges the hypotheses of a split; None: the model is asked for those of a part of it."""
    bundle, decoding = run.bundle, run.decoding
    sides = side_files(run.folder("fetch"), split)
    if hypotheses is not None:
        rows = [(s, t, h) for s, t, h in textio.read_parallel([*sides, hypotheses])]
    else:
        rows = _translated(run, [(source, target) for source, target in textio.read_parallel(sides)])
    sources, references, outputs = ([row[column] for row in rows] for column in range(3))
    limits, copier = None, bundle.copier
    if bundle.recipe.model.encoder.input == "tokens":
        encoded = (copier or bundle.tokenizers.source).encode(map(bundle.normalize, sources))
        limits = [decoding.longest_output(len(ids) + 1) for ids in encoded]

    def encode(texts: Any) -> list[list[int]]:
        return (copier or bundle.tokenizers.target).encode(map(bundle.normalize, texts))

    measured = diagnostics.measure_outputs(sources, outputs, references, encode, limits)
    return findings.output_findings(measured, split.removeprefix("test/"))


def _translated(run: TrainedRun, pairs: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Translates validation pairs that are spread evenly; returns sources, references and hypotheses."""
    from nmt.decoding.translate import Translator

    chosen = pairs[:: max(1, len(pairs) // _DECODED_PAIRS)][:_DECODED_PAIRS]
    translator = Translator(run.bundle, run.decoding.model_dump(mode="json"))
    vectors = source_vectors(run.bundle.recipe, run.folder("fetch"), "valid")
    if vectors is None:
        answers = list(translator.translate(source for source, _ in chosen))
    else:
        by_line = dict(zip(vectors.lines, translator.translate_vectors(vectors), strict=True))
        answers = [by_line[source] for source, _ in chosen]
    return [(source, target, answer) for (source, target), answer in zip(chosen, answers, strict=True)]


def _vocabulary_findings(run: TrainedRun, counts: dict[str, Any]) -> list[Finding]:
    bundle = run.bundle
    with_sources = bundle.recipe.model.encoder.input == "tokens"
    vocab_size = bundle.tokenizers.source.vocab_size
    unknown = [("validation targets", diagnostics.unknown_rate(run.valid.target.ids))]
    if with_sources:
        unknown.insert(0, ("validation sources", diagnostics.unknown_rate(run.valid.source.ids, vocab_size)))
        for name in test_names(bundle.recipe):
            lines = textio.read_lines(side_files(run.folder("fetch"), f"test/{name}")[0])
            unknown.append((f"{name} sources", bundle.tokenizers.source.unknown_rate(map(bundle.normalize, lines))))
    if bundle.tokenizers.shared:
        vocabularies = {"shared": (bundle.tokenizers.target, sum(counts.values()))}
    else:
        vocabularies = {side: (getattr(bundle.tokenizers, side), count) for side, count in counts.items()}
    unused = [
        (f"{name} vocabulary", diagnostics.unused_share(tokenizer.pieces, count))
        for name, (tokenizer, count) in vocabularies.items()
    ]
    return findings.vocabulary_findings(unknown, unused)
