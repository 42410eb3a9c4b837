"""Systems of which there is only text: what is entered, what is refused, and that nothing is added then."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from nmt.errors import DataError, NmtError, UsageError
from nmt.evaluation.scores import score_lines
from nmt.leaderboard.additions import Additions, enter_files
from nmt.leaderboard.languages import is_language, split_languages
from nmt.leaderboard.records import board_path, read_records
from nmt.leaderboard.texts import TextStore

SOURCE = ["Ein Haus am See.", "Der alte Mann liest.", "Gestern hat es geregnet.", "Wo ist der Bahnhof?"]
GOOD = ["A house by the lake.", "The old man reads.", "It rained yesterday.", "Where is the station?"]
OTHER = ["A house at the lake.", "The old man is reading.", "Yesterday it rained.", "Where is the railway station?"]
BAD = ["A tree by the lake.", "An old man.", "It was yesterday.", "Where is the man?"]


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    write(tmp_path / "test.de", SOURCE)
    write(tmp_path / "test.en", GOOD)
    write(tmp_path / "other.en", OTHER)
    write(tmp_path / "bad.en", BAD)
    return tmp_path / "boards"


def additions(boards: Path, **changes: object) -> Additions:
    folder = boards.parent
    base = Additions(
        "board",
        system="mine",
        hypothesis=folder / "bad.en",
        source=folder / "test.de",
        references=(str(folder / "test.en"),),
        languages="de-en",
        bootstrap_samples=0,
    )
    return replace(base, **changes)


def records_of(boards: Path):
    records, problems = read_records(board_path(boards, "board"))
    assert problems == []
    return records


def test_a_text_is_entered_with_scores_digests_and_a_baseline(boards: Path) -> None:
    added, compared = enter_files(boards, additions(boards, parameters=7, training_minutes=2, words_per_second=3.5))
    mine, copy = records_of(boards)
    assert added == [mine, copy]
    assert compared == []
    assert (mine.system, mine.origin, mine.languages, mine.seed) == ("mine", "text", "de-en", None)
    assert (mine.parameters, mine.training_seconds, mine.words_per_second) == (7, 120.0, 3.5)
    assert mine.scores == {"test": score_lines(BAD, [GOOD], ["bleu", "chrf"])}
    assert (copy.system, copy.origin, copy.parameters) == ("copy of the source", "baseline", None)
    store = TextStore(boards)
    assert list(store.get(mine.hypothesis_digests["test"]).lines) == BAD
    assert list(store.get(mine.source_digests["test"]).lines) == SOURCE
    assert list(store.get(mine.reference_digests["test"]["reference"]).lines) == GOOD
    assert copy.hypothesis_digests == mine.source_digests


def test_several_references_are_scored_alone_and_together(boards: Path) -> None:
    folder = boards.parent
    references = (f"A={folder / 'test.en'}", f"B={folder / 'other.en'}")
    enter_files(boards, additions(boards, references=references, metrics=("chrf",)))
    mine = records_of(boards)[0]
    expected = {"test/A": [GOOD], "test/B": [OTHER], "test/all": [GOOD, OTHER]}
    assert mine.scores == {view: score_lines(BAD, sides, ["chrf"]) for view, sides in expected.items()}
    assert list(mine.reference_digests["test/all"]) == ["A", "B"]
    assert len(set(mine.test_digests.values())) == 3


def test_a_later_text_needs_only_its_file_and_is_scored_as_the_others(boards: Path) -> None:
    enter_files(boards, additions(boards, metrics=("chrf", "bleu"), tokenize="char", lowercase=True))
    enter_files(boards, Additions("board", "second", boards.parent / "other.en", bootstrap_samples=0))
    mine, _, second = records_of(boards)
    assert second.system == "second"
    assert second.test_digests == mine.test_digests
    assert [score.signature for score in second.scores["test"]] == [score.signature for score in mine.scores["test"]]


def test_the_same_text_is_entered_once(boards: Path) -> None:
    enter_files(boards, additions(boards))
    before = board_path(boards, "board").read_bytes()
    assert enter_files(boards, additions(boards))[0] == []
    assert board_path(boards, "board").read_bytes() == before


def test_summaries_have_the_first_words_as_a_baseline(boards: Path) -> None:
    enter_files(boards, additions(boards, summaries=True))
    lead = records_of(boards)[2]
    assert (lead.system, lead.origin) == ("lead-4 words", "baseline")
    lines = TextStore(boards).get(lead.hypothesis_digests["test"]).lines
    assert lines == ("Ein Haus am See.", "Der alte Mann liest.", "Gestern hat es geregnet.", "Wo ist der Bahnhof?")
    assert [score.name for score in lead.scores["test"]] == ["rouge1", "rouge2", "rougeL"]


def test_a_folder_of_outputs_is_entered_by_the_names_of_the_files(boards: Path) -> None:
    folder = boards.parent / "outputs"
    for name, lines in {"Online-A": BAD, "my.system": OTHER}.items():
        write(folder / f"news.de-en.hyp.{name}.en", lines)
    enter_files(boards, additions(boards, system=None, hypothesis=None, hypotheses=folder))
    assert [record.system for record in records_of(boards)] == ["Online-A", "my.system", "copy of the source"]


ERRORS = {
    "too short": ({"hypothesis": BAD[:3]}, r"test\.de, line 4\)"),
    "too long": ({"hypothesis": [*BAD, "more"]}, r"wrong\.en, line 5\)"),
    "empty": ({"hypothesis": []}, r"wrong\.en, line 1: the file is empty"),
    "blank": ({"hypothesis": ["", " "]}, r"wrong\.en, line 1: the file is empty"),
    "not UTF-8": ({"hypothesis": [*BAD[:2], "\udcff", BAD[3]]}, r"wrong\.en, line 3: not valid UTF-8.*0xff"),
    "reference too short": ({"reference": GOOD[:2]}, r"test\.de, line 3\)"),
}


@pytest.mark.parametrize(("files", "message"), ERRORS.values(), ids=ERRORS)
def test_a_wrong_file_is_named_with_its_line_and_nothing_is_added(boards: Path, files, message: str) -> None:
    changes: dict[str, object] = {}
    for kind, lines in files.items():
        path = boards.parent / ("wrong.en" if kind == "hypothesis" else "wrong-reference.en")
        path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
        changes |= {"hypothesis": path} if kind == "hypothesis" else {"references": (str(path),)}
    with pytest.raises(DataError, match=message):
        enter_files(boards, additions(boards, **changes))
    assert not boards.exists()


def test_one_wrong_file_of_many_keeps_all_out(boards: Path) -> None:
    folder = boards.parent / "outputs"
    write(folder / "a.en", BAD)
    write(folder / "b.en", BAD[:1])
    with pytest.raises(DataError, match=r"b\.en and .*test\.de have different numbers of lines"):
        enter_files(boards, additions(boards, system=None, hypothesis=None, hypotheses=folder))
    assert not boards.exists()


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"metrics": ("blue",)}, UsageError, r"--metric blue: there is no such metric.*Did you mean bleu"),
        ({"languages": "de-xx"}, UsageError, "xx is not the code of a language"),
        ({"languages": "german"}, UsageError, "not a pair of languages"),
        ({"languages": "en-de"}, DataError, r"test\.de, line 1: the file's name says.*language de"),
        ({"languages": "de-fr"}, DataError, r"test\.en, line 1: the file's name says.*language en"),
        ({"system": None}, UsageError, "belong together"),
        ({"system": " "}, UsageError, "the name is empty"),
        ({"hypotheses": Path("x")}, UsageError, "say what is to be added"),
        ({"source": None}, UsageError, "belong together"),
        ({"source": None, "references": ()}, UsageError, "no test set whose texts are kept"),
        ({"references": ("all=x", "b=y")}, UsageError, "cannot be the name of a reference"),
        ({"hypothesis": Path("nowhere.en")}, DataError, r"nowhere\.en: cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_added(boards: Path, changes, kind, message: str) -> None:
    with pytest.raises(kind, match=message):
        enter_files(boards, additions(boards, **changes))
    assert not boards.exists()


def test_a_test_set_has_one_pair_of_languages(boards: Path) -> None:
    enter_files(boards, additions(boards))
    before = board_path(boards, "board").read_bytes()
    for name in ("bad", "test"):
        write(boards.parent / name, BAD)
    other = {"source": boards.parent / "test", "references": (str(boards.parent / "test"),), "languages": "nl-sv"}
    with pytest.raises(DataError, match=r"board\.jsonl: test has other languages there"):
        enter_files(boards, additions(boards, hypothesis=boards.parent / "bad", **other))
    with pytest.raises(DataError, match=r"bad, line 1: the languages are not those of test"):
        enter_files(boards, Additions("board", "x", boards.parent / "bad", languages="nl-sv"))
    assert board_path(boards, "board").read_bytes() == before


def test_a_run_takes_no_other_options() -> None:
    Additions("board").check_only_a_run()
    with pytest.raises(UsageError, match="--run"):
        Additions("board", lowercase=True).check_only_a_run()


def test_languages() -> None:
    assert split_languages("en-de") == ("en", "de")
    assert split_languages("en-zh-Hans") == ("en", "zh-Hans")
    assert split_languages("pt_BR-hsb") == ("pt_BR", "hsb")
    assert not any(map(is_language, ["", "e", "xx", "EN", "english", "en-"]))
    with pytest.raises(NmtError):
        split_languages("en")


def test_an_altered_text_is_noticed(boards: Path) -> None:
    enter_files(boards, additions(boards))
    digest = records_of(boards)[0].hypothesis_digests["test"]
    path = boards / "texts" / f"{digest}.txt.gz"
    path.write_bytes(gzip.compress(b"something else\n"))
    with pytest.raises(DataError, match="altered after it was kept"):
        TextStore(boards).get(digest)


_WRITER = """
import sys
from pathlib import Path
from nmt.leaderboard.additions import Additions, enter_files

boards, name = Path(sys.argv[1]), sys.argv[2]
folder = boards.parent
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    output = folder / f"{name}{number}.en"
    output.write_text("".join(f"{name} {number} {line}\\n" for line in "abcd"), encoding="utf-8")
    enter_files(boards, Additions("board", f"{name}{number}", output, source=folder / "test.de",
        references=(str(folder / "test.en"),), metrics=("exact",), bootstrap_samples=0))
"""


def test_two_processes_add_a_hundred_each_and_nothing_is_lost_or_torn(boards: Path, run_together) -> None:
    run_together(_WRITER, [str(boards), "left"], [str(boards), "right"])
    records = records_of(boards)
    expected = [f"{name}{number}" for name in ("left", "right") for number in range(100)]
    assert sorted(record.system for record in records) == sorted([*expected, "copy of the source"])
    store = TextStore(boards)
    for record in records:
        assert len(store.get(record.hypothesis_digests["test"]).lines) == 4
    assert not [path for path in (boards / "texts").iterdir() if path.suffix == ".tmp"]
