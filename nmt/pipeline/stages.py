"""The stages of a recipe, in the order in which a sentence pair passes through them.

=========  =================================================  ===================================================
stage      reads                                              writes
=========  =================================================  ===================================================
fetch      cards, downloads, the user's files                 every split as plain lines; licences and citations
clean      the training lines                                 the lines kept; a report of what was dropped, and why
tokenizer  the clean lines                                    SentencePiece models
encode     the clean lines, the validation lines              ids
train      ids                                                the bundle, the history, the training curve
translate  the bundle, the test sources                       one file of hypotheses per test set
evaluate   hypotheses, references                             scores with signatures and intervals
record     scores, digests                                    the entry that is appended to the leaderboard
=========  =================================================  ===================================================
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nmt
from nmt import textio
from nmt.config import CorpusReference, Recipe
from nmt.pipeline.stage import Stage, StageContext
from nmt.storage import sha256_of_file, write_json


def side_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Returns the source and the target file of a split, such as ``train`` or ``test/multi30k.test_2016_flickr``."""
    return folder / f"{name}.source.txt", folder / f"{name}.target.txt"


def test_names(recipe: Recipe) -> list[str]:
    """Returns the names of the recipe's test sets."""
    from nmt.corpora.materialize import reference_name

    return [reference_name(reference) for reference in recipe.corpora.test]


def _splits(recipe: Recipe) -> dict[str, list[CorpusReference]]:
    corpora = recipe.corpora
    tests = dict(zip(test_names(recipe), corpora.test, strict=True))
    return {"train": corpora.train, "valid": corpora.valid} | {f"test/{name}": [ref] for name, ref in tests.items()}


def _corpora_identity(recipe: Recipe, recipe_path: Path) -> Any:
    from nmt.corpora.materialize import reference_identity

    sides = recipe.corpora.source, recipe.corpora.target
    return {
        split: [reference_identity(reference, *sides, recipe_path.parent) for reference in references]
        for split, references in _splits(recipe).items()
    }


def _fetch(context: StageContext) -> None:
    from nmt.corpora.materialize import materialize

    recipe = context.recipe
    facts = {}
    for split, references in _splits(recipe).items():
        facts[split] = materialize(
            references,
            recipe.corpora.source,
            recipe.corpora.target,
            context.workspace.corpora,
            *side_files(context.output, split),
            context.recipe_path.parent,
        )
        context.say(f"{split}: {sum(fact['pairs'] for fact in facts[split]):,} pairs")
    write_json(context.output / "corpora.json", facts)


def _clean(context: StageContext) -> None:
    from nmt.cleaning.files import clean_files

    fetched = context.inputs["fetch"]
    tests = [side_files(fetched, f"test/{name}") for name in test_names(context.recipe)]
    evaluation = {"valid": [side_files(fetched, "valid")], "test": tests}
    report = clean_files(*side_files(fetched, "train"), evaluation, context.recipe.cleaning, context.output)
    context.say(f"{report['kept']:,} of {report['read']:,} pairs kept")


def _tokenizer(context: StageContext) -> None:
    from nmt.tokenizer import TokenizerPair

    recipe = context.recipe
    files = side_files(context.inputs["clean"], "train")
    tokenizers = TokenizerPair.train_pair(*files, recipe.tokenizer, recipe.seed)
    tokenizers.save(context.output)
    context.say(f"vocabularies of {tokenizers.source.vocab_size} and {tokenizers.target.vocab_size} pieces")


def _encode(context: StageContext) -> None:
    from nmt.cleaning.normalize import normalizer_of
    from nmt.dataset import encode_corpus, write_encoded
    from nmt.tokenizer import TokenizerPair

    recipe, limits = context.recipe, context.recipe.dataset
    tokenizers = TokenizerPair.load(context.inputs["tokenizer"])
    pairs = textio.read_parallel(side_files(context.inputs["clean"], "train"))
    corpus, counts = encode_corpus(
        ((source, target) for source, target in pairs), tokenizers, limits.max_source_tokens, limits.max_target_tokens
    )
    write_encoded(corpus, counts, context.output, "train")
    context.say(
        f"{counts['kept']:,} pairs; too long: {counts['source_too_long']:,} sources, {counts['target_too_long']:,} targets"
    )
    normalize = normalizer_of(recipe.cleaning)
    valid = textio.read_parallel(side_files(context.inputs["fetch"], "valid"))
    normalized = ((normalize(source), normalize(target)) for source, target in valid)
    write_encoded(*encode_corpus(normalized, tokenizers), context.output, "valid")


def _train(context: StageContext) -> None:
    from nmt.bundle import write_bundle
    from nmt.dataset import EncodedCorpus
    from nmt.report import draw_training_curve
    from nmt.tokenizer import TokenizerPair
    from nmt.training.loop import Trainer
    from nmt.training.validation import Validator

    recipe = context.recipe
    tokenizers = TokenizerPair.load(context.inputs["tokenizer"])
    corpus, valid = (EncodedCorpus.load(context.inputs["encode"], name) for name in ("train", "valid"))
    references = list(textio.read_lines(side_files(context.inputs["fetch"], "valid")[1]))
    validator = Validator(recipe, tokenizers.target, valid, references)
    result = Trainer(recipe, tokenizers, corpus, validator, context.scratch).run(context.output)
    draw_training_curve(context.output / "history.jsonl", context.output / "curve.png")
    clean = side_files(context.inputs["clean"], "train")
    facts = result.facts | {"training_data": {path.name: sha256_of_file(path) for path in clean}, "pairs": len(corpus)}
    write_bundle(context.output / "bundle", recipe, tokenizers, result.weights, facts)


def _translate(context: StageContext) -> None:
    from nmt.bundle import load_bundle
    from nmt.decoding.translate import Translator

    translator = Translator(
        load_bundle(context.inputs["train"] / "bundle"), context.recipe.decoding.model_dump(mode="json")
    )
    facts = {}
    for name in test_names(context.recipe):
        source, _ = side_files(context.inputs["fetch"], f"test/{name}")
        began = time.monotonic()
        lines = textio.write_lines(context.output / f"{name}.txt", translator.translate(textio.read_lines(source)))
        seconds = time.monotonic() - began
        words = sum(len(line.split()) for line in textio.read_lines(context.output / f"{name}.txt"))
        facts[name] = {"lines": lines, "words": words, "seconds": round(seconds, 2)}
        context.say(f"{name}: {lines:,} lines, {words / max(seconds, 1e-9):,.0f} words/s")
    write_json(context.output / "translate.json", facts)


def _evaluate(context: StageContext) -> None:
    from nmt.evaluation.scores import score_files

    settings = context.recipe.evaluation
    results = {}
    for name in test_names(context.recipe):
        scores = score_files(
            context.inputs["translate"] / f"{name}.txt",
            [side_files(context.inputs["fetch"], f"test/{name}")[1]],
            settings.metrics,
            tokenize=settings.tokenize,
            lowercase=settings.lowercase,
            bootstrap_samples=settings.bootstrap_samples,
        )
        results[name] = [score.to_json() for score in scores]
        context.say(f"{name}: " + ", ".join(f"{score.name} {score.value:.2f}" for score in scores))
    write_json(context.output / "scores.json", results)
