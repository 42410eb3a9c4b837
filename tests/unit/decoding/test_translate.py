"""Which bundle takes which kind of source; streams that are interrupted."""

import gzip
from pathlib import Path
from types import SimpleNamespace

import pytest

from nmt.decoding.stream import translate_command, write_answers
from nmt.errors import DataError, UsageError
from nmt.model_config import EncoderConfig
from nmt.progress import Progress


@pytest.mark.parametrize(
    ("encoder", "source", "message"),
    [
        (EncoderConfig(), Path("features.npz"), r"features.npz: not what(.|\n)*an \.npz file(.|\n)*one sentence per"),
        (EncoderConfig(input="vectors", features=4), Path("a.txt"), r"a.txt: not what(.|\n)*text(.|\n)*of 4 features"),
        (EncoderConfig(input="vectors", features=4), None, "standard input: not what"),
    ],
    ids=["vectors for text", "text for vectors", "lines for vectors"],
)
def test_a_source_of_the_other_kind_is_refused_before_the_model_is_built(encoder, source, message):
    bundle = SimpleNamespace(recipe=SimpleNamespace(model=SimpleNamespace(encoder=encoder)))
    with pytest.raises(UsageError, match=message):
        translate_command(bundle, source, None, {})


LINES = [f"line {number}" for number in range(10)]
IDENTITY = {"bundles": ["a"], "decoding": {"beam_size": 2}}


class Shouter:
    """Answers in upper case, and meets an error when it comes to a line."""

    def __init__(self, fails_at: str = "", error: type[BaseException] = KeyboardInterrupt) -> None:
        self.fails_at = fails_at
        self.error = error
        self.answered: list[str] = []
        self.firsts: list[int] = []

    def __call__(self, lines, first_line):
        self.firsts.append(first_line)
        for line in lines:
            if line == self.fails_at:
                raise self.error
            self.answered.append(line)
            yield line.upper()


def write(answer, target, lines=LINES, identity=IDENTITY, **options):
    shown: list[str] = []
    progress = Progress(shown.append, pause=0.0)
    progress.total = 10
    count = write_answers(lines, answer, target, identity, progress, chunk_lines=3, **options)
    return count, shown


def interrupted(target):
    with pytest.raises(KeyboardInterrupt):
        write(Shouter("line 7"), target)
    assert not target.exists()


@pytest.mark.parametrize("name", ["target", "target.gz", "target.zst"])
def test_what_is_done_stays_done_and_the_file_is_the_same(tmp_path, name):
    undisturbed, target = tmp_path / f"undisturbed.{name}", tmp_path / name
    assert write(Shouter(), undisturbed)[0] == 10
    interrupted(target)
    again = Shouter()
    count, shown = write(again, target, resume=True)
    assert count == 10
    assert again.answered == LINES[6:]
    assert again.firsts == [7, 10]
    assert shown[0] == "going on at line 7"
    assert shown[1].startswith("9 of 10 lines, ")
    assert shown[1].endswith(" min left")
    assert target.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([target.name, undisturbed.name])


def test_without_the_option_it_begins_again(tmp_path):
    interrupted(tmp_path / "target")
    again = Shouter()
    write(again, tmp_path / "target")
    assert again.answered == LINES


def test_where_nothing_was_begun_it_begins(tmp_path):
    (tmp_path / "target").write_text("an older translation\n")
    again = Shouter()
    assert write(again, tmp_path / "target", resume=True)[1][0] == "going on at line 1"
    assert again.answered == LINES
    assert (tmp_path / "target").read_text() == "".join(f"{line.upper()}\n" for line in LINES)


def test_the_rest_of_the_text_may_be_mended_but_not_what_is_translated(tmp_path):
    target = tmp_path / "target"
    interrupted(target)
    for other in (["line 0", "line one", *LINES[2:]], LINES[:5]):
        with pytest.raises(DataError, match=r"of other text.*lines with sha256"):
            write(Shouter(), target, other, resume=True)
    write(Shouter(), target, [*LINES[:7], "mended"], resume=True)
    assert target.read_text().split("\n")[-2] == "MENDED"


def test_another_model_or_option_is_refused_by_its_name(tmp_path):
    interrupted(tmp_path / "target")
    for key, value in (("bundles", ["b"]), ("decoding", {"beam_size": 3})):
        with pytest.raises(UsageError, match=rf"Received: {key} .*Expected: {key} "):
            write(Shouter(), tmp_path / "target", identity=IDENTITY | {key: value}, resume=True)


def test_a_text_that_ends_with_a_chunk_and_one_without_lines(tmp_path):
    assert write(Shouter(), tmp_path / "six", LINES[:6])[0] == 6
    assert len((tmp_path / "six").read_text().split("\n")) == 7
    assert write(Shouter(), tmp_path / "none.gz", [])[0] == 0
    assert gzip.decompress((tmp_path / "none.gz").read_bytes()) == b""


def test_an_answer_may_have_several_lines_and_knows_the_number_of_its_first_line(tmp_path):
    def answer(chunk, first_line):
        return [f"{number} {text}" for number, line in enumerate(chunk, first_line) for text in (line, line.upper())]

    write(answer, tmp_path / "target")
    expected = "".join(f"{number} {line}\n{number} {line.upper()}\n" for number, line in enumerate(LINES, 1))
    assert (tmp_path / "target").read_text() == expected


def test_standard_output_cannot_be_continued():
    with pytest.raises(UsageError, match="--output"):
        translate_command(SimpleNamespace(), None, None, {}, resume=True)
