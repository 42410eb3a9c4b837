"""Tuning: which settings of the search have the best score on validation pairs.

Every combination of some settings translates the same pairs. What a combination scored is written down at once, so a
tuning that was interrupted goes on where it was, and one with more values measures only those that are new.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from nmt import textio
from nmt.bundle import Bundle, load_bundle
from nmt.config import Recipe
from nmt.decoding_config import DecodingConfig
from nmt.errors import DataError, UsageError
from nmt.evaluation.metrics import MetricOptions
from nmt.evaluation.scores import Score, score_lines
from nmt.pipeline.doctor import TrainedRun, find_run
from nmt.pipeline.stage import side_files
from nmt.pipeline.stages import source_vectors
from nmt.pipeline.studies import axis
from nmt.pipeline.workspace import Workspace
from nmt.storage import canonical_json, sha256_of_file, sha256_of_json, write_json
from nmt.strict_yaml import override, read_settings
from nmt.vectors import Vectors

DEFAULT_GRID = ("beam_size=1,3,5,8", "length_penalty=0.6,0.8,1.0,1.2,1.4")
_WARM_UP_LINES = 4


@dataclass(frozen=True)
class Pairs:
    """What the settings are judged by.

    Attributes:
        sources, references: line n of one translates line n of the other.
        vectors: what the source lines stand for, where they stand for vectors.
    """

    sources: list[str]
    references: list[str]
    vectors: Vectors | None = None

    @property
    def digest(self) -> str:
        """The sha256 of both sides."""
        return sha256_of_json([self.sources, self.references])

    def spread(self, most: int) -> Pairs:
        """Returns at most so many pairs, spread evenly."""
        step = max(1, -(-len(self.sources) // most))
        return Pairs(self.sources[::step], self.references[::step], self.vectors)


@dataclass(frozen=True)
class Candidate:
    """Settings of the search, and what they led to.

    Attributes:
        varied: the keys that were varied, with their values.
        decoding: all settings.
        score: on the pairs.
        words_per_second: of what was written; the model was loaded and its search built before.
        current: whether the settings are those of the bundle.
    """

    varied: dict[str, Any]
    decoding: DecodingConfig
    score: Score
    words_per_second: float
    current: bool

    @property
    def options(self) -> str:
        """What gives a recipe these settings on the command line."""
        given = {key: value for key, value in self.varied.items() if value is not None}
        return " ".join(f"--set decoding.{key}={canonical_json(value)}" for key, value in given.items())

    def to_json(self) -> dict[str, Any]:
        """Returns what was varied and found as JSON values."""
        return {
            "decoding": self.varied,
            "score": self.score.to_json(),
            "words_per_second": round(self.words_per_second, 1),
            "current": self.current,
        }


def find_bundle(name: str, workspace: Workspace) -> tuple[Bundle, TrainedRun | None]:
    """Returns a bundle, given by its folder or by the name of its run, and that run if it is there.

    Raises:
        UsageError: there is neither, or the bundle is a part of an artifact, which must not change.
        BundleError: the bundle is damaged.
    """
    run = find_run(name, workspace)
    named = run is not None and bool(workspace.last_run(name))
    folder = workspace.run_folder(name) / "bundle" if named else Path(name)
    bundle = load_bundle(folder)
    if (folder.absolute().parent / "stage.json").exists():
        raise UsageError(
            f"{folder}: the bundle is a part of an artifact, whose content must stay as it is",
            action="Give the one in the run's folder, runs/NAME/bundle, or a copy",
        )
    return bundle, run


def validation_pairs(bundle: Bundle, run: TrainedRun | None) -> Pairs:
    """Returns the validation pairs of the run that made a bundle.

    Raises:
        DataError: there is no such run, or it has made another model by now.
    """
    weights = "weights.npz"
    if run is None or not {"fetch", "train"} <= run.digests.keys():
        problem = "its run is not in a workspace"
    elif sha256_of_file(run.folder("train") / "bundle" / weights) != sha256_of_file(bundle.folder / weights):
        problem = f"the run {run.name} has trained another model by now"
    else:
        fetched = run.folder("fetch")
        sources, references = (list(textio.read_lines(path)) for path in side_files(fetched, "valid"))
        return Pairs(sources, references, source_vectors(bundle.recipe, fetched, "valid"))
    raise DataError(
        f"{bundle.folder}: there are no validation pairs, for {problem}",
        action="Give two files: nmt tune BUNDLE SOURCE REFERENCE",
    )


def read_pairs(bundle: Bundle, source: Path, reference: Path) -> Pairs:
    """Returns the pairs of two files.

    Raises:
        UsageError: the bundle takes the other kind of source.
        DataError: a file cannot be read, or their numbers of lines differ.
    """
    from nmt.decoding.stream import vectors_for

    if (vectors := vectors_for(bundle, source)) is None:
        rows = list(textio.read_parallel([source, reference]))
        return Pairs([row[0] for row in rows], [row[1] for row in rows])
    references = list(textio.read_lines(reference))
    if len(references) != len(vectors):
        raise DataError(
            f"{reference}: not as many lines as there are arrays",
            received=f"{len(references)} lines",
            expected=f"{len(vectors)} lines, one for each array of {source}",
        )
    return Pairs(vectors.lines, references, vectors)


def main_metric(recipe: Recipe) -> str:
    """Returns the metric that a recipe's model is judged by: the one it was selected on, if that is of text."""
    if recipe.training.select_on != "loss":
        return recipe.training.select_on
    return next((metric for metric in recipe.evaluation.metrics if metric != "perplexity"), "chrf")


def grid(bundle: Bundle, over: Sequence[str]) -> list[tuple[dict[str, Any], DecodingConfig]]:
    """Returns the settings to try: those of the bundle, and all combinations of ``over``.

    Args:
        bundle: whose other settings stay.
        over: ``key=value,value,...`` for keys of ``decoding``.

    Returns:
        The values of the keys that vary, and all settings, without what leads to the same search. The bundle's own come
        first, the others in the order of the values, those of the first key last to change.

    Raises:
        UsageError: there is no such key or value, or a combination makes no sense.
    """
    axes = [axis(text) for text in over]
    own = bundle.recipe.decoding
    found = {canonical_json(own.model_dump(mode="json")): own}
    for values in product(*(values for _, values in axes)):
        settings = own.model_dump(mode="json", exclude_none=True)
        for (key, _), value in zip(axes, values, strict=True):
            override(settings, f"{key}={value}")
        config = read_settings(DecodingConfig, settings, ", ".join(over))
        if config.beam_size == 1 and config.sampling is None:  # greedy search compares nothing that has a length
            config = config.model_copy(update={"length_penalty": own.length_penalty})
        found.setdefault(canonical_json(config.model_dump(mode="json")), config)
    return [({key: _value(config, key) for key, _ in axes}, config) for config in found.values()]


def _value(config: DecodingConfig, key: str) -> Any:
    value: Any = config.model_dump(mode="json")
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def tune(
    bundle: Bundle,
    pairs: Pairs,
    over: Sequence[str],
    metric: str,
    workspace: Workspace,
    say: Callable[[str], None],
) -> list[Candidate]:
    """Measures every setting of a grid; what was measured before is read.

    Args:
        bundle: the model.
        pairs: what it is judged by.
        over: see ``grid``.
        metric: of the score.
        workspace: where the results are kept, below ``tuning``.
        say: shows a line of progress.

    Raises:
        UsageError: a setting makes no sense, or there is no such metric.
    """
    options = MetricOptions.of(bundle.recipe.evaluation)
    recipe = bundle.recipe.model_dump(mode="json", exclude={"decoding", "name", "description", "leaderboard"})
    files = {name: sha256_of_file(bundle.folder / name) for name in bundle.files}
    folder = workspace.tuning(sha256_of_json([recipe, files, pairs.digest, metric]))
    candidates = []
    settings = grid(bundle, over)
    for number, (varied, config) in enumerate(settings, start=1):
        path = folder / f"{sha256_of_json(config.model_dump(mode='json'))}.json"
        if not path.is_file():
            score, rate = _measure(bundle, config, pairs, metric, options)
            write_json(path, {"score": score.to_json(), "words_per_second": rate})
        result = json.loads(path.read_bytes())
        score, rate = Score.from_json(result["score"]), float(result["words_per_second"])
        candidates.append(Candidate(varied, config, score, rate, config == bundle.recipe.decoding))
        shown = ", ".join(f"{key}={value}" for key, value in varied.items())
        say(f"{number} of {len(settings)}: {shown}: {score.label} {score.value:.2f}, {rate:,.0f} words/s")
    return candidates


def _measure(
    bundle: Bundle, config: DecodingConfig, pairs: Pairs, metric: str, options: MetricOptions
) -> tuple[Score, float]:
    """Returns the score of some settings, and the words that they write per second."""
    from nmt.decoding.translate import Translator

    translator = Translator(bundle, config.model_dump(mode="json"))

    def translate(lines: list[str]) -> list[str]:
        vectors = pairs.vectors
        return list(translator.translate_vectors(vectors, lines) if vectors else translator.translate(lines))

    translate(pairs.sources[:_WARM_UP_LINES])
    began = time.monotonic()
    hypotheses = translate(pairs.sources)
    seconds = time.monotonic() - began
    (score,) = score_lines(hypotheses, [pairs.references], [metric], options, sources=pairs.sources)
    return score, sum(len(line.split()) for line in hypotheses) / seconds


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """Returns the candidate with the best score; of equal ones that which comes first."""
    sign = -1 if candidates[0].score.lower_is_better else 1
    return max(candidates, key=lambda candidate: sign * candidate.score.value)
