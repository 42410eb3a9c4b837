"""Folders of outputs as WMT publishes them."""

from pathlib import Path

import pytest

from nmt.errors import DataError
from nmt.leaderboard.additions import Additions, enter_files
from nmt.leaderboard.shared_task import SharedTask, names_of, read_published

LINES = "one line of some words\nanother line of other words\n"


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LINES, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.en-de.hyp.X.de", "a.en-de.hyp.Y-1.de"], ["X", "Y-1"]),
        (["a.en-de.hyp.X.de.gz", "a.en-de.hyp.X.2.de.gz"], ["X", "X.2"]),
        (["X.1574", "Y.12"], ["X.1574", "Y.12"]),
        (["X", "Y"], ["X", "Y"]),
        (["a.hyp.only.de"], ["a.hyp.only"]),
        (["out.txt"], ["out"]),
    ],
)
def test_names_are_what_is_special(files: list[str], expected: list[str]) -> None:
    assert list(names_of([Path(name) for name in files])) == expected


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="gives the same name, X"):
        names_of([Path("t.hyp.X.de"), Path("t.X.de")], common=1)


def test_a_pair_of_another_year_is_found(tmp_path: Path) -> None:
    folder = lay(
        tmp_path,
        "sources/generaltest2022.cs-en.src.cs",
        "references/generaltest2022.cs-en.ref.B.en",
        "references/generaltest2022.cs-en.refC.en",
        "system-outputs/generaltest2022.cs-en.hyp.CUNI.v2.en",
        "system-outputs/generaltest2022.cs-en.hyp.Lan-Bridge.en",
    )
    task = SharedTask.find(folder)
    assert (task.test, task.languages) == ("generaltest2022.cs-en", "cs-en")
    assert list(task.references) == ["B", "C"]
    assert list(task.hypotheses) == ["CUNI.v2", "Lan-Bridge"]


def test_one_reference_and_one_system(tmp_path: Path) -> None:
    folder = lay(tmp_path, "sources/t.en-ja.src.en", "references/t.en-ja.ref.A.ja", "system-outputs/t.en-ja.hyp.X.ja")
    task = SharedTask.find(folder)
    assert (list(task.references), list(task.hypotheses)) == (["A"], ["X"])


def test_one_pair_of_several_in_one_folder_or_below_it(tmp_path: Path) -> None:
    names = [
        f"{kind}.{pair}.{part}.{side}"
        for pair, target in (("en-de", "de"), ("en-cs", "cs"))
        for kind, part, side in (
            ("sources/t", "src", "en"),
            ("references/t", "ref.A", target),
            ("system-outputs/t", "hyp.X", target),
        )
    ]
    flat = lay(tmp_path / "flat", *names)
    with pytest.raises(DataError, match="several sources"):
        SharedTask.find(flat)
    assert SharedTask.find(flat, "en-cs").hypotheses == {"X": flat / "system-outputs" / "t.en-cs.hyp.X.cs"}
    deep = lay(tmp_path / "deep", *[f"{name.split('.')[1]}/{name}" for name in names])
    assert SharedTask.find(deep, "en-cs").source == deep / "en-cs" / "sources" / "t.en-cs.src.en"
    with pytest.raises(DataError, match="there are no files of en-fr"):
        SharedTask.find(flat, "en-fr")
    with pytest.raises(DataError, match="the folder cannot be read"):
        SharedTask.find(tmp_path / "nowhere")


def test_published_scores_are_compared(tmp_path: Path) -> None:
    folder = lay(tmp_path, "sources/t.en-de.src.en", "references/t.en-de.ref.A.de", "system-outputs/t.en-de.hyp.X.de")
    table = tmp_path / "scores.tsv"
    table.write_text(
        "pair\tsystem\tmetric\tscore\n"
        "en-de\tX\tbleu-A\t100.004\nen-de\tX\tchrf-all\t99.99\nen-de\tX\tCOMET-A\t1\nen-cs\tX\tbleu-A\t3\n"
        "en-de\tabsent\tchrf-all\t5\n"
    )
    additions = Additions("board", shared_task=folder, bootstrap_samples=0)
    _, compared = enter_files(tmp_path / "boards", additions, table)
    figures = {row.metric: (row.reproduced, row.published, row.worst) for row in compared}
    assert figures == {"bleu-A": (1, 1, "X"), "chrf-all": (0, 2, "absent")}


@pytest.mark.parametrize(
    ("text", "message"),
    [("pair\tsystem\n", "line 1: not a table"), ("system\tmetric\tscore\na\tb\tc\n", "line 2: not a published score")],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scores.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_published(path, "en-de")


@pytest.mark.parametrize(
    ("pair", "tokenize", "systems", "sets"),
    [("en-cs", None, ["Online-W", "eTranslation"], 3), ("en-ja", "char", ["MiSS"], 2)],
)
def test_the_scores_of_wmt21_are_reproduced(
    shared_corpora: Path, tmp_path: Path, pair: str, tokenize: str | None, systems: list[str], sets: int
) -> None:
    """Some systems of two pairs, to be fast."""
    folder = shared_corpora / "wmt21-systems"
    whole = SharedTask.find(folder / pair)
    for path in (whole.source, *whole.references.values(), *(whole.hypotheses[name] for name in systems)):
        link = tmp_path / "task" / path.relative_to(folder / pair)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    additions = Additions("wmt21", shared_task=tmp_path / "task", tokenize=tokenize, bootstrap_samples=0)
    added, compared = enter_files(tmp_path / "boards", additions, folder / "automatic-scores.tsv.gz")
    assert [record.system for record in added] == [*systems, "copy of the source"]
    assert len(compared) == 2 * sets
    assert {row.reproduced for row in compared} == {len(systems)}
