"""The stages of a recipe, in the order in which a sentence pair passes through them.

=========  =================================================  ===================================================
stage      reads                                              writes
=========  =================================================  ===================================================
fetch      cards, downloads, the user's files                 every split as plain lines (and vectors); licences
synthesize text, teachers; only with ``synthetic``            pairs that the teachers make
clean      the training lines, the synthetic ones             the lines kept; a report of what was dropped, and why
tokenizer  the clean lines                                    SentencePiece models
encode     the clean lines, the validation lines              ids
train      ids, word vectors, a bundle to start from          the bundle, the history
translate  the bundle, the test sets                          hypotheses, and the loss of the references
evaluate   hypotheses, references                             scores with signatures and intervals
examine    the bundle, ids, hypotheses, all text              the doctor's findings, attention, statistics of the text
record     all of it                                          a leaderboard entry, the report, the scored bundle
=========  =================================================  ===================================================
"""

from __future__ import annotations

import dataclasses
import json
import time
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nmt
from nmt import textio
from nmt.config import Recipe
from nmt.corpora_config import CorpusReference, FilesConfig
from nmt.pipeline.identities import comparing_identity, kept_identity, reading_identity, start_identity
from nmt.pipeline.stage import SYNTHESIZE, Stage, StageContext, reference_files, side_files
from nmt.pipeline.synthesize import marks, read_index, synthesis_identity, synthesize
from nmt.progress import Progress
from nmt.storage import sha256_of_file, sha256_of_json, write_json
from nmt.terminal import load_tensorflow

if TYPE_CHECKING:
    from nmt.bundle import Bundle
    from nmt.tokenizer import Tokenizer
    from nmt.vectors import Vectors


def test_names(recipe: Recipe) -> list[str]:
    """Returns the names of the recipe's test sets; where two would be named alike, the later one gets a number."""
    from nmt.corpora.materialize import reference_name

    names: list[str] = []
    for reference in recipe.corpora.test:
        name = reference_name(reference)
        number = 2
        while name in names:
            name = f"{reference_name(reference)}-{number}"
            number += 1
        names.append(name)
    return names


def reference_names(recipe: Recipe, test: str) -> list[str]:
    """Returns the names of the references of a test set, the target first; the only one of a set needs none."""
    from nmt.leaderboard.entry import ONLY_REFERENCE

    corpus = recipe.corpora.test[test_names(recipe).index(test)]
    if isinstance(corpus, str) or not corpus.references:
        return [ONLY_REFERENCE]
    return [corpus.target if isinstance(corpus, FilesConfig) else recipe.corpora.target, *corpus.references]


def references_of(recipe: Recipe, fetched: Path, test: str) -> dict[str, Path]:
    """Returns the files of the references of a test set, by name."""
    names = reference_names(recipe, test)
    return dict(zip(names, reference_files(fetched, f"test/{test}", len(names)), strict=True))


def splits_of(recipe: Recipe) -> dict[str, list[CorpusReference]]:
    """Returns the corpora of each split, by the name that ``side_files`` takes."""
    corpora = recipe.corpora
    tests = dict(zip(test_names(recipe), corpora.test, strict=True))
    return {"train": corpora.train, "valid": corpora.valid} | {f"test/{name}": [ref] for name, ref in tests.items()}


def _corpora_identity(recipe: Recipe, recipe_path: Path) -> Any:
    from nmt.corpora.materialize import reference_identity

    sides = recipe.corpora.source, recipe.corpora.target
    return {
        split: [reference_identity(reference, *sides, recipe_path.parent) for reference in references]
        for split, references in splits_of(recipe).items()
    }


def source_vectors(recipe: Recipe, fetched: Path, name: str) -> Vectors | None:
    """Returns the vectors that the source lines of a split stand for, where they do.

    Whether they do is written in ``corpora``, so whatever builds on ``fetch`` depends on it already.
    """
    from nmt.corpora.materialize import vectors_file
    from nmt.vectors import Vectors

    if not any(recipe.corpora.with_vectors):
        return None
    return Vectors.load(vectors_file(side_files(fetched, name)[0]))


def _vectors(context: StageContext, name: str) -> Vectors | None:
    return source_vectors(context.recipe, context.inputs["fetch"], name)


def _fetch(context: StageContext) -> None:
    from nmt.corpora.materialize import materialize, materialize_further

    recipe = context.recipe
    facts = {}
    for split, references in splits_of(recipe).items():
        facts[split] = materialize(
            references,
            recipe.corpora.source,
            recipe.corpora.target,
            context.workspace.corpora,
            *side_files(context.output, split),
            context.recipe_path.parent,
        )
        context.say(f"{split}: {sum(fact['pairs'] for fact in facts[split]):,} pairs")
    for test, corpus in zip(test_names(recipe), recipe.corpora.test, strict=True):
        if not isinstance(corpus, str):
            target, *further = references_of(recipe, context.output, test).values()
            materialize_further(corpus, further, target, context.workspace.corpora, context.recipe_path.parent)
    write_json(context.output / "corpora.json", facts)


def _clean(context: StageContext) -> None:
    from nmt.cleaning.files import TrainingPart, clean_files
    from nmt.corpora.materialize import reference_name

    fetched = context.inputs["fetch"]
    tests = [
        (side_files(fetched, f"test/{name}")[0], reference)
        for name in test_names(context.recipe)
        for reference in references_of(context.recipe, fetched, name).values()
    ]
    evaluation = {"valid": [side_files(fetched, "valid")], "test": tests}
    facts = json.loads((fetched / "corpora.json").read_bytes())["train"]
    names = map(reference_name, context.recipe.corpora.train)
    parts = [TrainingPart(name, fact["pairs"]) for name, fact in zip(names, facts, strict=True)]
    files = [side_files(fetched, "train")]
    if synthesized := context.inputs.get(SYNTHESIZE):
        for part in read_index(synthesized):
            parts.append(TrainingPart(part["name"], part["pairs"]))
            files.append(side_files(synthesized, part["name"]))
    progress = Progress(context.say)
    progress.total = sum(part.pairs for part in parts)
    how = context.processes, progress.add
    report = clean_files(files, parts, evaluation, context.recipe.cleaning, context.output, *how)
    context.say(f"{report['kept']:,} of {report['read']:,} pairs kept")


def _tokenizer(context: StageContext) -> None:
    from nmt.tokenizer import TokenizerPair

    recipe = context.recipe
    files = side_files(context.inputs["clean"], "train")
    if any(recipe.corpora.with_vectors):
        files = (files[1], files[1])  # the source has no text: its tokenizer is never asked
    source, target = _kept_tokenizers(context, files)
    tokenizers = TokenizerPair.train_pair(*files, recipe.tokenizer, recipe.seed, source, target, any(marks(recipe)))
    tokenizers.save(context.output)
    context.say(f"vocabularies of {tokenizers.source.vocab_size} and {tokenizers.target.vocab_size} pieces")


def _kept_tokenizers(context: StageContext, files: tuple[Path, Path]) -> tuple[Tokenizer | None, Tokenizer | None]:
    """Returns the vocabularies of source and target that the recipe keeps from bundles, extended where it says so."""
    from nmt.bundle import load_bundle
    from nmt.vocabulary_extension import extended

    config = context.recipe.tokenizer
    kept: list[Tokenizer | None] = []
    for side, path, own in (("source", config.source_from, files[0]), ("target", config.target_from, files[1])):
        if path is None:
            kept.append(None)
            continue
        tokenizers = load_bundle(context.recipe_path.parent / path).tokenizers
        tokenizer = tokenizers.source if side == "source" else tokenizers.target
        if config.extend is not None:
            before = tokenizer.vocab_size
            text = files if config.shared else [own]
            tokenizer = extended(tokenizer, text, config.extend, config, context.recipe.seed)
            context.say(f"{side}_from: {tokenizer.vocab_size - before} new pieces behind its {before}")
        kept.append(tokenizer)
    return kept[0], kept[1]


def _encode(context: StageContext) -> None:
    from nmt.cleaning.normalize import normalizer_of
    from nmt.copied_words import copier_of
    from nmt.dataset import EncodedCorpus
    from nmt.encoding import Encoder, encode_corpus, encode_files, write_encoded
    from nmt.tokenizer import TokenizerPair

    recipe, limits = context.recipe, context.recipe.dataset
    tokenizers = TokenizerPair.load(context.inputs["tokenizer"])
    copier = copier_of(recipe, tokenizers)
    cleaned = json.loads((context.inputs["clean"] / "report.json").read_bytes())
    lines = [part["kept"] for part in cleaned["parts"]]
    tokens = limits.max_source_tokens, limits.max_target_tokens
    encoder = Encoder(tokenizers, *tokens, _vectors(context, "train"), limits.long_sources, copier)
    progress = Progress(context.say)
    progress.total = sum(lines)
    marked = chain.from_iterable(map(repeat, marks(recipe), lines))
    files = side_files(context.inputs["clean"], "train")
    counts = encode_files(files, encoder, context.output, "train", marked, context.processes, progress.add)
    parts = EncodedCorpus.load(context.output, "train").count_parts(lines)
    write_json(context.output / "train.json", {**counts, "parts": parts})
    left_out = f"{counts.get('source_too_long', 0):,} sources, {counts['target_too_long']:,} targets"
    cut = f"; cut: {counts['source_cut']:,} sources" if "source_cut" in counts else ""
    context.say(f"{counts['kept']:,} pairs; too long: {left_out}{cut}")
    normalize = normalizer_of(recipe.cleaning)
    valid = textio.read_parallel(side_files(context.inputs["fetch"], "valid"))
    normalized = ((normalize(source), normalize(target)) for source, target in valid)
    vectors = _vectors(context, "valid")
    encoded = encode_corpus(
        normalized, tokenizers, limits.cut_limit, None, vectors, long_sources=limits.long_sources, copier=copier
    )
    write_encoded(*encoded, context.output, "valid")


def _train(context: StageContext) -> None:
    load_tensorflow()
    from nmt.bundle import write_bundle
    from nmt.cleaning.normalize import normalizer_of
    from nmt.copied_words import copier_of
    from nmt.dataset import EncodedCorpus
    from nmt.lexical_table import learn_lexical_table
    from nmt.models.cudnn import cudnn_notes
    from nmt.pair_alignment import align_pairs
    from nmt.pipeline.environment import environment_facts
    from nmt.tokenizer import TokenizerPair
    from nmt.training.data import TrainingData
    from nmt.training.distribution import join
    from nmt.training.loop import Trainer
    from nmt.training.start import StartingPoint
    from nmt.training.validation import Validator

    recipe, tokenizers = context.recipe, TokenizerPair.load(context.inputs["tokenizer"])
    start = StartingPoint(recipe, context.recipe_path.parent, tokenizers)
    for line in [*start.summary, *cudnn_notes(recipe.model)]:
        context.say(line)
    corpus, valid = (EncodedCorpus.load(context.inputs["encode"], name) for name in ("train", "valid"))
    for name, encoded in (("train", corpus), ("valid", valid)):
        encoded.check_features(recipe.model.encoder.features, f"corpora.{name} has other vectors than the model")
    if recipe.training.guided_alignment is not None:
        links = align_pairs(corpus, tokenizers)
        corpus = dataclasses.replace(corpus, links=links)
        context.say(f"{len(links.ids):,} links of pieces, to guide attention")
    copier = copier_of(recipe, tokenizers)
    sources, references = map(list, map(textio.read_lines, side_files(context.inputs["fetch"], "valid")))
    normalized = map(normalizer_of(recipe.cleaning), sources)
    validator = Validator(recipe, copier or tokenizers.target, valid, references, normalized)
    clean = side_files(context.inputs["clean"], "train")
    data = TrainingData.load(recipe, tokenizers, corpus, context.inputs["encode"], clean)
    distribution = join()
    trainer = Trainer(recipe, tokenizers, data, validator, context.scratch, start.prepare, distribution)
    result = trainer.run(context.output)
    if result is None:  # another worker is the chief
        return
    made_with = {"training_seconds": result.seconds, "environment": environment_facts()}
    context.workspace.add_timing("train", context.digest, made_with)
    facts = result.facts | {"training_data": {path.name: sha256_of_file(path) for path in clean}, "pairs": len(corpus)}
    table = None
    if recipe.model.encoder.input == "tokens" and copier is None:
        table = learn_lexical_table(corpus, tokenizers.source.vocab_size, tokenizers.target.vocab_size)
    write_bundle(context.output / "bundle", recipe, tokenizers, result.weights, facts | start.facts, table)


def _translate(context: StageContext) -> None:
    load_tensorflow()
    from nmt.bundle import load_bundle
    from nmt.decoding.translate import Translator

    bundle = load_bundle(context.inputs["train"] / "bundle")
    translator = Translator(bundle, context.recipe.decoding.model_dump(mode="json"))
    rates = {}
    for name in test_names(context.recipe):
        source, _ = sides = side_files(context.inputs["fetch"], f"test/{name}")
        began = time.monotonic()
        vectors = _vectors(context, f"test/{name}")
        answers = translator.translate_vectors(vectors) if vectors else translator.translate(textio.read_lines(source))
        lines = textio.write_lines(context.output / f"{name}.txt", answers)
        seconds = time.monotonic() - began
        words = sum(len(line.split()) for line in textio.read_lines(context.output / f"{name}.txt"))
        rates[name] = round(words / max(seconds, 1e-9), 1)
        write_json(context.output / f"{name}.loss.json", _reference_loss(bundle, translator.model, sides, vectors))
        context.say(f"{name}: {lines:,} lines, {rates[name]:,.0f} words/s")
    if report := translator.long_input.report():
        context.say(f"of all test sets, {report}")
    context.workspace.add_timing("translate", context.digest, {"words_per_second": rates})


def _reference_loss(bundle: Bundle, model: Any, sides: tuple[Path, Path], vectors: Vectors | None) -> dict[str, Any]:
    """Returns how well the model predicts each reference: ``nll`` in nats, over ``tokens``."""
    from nmt.encoding import encode_corpus
    from nmt.training.validation import CorpusLoss

    pairs = ((bundle.normalize(source), bundle.normalize(target)) for source, target in textio.read_parallel(sides))
    limits = bundle.recipe.dataset
    corpus, _ = encode_corpus(
        pairs, bundle.tokenizers, limits.cut_limit, None, vectors, (), limits.long_sources, bundle.copier
    )
    nll, tokens = CorpusLoss(corpus, limits.tokens_per_batch).measure_lines(model)
    return {"nll": nll.tolist(), "tokens": tokens.tolist()}


def _evaluate(context: StageContext) -> None:
    from nmt.evaluation.metrics import OF_MODELS, MetricOptions, text_metrics
    from nmt.evaluation.perplexity import open_perplexity
    from nmt.evaluation.scores import score_files, score_statistics
    from nmt.leaderboard.entry import views_of

    settings = context.recipe.evaluation
    results = {}
    for name in test_names(context.recipe):
        source, target = side_files(context.inputs["fetch"], f"test/{name}")
        for view, references in views_of(name, references_of(context.recipe, context.inputs["fetch"], name)).items():
            scores = score_files(
                context.inputs["translate"] / f"{name}.txt",
                list(references.values()),
                text_metrics(settings.metrics),
                MetricOptions.of(settings),
                bootstrap_samples=settings.bootstrap_samples,
                source=source,
            )
            for metric in settings.metrics:
                if metric in OF_MODELS and target in references.values():
                    loss = json.loads((context.inputs["translate"] / f"{name}.loss.json").read_bytes())
                    measured = open_perplexity(metric, **loss, references=list(textio.read_lines(target)))
                    scores.append(score_statistics(*measured, settings.bootstrap_samples))
            results[view] = [score.to_json() for score in scores]
            context.say(f"{view}: " + ", ".join(f"{score.name} {score.value:.2f}" for score in scores))
    write_json(context.output / "scores.json", results)


def _examine(context: StageContext) -> None:
    load_tensorflow()
    from nmt.pipeline.examine import examine

    examine(context)


def _record(context: StageContext) -> None:
    from nmt.bundle import load_bundle, publish_bundle
    from nmt.evaluation.scores import Score
    from nmt.leaderboard.records import Record
    from nmt.pipeline.entry import enter_run, run_fields, test_sets
    from nmt.pipeline.reporting import gather_report
    from nmt.report.page import write_report

    recipe, inputs, workspace = context.recipe, context.inputs, context.workspace
    digests = {name: folder.name for name, folder in inputs.items()}
    evaluation = json.loads((inputs["evaluate"] / "scores.json").read_bytes())
    scores = {view: [Score.from_json(score) for score in rows] for view, rows in evaluation.items()}
    bundle = load_bundle(inputs["train"] / "bundle")
    evaluated = workspace.timing("evaluate", digests["evaluate"])
    trained = workspace.timing("train", digests["train"])
    rates = workspace.timing("translate", digests["translate"]).get("words_per_second", {})
    tests = test_sets(recipe, inputs["fetch"])
    record = Record(
        board=recipe.board,
        system=recipe.name,
        time=evaluated.get("time", ""),
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        recipe_digest=sha256_of_json(recipe.model_dump(mode="json", exclude_none=True)),
        run_digest=context.digest,
        seed=recipe.seed,
        version=nmt.__version__,
        scores=scores,
        test_digests={view.name: view.digest for test in tests.values() for view in test.views},
        hypothesis_digests={
            view.name: sha256_of_file(inputs["translate"] / f"{name}.txt")
            for name, test in tests.items()
            for view in test.views
        },
        bundle_digest=sha256_of_file(inputs["train"] / "bundle" / "bundle.json"),
        parameters=bundle.facts["parameters"],
        training_seconds=trained.get("training_seconds"),
        words_per_second=rates.get(next(iter(tests), None)),
        **run_fields(recipe, inputs, tests),
    )
    samples = {name: _samples(context, name) for name in tests}
    write_json(context.output / "record.json", record.to_json())
    write_json(context.output / "samples.json", samples)
    publish_bundle(
        bundle, context.output / "bundle", recipe, {"scores": {n: [s.to_json() for s in r] for n, r in scores.items()}}
    )
    report = gather_report(recipe, inputs, workspace, bundle, scores)
    write_report(context.output / "report.html", report)
    if enter_run(workspace.leaderboards, record, recipe, inputs["translate"], tests):
        context.say(f"added to the leaderboard {recipe.board}")


def _samples(context: StageContext, name: str) -> list[tuple[str, str, str]]:
    """Returns sources, references and hypotheses of lines that are spread evenly over a test set."""
    sides = side_files(context.inputs["fetch"], f"test/{name}")
    rows = list(textio.read_parallel([*sides, context.inputs["translate"] / f"{name}.txt"]))
    distance = max(1, len(rows) // _SAMPLES)
    return [(source, reference, hypothesis) for source, reference, hypothesis in rows[::distance][:_SAMPLES]]


_SAMPLES = 8  # sample translations per test set
_ENCODE_KEYS = ("dataset.max_source_tokens", "dataset.max_target_tokens")
# Validation searches greedily and scores, so what it reads of the later sections belongs to training as well.
_TRAIN_KEYS = (
    "seed",
    "model",
    "training",
    "dataset.tokens_per_batch",
    "dataset.mix",
    "dataset.curriculum",
    "dataset.subword_sampling",
    "decoding.max_length_ratio",
    "decoding.max_length_extra",
    "decoding.max_output_tokens",
    "evaluation.tokenize",
    "evaluation.lowercase",
)
_RECORD_KEYS = ("name", "description", "leaderboard")
_RECORD_INPUTS = ("fetch", SYNTHESIZE, "clean", "train", "translate")

STAGES: tuple[Stage, ...] = (
    Stage("fetch", 1, ("corpora",), (), _fetch, _corpora_identity),
    Stage(SYNTHESIZE, 1, (), ("fetch",), synthesize, synthesis_identity),
    Stage("clean", 2, ("cleaning",), ("fetch", SYNTHESIZE), _clean, comparing_identity),
    Stage("tokenizer", 1, ("tokenizer", "seed"), ("clean",), _tokenizer, kept_identity),
    Stage(
        "encode",
        2,
        _ENCODE_KEYS,
        ("fetch", "clean", "tokenizer"),
        _encode,
        reading_identity,
    ),
    Stage("train", 2, _TRAIN_KEYS, ("fetch", "clean", "tokenizer", "encode"), _train, start_identity),
    Stage("translate", 3, ("decoding",), ("fetch", "train"), _translate),
    Stage("evaluate", 1, ("evaluation",), ("fetch", "translate"), _evaluate),
    Stage("examine", 1, (), ("fetch", "clean", "encode", "train", "translate"), _examine),
    Stage("record", 2, _RECORD_KEYS, (*_RECORD_INPUTS, "evaluate", "examine"), _record),
)
"""The pipeline. Every stage comes after those that it reads; ``synthesize`` is only in recipes with synthetic pairs."""
