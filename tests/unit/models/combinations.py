"""A covering set of the model family: every pair of settings that can stand together occurs in some combination."""

import itertools
import random

from pydantic import ValidationError

from nmt.model_config import ModelConfig

SETTINGS = {
    "cell": ["lstm", "gru"],
    "embedding.tie": ["all", "target", "source_target", "source_output", "none"],
    "encoder.layers": [1, 2, 4],
    "encoder.bidirectional": [True, False, "bottom"],
    "encoder.reverse_source": [False, True],
    "encoder.residual": [False, True],
    "encoder.layer_norm": [False, True],
    "decoder.layers": [1, 2, 4],
    "decoder.units": [8, 12],
    "decoder.residual": [False, True],
    "decoder.layer_norm": [False, True],
    "decoder.initial_state": ["final", "projection", "mean", "zero"],
    "decoder.feed_summary": [False, True],
    "decoder.feed_token": [True, False],
    "decoder.attention": ["none", "dot", "scaled_dot", "general", "concat", "additive"],
    "decoder.heads": [1, 2],
    "decoder.window": ["global", "local_m", "local_p"],
    "decoder.query": ["bottom", "top"],
    "decoder.input_feeding": [False, True],
    "decoder.coverage": [False, True],
    "decoder.copy_source": ["none", "pointer_generator", "pointer"],
    "variational_dropout": [False, True],
    "word_dropout": [0.0, 0.3],
}
FIXED = {"embedding": {"size": 6}, "encoder": {"units": 8}, "decoder": {"window_radius": 2}, "dropout": 0.3}


def configure(choice):
    """Returns the model section for a choice of one value per setting, or None where it is refused."""
    tree = {name: dict(value) if isinstance(value, dict) else value for name, value in FIXED.items()}
    for path, value in choice.items():
        *section, key = path.split(".")
        (tree[section[0]] if section else tree)[key] = value
    try:
        return ModelConfig.model_validate(tree)
    except ValidationError:
        return None


def pairs_of(choice):
    return set(itertools.combinations(sorted(choice.items(), key=lambda item: item[0]), 2))


def covering_set(least=60, seed=1):
    """Chooses combinations greedily until no new pair turns up; returns them, and the pairs that they cover."""
    generator = random.Random(seed)
    chosen, covered, in_vain = [], set(), 0
    while in_vain < 8 or len(chosen) < least:
        drawn = [{path: generator.choice(values) for path, values in SETTINGS.items()} for _ in range(600)]
        valid = [(choice, config) for choice in drawn if (config := configure(choice)) is not None]
        choice, config = max(valid, key=lambda item: len(pairs_of(item[0]) - covered))
        new = pairs_of(choice) - covered
        in_vain = 0 if new else in_vain + 1
        if new or len(chosen) < least:
            covered |= new
            chosen.append((choice, config))
    return chosen, covered


def name_of(choice):
    return "-".join(str(value) for value in choice.values())
