"""Digests of stages: what an artifact depends on, as data, so that a change can be named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmt.config import Recipe
from nmt.pipeline.stage import Stage
from nmt.storage import canonical_json, sha256_of_json

_DIGEST_CHARACTERS = 16


def stage_facts(stage: Stage, recipe: Recipe, recipe_path: Path, inputs: dict[str, str]) -> dict[str, Any]:
    """Returns all that decides a stage's artifact.

    Args:
        stage: the stage.
        recipe: the recipe; only the stage's keys of it are read.
        recipe_path: the recipe's file.
        inputs: the digest of each input stage.
    """
    tree = recipe.model_dump(mode="json", exclude_none=True)
    return {
        "stage": stage.name,
        "version": stage.version,
        "settings": {key: _value(tree, key) for key in stage.keys},
        "inputs": inputs,
        "data": stage.identity(recipe, recipe_path) if stage.identity else None,
    }


def digest_of(facts: dict[str, Any]) -> str:
    """Returns the digest of a stage's facts: 16 hexadecimal characters."""
    return sha256_of_json(facts)[:_DIGEST_CHARACTERS]


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Says in what two sets of facts of one stage differ: one phrase per key or file, without the inputs' digests."""
    phrases = []
    if before.get("version") != after["version"]:
        phrases.append(f"a newer version of the stage ({before.get('version')} -> {after['version']})")
    for name, text in (("settings", ""), ("data", "data: ")):
        old, new = dict(_flat(before.get(name))), dict(_flat(after[name]))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key, _ABSENT) != new.get(key, _ABSENT):
                phrases.append(f"{text}{key} {_shown(old, key)} -> {_shown(new, key)}")
    return phrases


_ABSENT = object()
_SHOWN_CHARACTERS = 40


def _value(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields dotted keys and leaves."""
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value)]
    if not items:
        if prefix:
            yield prefix, value
        return
    for key, item in items:
        yield from _flat(item, f"{prefix}.{key}" if prefix else key)


def _shown(leaves: dict[str, Any], key: str) -> str:
    if key not in leaves:
        return "(absent)"
    text = canonical_json(leaves[key])
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
