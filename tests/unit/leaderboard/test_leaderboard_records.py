import json
from dataclasses import replace
from pathlib import Path

import pytest

from nmt.errors import DataError, UsageError
from nmt.evaluation.scores import Score
from nmt.leaderboard.records import Record, append_record, board_names, board_path, read_records
from nmt.storage import sha256_of_json


def make(run: str, system: str = "small", value: float = 30.0) -> Record:
    return Record(
        board="board",
        system=system,
        time="2026-01-02T03:04:05Z",
        recipe={"name": system, "description": "Grüße\u2028!"},
        recipe_digest="a",
        run_digest=run,
        seed=1,
        version="0.1.0",
        scores={"test": [Score("bleu", value, "nrefs:1", value - 1, value + 1, 100)]},
        test_digests={"test": "t"},
        hypothesis_digests={"test": "h"},
        bundle_digest="b",
        parameters=1000,
        training_seconds=90,
        words_per_second=None,
    )


def test_append_and_read(tmp_path: Path) -> None:
    path = board_path(tmp_path / "boards", "board")
    first, second = make("1"), make("2", value=31)
    assert append_record(path, first)
    assert append_record(path, second)
    records, problems = read_records(path)
    assert records == [first, second]
    assert [record.digest for record in records] == [first.digest, second.digest]
    assert problems == []


def test_a_run_is_recorded_once(tmp_path: Path) -> None:
    path = board_path(tmp_path, "board")
    assert append_record(path, make("1"))
    before = path.read_bytes()
    assert not append_record(path, replace(make("1"), time="later"))
    assert path.read_bytes() == before


def test_the_same_run_with_other_hypotheses_is_another_record(tmp_path):
    path = board_path(tmp_path, "multi30k")
    assert append_record(path, make("1"))
    assert append_record(path, replace(make("1"), hypothesis_digests={"test": "f" * 64}))
    assert len(read_records(path)[0]) == 2


def test_digest_depends_on_every_field() -> None:
    record = make("1")
    changes: list[Record] = [replace(record, seed=2), replace(record, parameters=None), make("1", value=30.01)]
    assert len({record.digest, *(changed.digest for changed in changes)}) == 4
    assert replace(record, training_seconds=90.0).digest == record.digest


def test_an_altered_record_is_found_and_hides_no_other(tmp_path: Path) -> None:
    path = board_path(tmp_path, "board")
    for run in "123":
        append_record(path, make(run))
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b'"value": 30.0', b'"value": 39.0')
    path.write_bytes(b"\n".join(lines))
    records, problems = read_records(path)
    assert [record.run_digest for record in records] == ["1", "3"]
    [problem] = problems
    assert problem.startswith(f"{path}, line 2: ")
    assert "altered" in problem


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_torn_last_line_is_kept_and_the_next_record_is_whole(tmp_path: Path, cut: int) -> None:
    path = board_path(tmp_path, "board")
    append_record(path, make("1"))
    whole = path.read_bytes()
    torn = json.dumps(make("2").to_json(), ensure_ascii=False).encode()[:cut]
    path.write_bytes(whole + torn)
    assert append_record(path, make("2"))
    assert path.read_bytes().startswith(whole + torn + b"\n")
    records, problems = read_records(path)
    assert records == [make("1"), make("2")]
    assert len(problems) == 1
    assert f"{path}, line 2: " in problems[0]


def test_a_line_that_lacks_only_its_end_is_a_record(tmp_path: Path) -> None:
    path = board_path(tmp_path, "board")
    append_record(path, make("1"))
    path.write_bytes(path.read_bytes()[:-1])
    assert not append_record(path, make("1"))
    assert append_record(path, make("2"))
    assert read_records(path) == ([make("1"), make("2")], [])


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00", b"[]", b"{}", b"null", b"[" * 100_000, b'{"digest": "x"}', b"NaN"])
def test_damage_of_every_kind_is_a_problem(tmp_path: Path, damage: bytes) -> None:
    path = board_path(tmp_path, "board")
    append_record(path, make("1"))
    path.write_bytes(damage + b"\n" + path.read_bytes())
    records, problems = read_records(path)
    assert records == [make("1")]
    assert len(problems) == 1
    assert f"{path}, line 1: " in problems[0]


@pytest.mark.parametrize("change", [{"scores": []}, {"scores": {"test": [{"name": "bleu"}]}}, {"later": 1}])
def test_a_rightly_signed_record_of_another_form(tmp_path: Path, change: dict[str, object]) -> None:
    from nmt.storage import canonical_json, sha256_of_text

    fields = {name: value for name, value in make("1").to_json().items() if name != "digest"} | change
    fields["digest"] = sha256_of_text(canonical_json(fields))
    path = board_path(tmp_path, "board")
    path.write_text(json.dumps(fields) + "\n")
    records, problems = read_records(path)
    assert not records
    assert len(problems) == 1


def test_a_missing_board_tells_which_there_are(tmp_path: Path) -> None:
    append_record(board_path(tmp_path, "multi30k"), make("1"))
    with pytest.raises(DataError, match=r"one of multi30k.*Did you mean multi30k"):
        read_records(board_path(tmp_path, "multi30"))
    with pytest.raises(DataError, match="none has been written"):
        read_records(board_path(tmp_path / "nowhere", "demo"))
    assert board_names(tmp_path) == ["multi30k"]


@pytest.mark.parametrize("board", ["", "../x", "a/b", "a\\b", ".hidden", "c:d", "a\nb"])
def test_a_board_cannot_lie_elsewhere(tmp_path: Path, board: str) -> None:
    with pytest.raises(UsageError, match="not the name of a leaderboard"):
        board_path(tmp_path, board)


_WRITER = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from nmt.leaderboard import records
from nmt.leaderboard.records import Record, append_record

path, name = Path(sys.argv[1]), sys.argv[2]
record = Record.from_json(json.loads(sys.argv[3]))
parse = records._parse

def slow_parse(*arguments):  # time for the other process to come between looking and writing
    result = parse(*arguments)
    time.sleep(0.005)
    return result

records._parse = slow_parse
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    append_record(path, replace(record, run_digest=f"{name}{number}"))
    append_record(path, replace(record, run_digest=f"shared{number}"))
"""


def test_two_processes_at_once_lose_nothing(tmp_path: Path, run_together) -> None:
    path = board_path(tmp_path, "board")
    record = json.dumps(make("0").to_json())
    run_together(_WRITER, [str(path), "left", record], [str(path), "right", record])
    records, problems = read_records(path)
    runs = [record.run_digest for record in records]
    assert problems == []
    assert sorted(runs) == sorted(f"{name}{number}" for name in ("left", "right", "shared") for number in range(20))


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": "abc"},
        {"parameters": 10**400},
        {"time": None},
        {"system": 7},
        {"seed": "1"},
        {"recipe": []},
        {"test_digests": []},
        {"hypothesis_digests": {"test": 1}},
    ],
)
def test_a_record_of_wrong_types_is_a_problem_of_its_line_alone(tmp_path: Path, change: dict[str, object]) -> None:
    path = board_path(tmp_path, "board")
    fields = {name: value for name, value in make("1").to_json().items() if name != "digest"} | change
    path.write_text(json.dumps(fields | {"digest": sha256_of_json(fields)}) + "\n", encoding="utf-8")
    append_record(path, make("2"))
    records, problems = read_records(path)
    assert [record.run_digest for record in records] == ["2"]
    assert len(problems) == 1
