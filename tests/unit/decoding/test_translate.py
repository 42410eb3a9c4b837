"""Which bundle takes which kind of source."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from nmt.decoding.translate import translate_command
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
        translate_command(bundle, source, None, {})
