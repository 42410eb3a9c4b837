"""N lines in, N lines out, through the reader and the writer of ``nmt translate``; only the network is a fake."""

import io
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_textio_contract import LINES

import nmt.decoding.decoder
from nmt.cleaning.normalize import is_blank, normalizer_of
from nmt.config import Recipe
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.stream import translate_command
from nmt.decoding.translate import Translator
from nmt.decoding_config import DecodingConfig
from nmt.errors import UsageError
from nmt.textio import count_lines, encode_line, read_lines

CORPORA = {"source": "a", "target": "b", "train": ["c/d"], "valid": ["c/d"]}


class Codes:
    """A tokenizer whose ids are the characters' numbers, and which gives line breaks away if they come in."""

    def encode(self, texts):
        return [[ord(character) for character in text] for text in texts]

    def encode_with_spans(self, texts):
        return [(ids, [(at, at + 1) for at in range(len(ids))]) for ids in self.encode(texts)]

    def decode(self, sequences):
        return ["".join(map(chr, ids[:-1])) for ids in sequences]


class Echo:
    def __init__(self, model, config, table, word_starts=None):
        pass

    def decode(self, sources, hypotheses, conditions):
        return [[Hypothesis(ids, 0.0, 0.0)] for ids in sources]


@pytest.fixture(autouse=True)
def echo(monkeypatch):
    monkeypatch.setattr(nmt.decoding.decoder, "BatchDecoder", Echo)


def bundle_of(cleaning, max_source_tokens=1000):
    limits = {"max_source_tokens": max_source_tokens}
    recipe = Recipe.model_validate({"name": "x", "corpora": CORPORA, "cleaning": cleaning, "dataset": limits})
    return SimpleNamespace(
        recipe=recipe,
        normalize=normalizer_of(recipe.cleaning),
        tokenizers=SimpleNamespace(source=Codes(), target=Codes()),
        copier=None,
        model=lambda matrices: None,
        digest="0" * 64,
    )


BUNDLES = [
    bundle_of([]),
    bundle_of([{"normalize": {}}]),
    bundle_of([{"normalize": {"squeeze_spaces": False}}]),
    bundle_of([{"normalize": {}}], max_source_tokens=40),
]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, bundle=st.sampled_from(BUNDLES))
def test_from_file_to_file(lines, bundle):
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        source.write_bytes(b"".join(map(encode_line, lines)))
        translate_command(bundle, source, target, {})
        assert count_lines(target) == len(lines)
        for line, answer in zip(read_lines(source), read_lines(target), strict=True):
            if is_blank(line) and bundle is not BUNDLES[0]:
                assert is_blank(answer)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, bundle=st.sampled_from(BUNDLES), ends=st.booleans())
def test_from_standard_input_to_standard_output(lines, bundle, ends):
    content = b"\r\n".join(encode_line(line)[:-1] for line in lines) + (b"\n" if ends else b"")
    expected = content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))
    output = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        patch.setattr(sys, "stdout", io.TextIOWrapper(output, write_through=True))
        translate_command(bundle, None, None, {})
        assert output.getvalue().count(b"\n") == expected


@pytest.mark.parametrize("chunk_lines", [1, 2, 100])
def test_the_order_does_not_depend_on_the_chunks(chunk_lines):
    lines = ["third", "", "a", "\u200b", "the second longest"]
    answers = Translator(BUNDLES[1]).translate(lines, chunk_lines)
    assert list(answers) == ["third", "", "a", "", "the second longest"]


def test_a_pipe_is_read_once(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, "one\n\u200b\ntwo\n".encode())
    os.close(writing)
    translate_command(BUNDLES[0], Path(f"/dev/fd/{reading}"), tmp_path / "target", {})
    os.close(reading)
    assert (tmp_path / "target").read_text() == "one\n\ntwo\n"


def test_an_unknown_setting_is_refused():
    with pytest.raises(UsageError, match="beam_size"):
        Translator(BUNDLES[0], {"beam_size": 0})
    assert Translator(BUNDLES[0], {"beam_size": 3})
    assert DecodingConfig().beam_size == 5
