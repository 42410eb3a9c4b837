"""Strict YAML: a file becomes a validated model, or an error that says where in the file and what to do.

YAML 1.2 rules hold: ``no`` is a word, ``1e-4`` is a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from nmt.errors import RecipeError, UsageError, nearest


class Strict(BaseModel):
    """A section of a recipe or card: unknown keys and implicit conversions are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


def refuse(faults: Iterable[tuple[bool, str]]) -> None:
    """Raises ValueError, as validators do, with the reason of the first fault that is there.

    Args:
        faults: whether each fault is there, and why it is one.
    """
    for there, reason in faults:
        if there:
            raise ValueError(reason)


# Tags and dates that are none make the reader raise whatever it meets first.
_READER_ERRORS = (YAMLError, ValueError, TypeError, AttributeError, RecursionError)

Model = TypeVar("Model", bound=Strict)


def read_yaml(path: Path) -> Any:
    """Reads a YAML 1.2 file: ``no`` is a word, ``1e-4`` is a number. The result remembers lines for messages.

    Raises:
        RecipeError: the file cannot be read or parsed; the message has line and column.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        return YAML(typ="rt").load(text)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})", action="Check the path") from error
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path}: not valid UTF-8",
            received=f"byte 0x{error.object[error.start]:02x} at {error.start}",
            expected="UTF-8",
        ) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        raise RecipeError(
            f"{place}: not valid YAML",
            received=" ".join(part for part in (error.problem, error.context) if part),
            expected="YAML 1.2",
            action="Check the indentation and the colons near that place",
        ) from error
    except _READER_ERRORS as error:
        raise RecipeError(f"{path}: not valid YAML", received=str(error), expected="YAML 1.2") from error


def validate(model: type[Model], tree: Any, path: Path) -> Model:
    """Validates what was read from ``path`` as a ``model``.

    Raises:
        RecipeError: with one line per fault: place, what was received, what was expected.
    """
    try:
        return model.model_validate(_plain(tree))
    except RecursionError as error:
        raise RecipeError(f"{path}: a value contains itself", action="Remove the alias") from error
    except ValidationError as error:
        faults = [_describe(fault, model, tree, str(path)) for fault in error.errors()]
        raise RecipeError("\n".join(faults)) from error


def read_settings(model: type[Model], settings: dict[str, Any], place: str) -> Model:
    """Validates settings of the command line as a section of the recipe.

    Raises:
        UsageError: a setting is unknown or out of range.
    """
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise UsageError("\n".join(_describe(fault, model, settings, place) for fault in error.errors())) from error


def _plain(value: Any) -> Any:
    """Returns the value in Python's own types, without the marks of the YAML reader."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def override(tree: Any, setting: str) -> None:
    """Applies one ``dotted.key=value`` of the command line to what was read from a file.

    Raises:
        RecipeError: it has no such form, or leads through something that is not a section.
    """
    key, separator, text = setting.partition("=")
    if not separator or not key:
        raise RecipeError(
            f"--set {setting}: not a setting", expected="key=value", action="For instance --set training.max_epochs=3"
        )
    try:
        value = YAML(typ="safe").load(text)
    except _READER_ERRORS as error:
        raise RecipeError(f"--set {setting}: the value is not YAML", received=text) from error
    if not isinstance(tree, dict):
        raise RecipeError(f"--set {setting}: the recipe is not a mapping", received=type(tree).__name__)
    *parents, last = key.split(".")
    node: Any = tree
    for part in parents:
        child = _child(node, part)
        if child is None and isinstance(node, dict):
            child = node[part] = {}
        if not isinstance(child, dict | list):
            raise RecipeError(f"--set {setting}: {part} is not a section of the recipe", received=child)
        node = child
    if isinstance(node, list):
        if _child(node, last) is None:
            raise RecipeError(f"--set {setting}: the list has no item {last}", expected=f"0 to {len(node) - 1}")
        node[int(last)] = value
    else:
        node[last] = value


def _child(node: Any, part: str) -> Any:
    if isinstance(node, list):
        return node[int(part)] if part.isascii() and part.isdigit() and int(part) < len(node) else None
    return node.get(part) if isinstance(node, dict) else None


def _describe(fault: Any, model: type[Strict], tree: Any, origin: str) -> str:
    """Turns one fault that pydantic found in what ``origin`` gave into a sentence: place, received, expected, nearest
    key."""
    # Branches of a union appear in pydantic's location as names of types; only what stands in the file is kept.
    location: list[str | int] = []
    node, line = tree, None
    for part in fault["loc"]:
        if isinstance(node, dict) and part not in node and part is not fault["loc"][-1]:
            continue
        location.append(part)
        line = _line(node, part) or line
        node = _child(node, str(part))
    dotted = ".".join(str(part) for part in location) or "the recipe"
    place = f"{origin}, line {line}: {dotted}" if line else f"{origin}: {dotted}"
    if fault["type"] == "extra_forbidden":
        names = list(
            dict.fromkeys(name for section in _sections(model, location[:-1]) for name in section.model_fields)
        )
        close = nearest(str(location[-1]), names)
        hint = f" Did you mean {close}?" if close else ""
        expected = f" Expected: one of {', '.join(names)}." if names else ""
        return f"{place}: unknown key.{expected}{hint}"
    if fault["type"] == "missing":
        return f"{place}: missing. Expected: a value for it."
    if fault["type"] == "union_tag_not_found":
        return f"{place}: the key {fault['ctx']['discriminator']} is missing, which says what it is."
    message = fault["msg"].removeprefix("Value error, ")
    received = "" if isinstance(fault["input"], dict | list | BaseModel) else f" Received: {fault['input']!r}."
    return f"{place}: {message[0].lower() + message[1:]}.{received}"


def _line(node: Any, part: str | int) -> int | None:
    """Returns the line, counted from 1, at which a key or an item stands in the file."""
    marks = getattr(node, "lc", None)
    try:
        position = marks.key(part) if isinstance(node, dict) else marks.item(part)  # type: ignore[union-attr]
        return int(position[0]) + 1
    except (AttributeError, KeyError, IndexError, TypeError):
        return None  # what came in by a merge key has no place of its own


def _sections(model: type[Strict], location: list[str | int]) -> list[type[Strict]]:
    """Returns the models that the section at a location may have: several where it is one of a union."""
    sections = [model]
    for part in location:
        fields = [section.model_fields[part] for section in sections if part in section.model_fields]
        if fields:  # otherwise an item of a list, or a key of a mapping, whose models are those of the whole
            sections = [found for field in fields for found in _models_in(field.annotation)]
    return sections


def _models_in(annotation: Any) -> list[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
