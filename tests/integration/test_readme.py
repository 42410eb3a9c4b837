"""What the README and the guides say is true: commands run, settings are valid, tables are those of the records."""

import ast
import re
import runpy
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
from conftest import Command, write_corpus
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The README's recipe is for real text; these make it small enough for a test.
SMALL = [
    "tokenizer={kind: char, vocab_size: 29}",
    "model={embedding: {size: 16}, encoder: {units: 16}, decoder: {units: 16}}",
    "training={max_epochs: 1}",
]


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return found


def test_its_recipe_and_its_commands_run_in_the_order_of_the_page(tmp_path):
    write_corpus(tmp_path)
    (tmp_path / "mine.yaml").write_text(block("yaml"), encoding="utf-8")
    command = Command(tmp_path)
    outputs = {}
    for line in block("sh").splitlines():
        text = b""
        if line.startswith("echo"):
            echo, line = line.split(" | ")
            text = (shlex.split(echo)[1] + "\n").encode()
        program, *arguments = shlex.split(line)
        assert program == "nmt"
        if arguments[0] in ("plan", "run"):
            arguments += [part for setting in SMALL for part in ("--set", setting)]
        outputs[line] = command(*arguments, stdin=text).stdout.decode()
    assert "BLEU" in outputs["nmt run mine.yaml"]
    assert "finished" in outputs["nmt status"]
    assert "BLEU" in outputs["nmt score hypotheses.de test.de"]
    assert outputs["nmt translate work/runs/mine/bundle"].count("\n") == 1
    assert "<html" in (tmp_path / "board.html").read_text(encoding="utf-8")
    program = [sys.executable, "-c", textwrap.dedent(block("python"))]
    printed = subprocess.run(program, cwd=tmp_path, env=command.environment, capture_output=True, check=True).stdout
    assert len(ast.literal_eval(printed.decode())) == 2


def test_its_recipe_is_valid_as_it_stands(tmp_path):
    from nmt.config import load_recipe

    path = tmp_path / "mine.yaml"
    path.write_text(block("yaml"), encoding="utf-8")
    assert load_recipe(path).name == "mine"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_settings_of_a_page_are_valid(page):
    from nmt.config import Recipe

    text = page.read_text(encoding="utf-8")
    settings = re.findall(r"`([a-z]+: [\[{][^`]*)`", text) if page.parent.name == "docs" else []
    settings += [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "name:" not in block]
    corpora = {"source": "en", "target": "de", "train": ["x/y", "x/z"], "valid": ["x/v"]}
    for snippet in settings:
        tree = YAML(typ="safe").load(snippet)
        if tree.keys() & {"train", "valid", "test"}:
            tree = {"corpora": corpora | tree}
        if "risk" in tree.get("training", {}):
            tree["tokenizer"] = {"source_from": "bundle"}
        training = {"label_smoothing": 0.0, **tree.pop("training", {})}
        Recipe.model_validate({"name": "own", "corpora": corpora, **tree, "training": training})


def test_the_synthetic_pairs_of_the_guide_are_valid():
    from nmt.config import Recipe

    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```yaml\n(synthetic:.*?)```", text, re.DOTALL)
    corpora = {"source": "en", "target": "de", "train": ["x/y"], "valid": ["x/z"]}
    recipe = Recipe.model_validate({"name": "own", "corpora": corpora, **YAML(typ="safe").load(lines)})
    assert [step.method for step in recipe.synthetic] == ["back_translation", "distillation"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    from nmt.cli import cli

    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^):#]+)\)", text):
        assert (page.parent / link).exists(), link
    for script in re.findall(r"python (benchmarks/\w+\.py)", text):
        assert (ROOT / script).exists(), script
    commands = [re.sub(r"\s+", " ", span) for span in re.findall(r"`nmt ([^`]*)`", text)]
    for command in commands:
        group, words = cli, shlex.split(command)
        while words and isinstance(group, click.Group) and words[0] in group.commands:
            group = group.commands[words.pop(0)]
        assert group is not cli, command
        known = {name for parameter in group.params for name in parameter.opts}
        shown = {name for parameter in cli.commands["leaderboard"].commands["show"].params for name in parameter.opts}
        known |= shown if isinstance(group, click.Group) else set()
        assert {word for word in words if word.startswith("--")} <= known, command


def test_its_models_of_the_papers_are_valid():
    from nmt.config import Recipe

    table = README.split("## The models of the papers")[1].split("\n## ")[0]
    rows = [re.findall(r"`([^`]*)`", line) for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 8
    corpora = {"source": "a", "target": "b", "train": ["x/y"], "valid": ["x/z"]}
    for settings in rows:
        sections = YAML(typ="safe").load("\n".join(settings))
        training = {"label_smoothing": 0.0, **sections.pop("training", {})}
        Recipe.model_validate({"name": "paper", "corpora": corpora, "model": sections, "training": training})


def test_its_other_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"demo", "test", "check", "bench", "papers"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert "test: " in makefile
    assert "make check" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [["schema"], ["recipes"], ["corpora", "list"], ["corpora", "show", "multi30k"]])
def test_its_lookups_answer(arguments, tmp_path):
    assert Command(tmp_path)(*arguments).stdout


def test_its_tables_are_those_of_the_records():
    with_tables = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))["with_tables"]
    assert with_tables(README) == README, "run: python benchmarks/readme.py"


def test_its_map_has_every_module():
    rows = re.findall(r"^\| (`[^|]*`) \| ", README, re.MULTILINE)
    mapped = {name for row in rows for name in re.findall(r"`([a-z_]+(?:\.py|/))`", row)}
    package = ROOT / "nmt"
    modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert mapped == modules | packages
