"""The stage that asks the finished model: the doctor's findings, where its attention looks, what the texts are like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt import textio
from nmt.evaluation.text_statistics import measure_text
from nmt.pipeline.doctor import TrainedRun, examine_run
from nmt.pipeline.stage import StageContext, side_files
from nmt.pipeline.stages import source_vectors, test_names
from nmt.storage import write_json

DIAGNOSIS, ATTENTION, STATISTICS = "diagnosis.json", "attention.json", "statistics.json"
"""What the stage writes: see :meth:`Diagnosis.to_json`, :func:`attention_maps`, :func:`split_statistics`."""

_MAPS = 6  # sentences whose attention is shown
_SHORTEST, _LONGEST = 4, 24  # tokens of each side of these: few enough to be read in a picture


def examine(context: StageContext) -> None:
    """Writes the findings, the attention of a few sentences, and the statistics of all splits."""
    digests = {name: folder.name for name, folder in context.inputs.items()}
    run = TrainedRun(context.recipe.name, context.workspace, digests)
    diagnosis = examine_run(run, context.say)
    context.say(diagnosis.summary())
    found = diagnosis.to_json()
    write_json(context.output / DIAGNOSIS, {name: found[name] for name in ("findings", "left_out")})
    write_json(context.output / ATTENTION, attention_maps(run))
    write_json(context.output / STATISTICS, split_statistics(run))


def attention_maps(run: TrainedRun) -> list[dict[str, Any]]:
    """Returns where the model looks as it writes its translations of some sentences of the first test set.

    The hypotheses are given to the model again, by teacher forcing. Without a test set the sentences are those of the
    validation set, and their references are given.

    Returns:
        Of each sentence its ``line`` (from 1), ``split``, ``source`` and ``target`` pieces, and ``weights`` [T, S], to
        three digits; of nothing where the model has no attention or its weights are not finite.
    """
    from nmt.dataset import EncodedCorpus
    from nmt.encoding import encode_corpus
    from nmt.training.inspection import attention_weights

    bundle = run.bundle
    copier = bundle.copier
    tests = test_names(bundle.recipe)
    split = f"test/{tests[0]}" if tests else "valid"
    source, target = side_files(run.folder("fetch"), split)
    if tests:
        target = run.folder("translate") / f"{tests[0]}.txt"
    read = textio.read_parallel([source, target])
    pairs = [(bundle.normalize(one), bundle.normalize(other)) for one, other in read]
    vectors = source_vectors(bundle.recipe, run.folder("fetch"), split)
    corpus, _ = encode_corpus(pairs, bundle.tokenizers, vectors=vectors, copier=copier)
    chosen = readable_pairs(corpus.source.lengths, corpus.target.lengths - 1)
    few = EncodedCorpus(corpus.source.select(chosen), corpus.target.select(chosen), corpus.lines[chosen])
    weights = attention_weights(bundle.model(), few, bundle.recipe.dataset.tokens_per_batch)
    if not all(np.isfinite(matrix).all() for matrix in weights):
        return []
    maps = []
    for line, one, other, matrix in zip(few.lines, few.source.rows(), few.target.rows(), weights, strict=False):
        unknown = [] if copier is None else copier.unknown_words(pairs[line][0])
        names = [[*tokenizer.pieces, *unknown] for tokenizer in (bundle.tokenizers.source, bundle.tokenizers.target)]
        columns = [str(number) for number in range(1, len(one) + 1)] if vectors else [names[0][id_] for id_ in one]
        rows = [names[1][id_] for id_ in other[1:]]
        rounded = np.round(matrix.astype(float), 3).tolist()
        maps.append({"line": int(line) + 1, "split": split, "source": columns, "target": rows, "weights": rounded})
    return maps


def readable_pairs(source_lengths: npt.NDArray[np.int64], target_lengths: npt.NDArray[np.int64]) -> Any:
    """Returns the numbers of at most six pairs that are neither trivial nor too long for a picture, spread evenly.

    Where there are none such, it is the pair with the fewest tokens.
    """
    least, most = np.minimum(source_lengths, target_lengths), np.maximum(source_lengths, target_lengths)
    fit = np.flatnonzero((least >= _SHORTEST) & (most <= _LONGEST))
    if not len(fit):
        return np.argsort(most, kind="stable")[:1]
    return fit[np.unique(np.linspace(0, len(fit) - 1, min(_MAPS, len(fit))).round().astype(int))]


def split_statistics(run: TrainedRun) -> dict[str, dict[str, Any]]:
    """Returns, by split and side, what its text is like; ``train`` is what training sees, cleaned."""
    bundle = run.bundle
    found: dict[str, dict[str, Any]] = {}
    known: dict[str, Any] = {"source": None, "target": None}
    for split in ("train", "valid", *(f"test/{name}" for name in test_names(bundle.recipe))):
        files = side_files(run.folder("clean" if split == "train" else "fetch"), split)
        found[split] = {}
        for side, file, lengths in zip(("source", "target"), files, _token_lengths(run, split), strict=True):
            of_vectors = side == "source" and bundle.recipe.model.encoder.input == "vectors"
            lines = textio.read_lines(file) if not of_vectors else ("" for _ in textio.read_lines(file))
            statistics, words = measure_text(map(bundle.normalize, lines), lengths, known[side])
            found[split][side] = statistics.to_json()
            if split == "train":
                known[side] = words
    return found


def _token_lengths(run: TrainedRun, split: str) -> tuple[Iterable[int], Iterable[int]]:
    """Returns the numbers of tokens of the sources and targets of a split, EOS counted."""
    if split in ("train", "valid"):
        corpus = run.train if split == "train" else run.valid
        return corpus.source.lengths, corpus.target.lengths - 1  # without BOS
    source, target = side_files(run.folder("fetch"), split)
    vectors = source_vectors(run.bundle.recipe, run.folder("fetch"), split)
    tokenizers, copier = run.bundle.tokenizers, run.bundle.copier

    def encoded(path: Any, tokenizer: Any) -> Iterator[int]:
        return (len(ids) + 1 for ids in tokenizer.encode(map(run.bundle.normalize, textio.read_lines(path))))

    sources = map(len, vectors.marked()) if vectors else encoded(source, copier or tokenizers.source)
    return sources, encoded(target, copier or tokenizers.target)
