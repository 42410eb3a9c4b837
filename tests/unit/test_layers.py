"""The rules of the house that can be read off the source: imports, sizes, names."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "nmt"
# A module may import those before it. Outputs are scored to choose among them; training decodes and scores.
ORDER = [
    "errors storage textio engine remote parallel progress",
    "strict_yaml model_config corpora_config decoding_config config",
    "vectors",
    "corpora",
    "cleaning",
    "tokenizer",
    "vocabulary_extension word_alignment long_sources copied_words",
    "word_vectors",
    "dataset",
    "encoding",
    "lexical_table pair_alignment",
    "models",
    "bundle",
    "evaluation",
    "decoding",
    "export",
    "training",
    "charts",
    "leaderboard",
    "report visualize",
    "terminal",
    "pipeline",
    "cli",
]
RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names.split()}
TENSORFLOW_MODULES = {"dataset", "models", "training", "decoding", "export"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__main__.py",))


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" if node.module == "nmt" else node.module for alias in node.names]
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path):
    part = part_of(path)
    if part == "__init__":
        return
    for name in imported(path):
        pieces = name.split(".")
        if pieces[0] == "nmt" and len(pieces) > 1 and pieces[1] in RANKS:
            assert RANKS[pieces[1]] <= RANKS[part], f"{part} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_the_numeric_modules_import_tensorflow(path):
    if part_of(path) not in TENSORFLOW_MODULES:
        assert not [name for name in imported(path) if name.split(".")[0] in ("tensorflow", "keras")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 480
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 70, f"{node.name} is long"


def test_no_module_is_named_after_nothing():
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "misc"}
