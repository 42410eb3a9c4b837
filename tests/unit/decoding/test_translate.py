"""Which bundle takes which kind of source; translation that is interrupted."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from nmt.decoding.output import OutputFormat
from nmt.decoding.translate import translate_command, translate_in_shards
from nmt.errors import UsageError
from nmt.model_config import EncoderConfig


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
        translate_command(bundle, source, None, {}, OutputFormat())


class Shouter:
    """Translates to upper case, and is killed when it comes to a line."""

    def __init__(self, killed_at: str = "") -> None:
        self.killed_at = killed_at
        self.translated: list[str] = []

    def translate(self, lines, chunk_lines):
        for line in lines:
            if line == self.killed_at:
                raise KeyboardInterrupt
            self.translated.append(line)
            yield line.upper()


def test_shards_that_are_done_stay_done(tmp_path):
    source, shards = tmp_path / "source", tmp_path / "shards"
    source.write_text("".join(f"line {number}\n" for number in range(10)))
    progress: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        list(translate_in_shards(Shouter("line 7"), source, shards, progress.append, shard_lines=3))
    assert sorted(path.name for path in shards.iterdir()) == ["000000.txt", "000001.txt"]
    again = Shouter()
    answers = list(translate_in_shards(again, source, shards, progress.append, shard_lines=3))
    assert answers == [f"LINE {number}" for number in range(10)]
    assert again.translated == [f"line {number}" for number in range(6, 10)]
    assert progress[-1].startswith("10 of 10 lines, ")
    silent = Shouter()
    assert list(translate_in_shards(silent, source, shards, progress.append, shard_lines=3)) == answers
    assert silent.translated == []
