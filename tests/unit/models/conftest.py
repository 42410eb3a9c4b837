import pytest

from nmt.config import TokenizerConfig
from nmt.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "text"
    path.write_text("abcdefgh ijklmnop\n", encoding="utf-8")
    return Tokenizer.train([path], TokenizerConfig(kind="char", vocab_size=40), seed=1)
