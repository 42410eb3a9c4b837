"""Vocabularies of subwords, characters or words: SentencePiece (Kudo and Richardson 2018) behind the line contract.

Text comes in normalised (see :mod:`nmt.cleaning.normalize`); the tokenizer itself changes nothing. The one character
that does not survive is U+2581, which SentencePiece uses for the space.
"""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, takewhile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from nmt.config import TokenizerConfig
from nmt.errors import BundleError, DataError
from nmt.storage import sha256_of_file, write_bytes, write_json
from nmt.textio import as_line, decode_lines, read_byte_lines

PAD = 0
UNK = 1
BOS = 2
EOS = 3

MARKER = "<synthetic>"
"""The piece that stands before synthetic sources (Caswell et al. 2019). No text is encoded to it: it has only an id."""

SAMPLE_LINES = 2_000_000
"""Most lines that a vocabulary is learnt from."""
SAMPLE_BYTES = 1 << 26
"""How large they are at most, about. SentencePiece needs 20 times as much memory."""

UNKNOWN_SURFACE = "\u2047"
"""How unknown pieces are shown."""

Ids = npt.NDArray[np.int32]
Lengths = npt.NDArray[np.int64]
Span = tuple[int, int]
"""The first character of a part of a text, and the one behind its last."""

_LARGEST = 1 << 30
_EVERY_CHARACTER = 0x110000 + 300  # those of Unicode, bytes and special pieces
# Characters with a meaning inside SentencePiece's trainer, which skips lines that have them.
_RESERVED = str.maketrans({"\0": " ", "\t": " ", "\u2585": " "})
_QUIET = 2  # of absl's levels: errors only
# A fixed number, not that of the machine's cores: sums over threads must be the same on every machine.
_THREADS = 16


class Tokenizer:
    """A trained vocabulary: text to ids and back.

    Args:
        model: the bytes of a SentencePiece model, as ``to_bytes`` gives them.

    Raises:
        BundleError: the model is damaged, or was trained with other special ids.
    """

    def __init__(self, model: bytes) -> None:
        import sentencepiece

        self._model = model
        try:
            self._processor: Any = sentencepiece.SentencePieceProcessor(model_proto=model) if model else None
        except (RuntimeError, OSError) as error:
            raise BundleError(
                "the tokenizer's model is damaged",
                received=f"{len(model)} bytes that SentencePiece cannot read",
                expected="a SentencePiece model",
                action="Make or fetch it again",
            ) from error
        ids = self._special_ids()
        if ids != (PAD, UNK, BOS, EOS):
            raise BundleError(
                "the tokenizer's model is damaged or not one of this project",
                received=f"pad, unk, bos, eos = {ids}",
                expected=f"{(PAD, UNK, BOS, EOS)}",
                action="Make or fetch it again",
            )

    @classmethod
    def train(
        cls, paths: Sequence[Path], config: TokenizerConfig, seed: int, at_most: bool = False, marker: bool = False
    ) -> Tokenizer:
        """Learns a vocabulary from the lines of ``paths``; the same lines, config and seed give the same bytes.

        Of more than ``SAMPLE_LINES`` lines, or ``SAMPLE_BYTES`` bytes, a random sample of the lines is read.

        Args:
            paths: the files.
            config: the ``tokenizer`` section.
            seed: of the sample.
            at_most: ``vocab_size`` is an upper limit for every kind: the text may have fewer pieces.
            marker: whether there is a piece for the marker of synthetic sources.

        Raises:
            DataError: a file cannot be read, there is no text, or ``vocab_size`` does not fit the text.
        """
        import sentencepiece

        lines = _Sentences(paths, seed)
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                model_type=config.kind,
                # For char the trainer would cut the alphabet in silence: it gets all it wants and is judged below.
                vocab_size=_EVERY_CHARACTER if config.kind == "char" else config.vocab_size,
                byte_fallback=config.byte_fallback,
                character_coverage=config.character_coverage,
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                # An unknown word has swallowed the space before it.
                unk_surface=f" {UNKNOWN_SURFACE}" if config.kind == "word" else UNKNOWN_SURFACE,
                pad_id=PAD,
                unk_id=UNK,
                bos_id=BOS,
                eos_id=EOS,
                control_symbols=[MARKER] if marker else [],
                max_sentence_length=_LARGEST,
                num_threads=_THREADS,
                minloglevel=_QUIET,
                # A text may have fewer words than vocab_size.
                hard_vocab_limit=config.kind != "word" and not at_most,
            )
        except RuntimeError as error:
            if lines.failure is not None:
                raise lines.failure from None
            raise _training_error(str(error), paths, config, lines.visible) from error
        tokenizer = cls(model.getvalue())
        size = tokenizer.vocab_size
        # The alphabet and the words of a side are what they are: for them vocab_size is an upper limit.
        limit_only = at_most or config.kind in ("char", "word")
        if not (size <= config.vocab_size if limit_only else size == config.vocab_size):
            raise _size_error(paths, config, size, size)
        return tokenizer

    @classmethod
    def from_bytes(cls, model: bytes) -> Tokenizer:
        """Returns the tokenizer whose ``to_bytes`` gave ``model``.

        Raises:
            BundleError: the model is damaged.
        """
        return cls(model)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_bytes, (self._model,)

    def to_bytes(self) -> bytes:
        """Returns the model, from which ``from_bytes`` makes an equal tokenizer."""
        return self._model

    @property
    def vocab_size(self) -> int:
        """The number of pieces, V, the four special ones included."""
        return int(self._processor.vocab_size())

    @property
    def pieces(self) -> list[str]:
        """The pieces in the order of their ids."""
        return [str(piece) for piece in self._processor.id_to_piece(list(range(self.vocab_size)))]

    @cached_property
    def kind(self) -> str:
        """What the vocabulary is made of: unigram, bpe, char or word."""
        from sentencepiece.sentencepiece_model_pb2 import ModelProto, TrainerSpec

        name: str = TrainerSpec.ModelType.Name(ModelProto.FromString(self._model).trainer_spec.model_type)
        return name.lower()

    @cached_property
    def scores(self) -> dict[str, float]:
        """The pieces that text is made of, without special ones and bytes, in the order of their ids.

        In a unigram vocabulary each has its log-probability; in bpe the order is that in which merges were learnt.
        """
        processor = self._processor
        special = (processor.is_control, processor.is_unknown, processor.is_byte)
        ids = [id_ for id_ in range(self.vocab_size) if not any(test(id_) for test in special)]
        return {str(processor.id_to_piece(id_)): float(processor.get_score(id_)) for id_ in ids}

    @property
    def marker(self) -> int | None:
        """The id of the marker; None in a vocabulary without one."""
        id_ = int(self._processor.piece_to_id(MARKER))
        return id_ if self._processor.is_control(id_) else None

    def encode(self, texts: Iterable[str]) -> list[list[int]]:
        """Returns the ids of each text, [S], without BOS and EOS; an empty text has none."""
        # As bytes, for a lone surrogate in a Python string has no UTF-8; it is read as a question mark.
        content = [text.encode("utf-8", "replace") for text in texts]
        return [list(ids) for ids in self._processor.encode(content, out_type=int)] if content else []

    def encode_flat(self, texts: Sequence[str], begin: bool = False) -> tuple[Ids, Lengths]:
        """Returns the ids of all texts side by side, each with EOS behind it, and how many each has.

        It takes hardly longer than SentencePiece does, and no memory for every id.

        Args:
            texts: the texts.
            begin: whether BOS stands before each.
        """
        content = [text.encode("utf-8", "replace") for text in texts]
        options = {"add_bos": begin, "add_eos": True, "num_threads": 1}
        rows = self._processor.encode(content, out_type=int, **options) if content else []
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum())), lengths

    def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Returns one line of text per sequence of ids, each read up to its first EOS.

        PAD and BOS are not shown. UNK is shown as U+2047; it stands for one or more unknown pieces in a row.
        """
        shown = [_shown(ids) for ids in sequences]
        texts = self._processor.decode(shown) if shown else []
        # Where the first word is unknown, its space is shown with it.
        return [
            as_line(text.removeprefix(" ") if ids[:1] == [UNK] else text)
            for ids, text in zip(shown, texts, strict=True)
        ]

    def encode_with_spans(self, texts: Iterable[str]) -> list[tuple[list[int], list[Span]]]:
        """Returns the ids of each text, as ``encode`` does, and the characters that each id stands for."""
        from sentencepiece.sentencepiece_pb2 import SentencePieceText

        results = []
        for text in texts:
            content = text.encode("utf-8", "replace")
            found = SentencePieceText.FromString(self._processor.encode(content, out_type="serialized_proto"))
            results.append(([piece.id for piece in found.pieces], _character_spans(content, found.pieces)))
        return results

    def decode_with_spans(self, sequences: Iterable[Sequence[int]]) -> list[tuple[str, list[Span]]]:
        """Returns the text of each sequence of ids, and the characters of the text that each id up to EOS has made.

        The text is that of ``decode`` but for its white space: the same words.
        """
        from sentencepiece.sentencepiece_pb2 import SentencePieceText

        results = []
        for ids in sequences:
            found = SentencePieceText.FromString(self._processor.decode(_shown(ids), out_type="serialized_proto"))
            spans = iter(_character_spans(found.text.encode("utf-8"), found.pieces))
            # What is not shown has no characters.
            results.append((found.text, [(0, 0) if id_ in (PAD, BOS) else next(spans) for id_ in _until_end(ids)]))
        return results

    def unknown_rate(self, lines: Iterable[str]) -> float:
        """Returns the fraction of the pieces of ``lines`` that are unknown, 0 to 1; 0 where there are none."""
        total = unknown = 0
        for ids in self.encode(lines):
            total += len(ids)
            unknown += ids.count(UNK)
        return unknown / total if total else 0.0

    def _special_ids(self) -> tuple[int, ...] | None:
        if self._processor is None:
            return None
        processor = self._processor
        return processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of both sides; the same one twice when ``shared``."""

    source: Tokenizer
    target: Tokenizer
    shared: bool
    kind: str = "unigram"
    INDEX: ClassVar[str] = "tokenizer.json"

    @classmethod
    def train_pair(
        cls,
        source_path: Path,
        target_path: Path,
        config: TokenizerConfig,
        seed: int,
        source: Tokenizer | None = None,
        target: Tokenizer | None = None,
        marker: bool = False,
    ) -> TokenizerPair:
        """Learns one vocabulary from both files, or one from each, as ``config.shared`` says.

        Args:
            source_path, target_path: the text of each side.
            config: the ``tokenizer`` section.
            seed: of the sample that is read.
            source, target: vocabularies that there are already; with ``config.shared`` the source's is that of both.
            marker: whether sources may begin with the marker.

        Raises:
            DataError: as :meth:`Tokenizer.train`, or a vocabulary that there is already lacks the marker.
        """
        if source is not None and marker and source.marker is None:
            raise DataError(
                "tokenizer.source_from: the vocabulary that is kept has no marker for synthetic sources",
                received="a vocabulary that was learnt without marked sources",
                action="Set mark to false in synthetic, or leave tokenizer.source_from out",
            )
        if config.shared:
            tokenizer = source or Tokenizer.train([source_path, target_path], config, seed, marker=marker)
            return cls(tokenizer, tokenizer, True, config.kind)
        source = source or Tokenizer.train([source_path], config, seed, marker=marker)
        return cls(source, target or Tokenizer.train([target_path], config, seed), False, config.kind)

    def save(self, folder: Path) -> None:
        """Writes ``shared.model``, or ``source.model`` and ``target.model``, and ``tokenizer.json`` to ``folder``."""
        tokenizers = {"shared": self.source} if self.shared else {"source": self.source, "target": self.target}
        models = {}
        for name, tokenizer in tokenizers.items():
            path = folder / f"{name}.model"
            write_bytes(path, tokenizer.to_bytes())
            models[name] = {"vocab_size": tokenizer.vocab_size, "sha256": sha256_of_file(path)}
        write_json(folder / self.INDEX, {"kind": self.kind, "shared": self.shared, "models": models})

    @classmethod
    def load(cls, folder: Path) -> TokenizerPair:
        """Reads what ``save`` wrote.

        Raises:
            BundleError: a file is missing or is not what was written.
        """
        path = folder / cls.INDEX
        try:
            description = json.loads(path.read_bytes())
            kind, shared, models = str(description["kind"]), bool(description["shared"]), description["models"]
            names = ("shared", "shared") if shared else ("source", "target")
            loaded = {name: _load_model(folder / f"{name}.model", models[name]) for name in set(names)}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleError(
                f"{path}: the tokenizer is incomplete or damaged",
                received=repr(error),
                expected="tokenizer.json and the models that it lists",
                action="Make or fetch it again",
            ) from error
        return cls(loaded[names[0]], loaded[names[1]], shared, kind)


class _Sentences:
    """The lines of some files, or a random sample of them, as SentencePiece's trainer takes them.

    Attributes:
        failure: what went wrong while reading; the trainer would hide it in an error of its own.
        visible: whether there was any text.
    """

    def __init__(self, paths: Sequence[Path], seed: int) -> None:
        self._paths = paths
        self._seed = seed
        self.failure: BaseException | None = None
        self.visible = False

    def __iter__(self) -> Iterator[str]:
        try:
            for line in self._sample():
                text = line.translate(_RESERVED)
                if text and not text.isspace():
                    self.visible = True
                    yield text
        except BaseException as error:
            self.failure = error
            raise

    def _sample(self) -> Iterator[str]:
        """Yields each of the n lines with the same chance, in order (Knuth, volume 2, 3.4.2, algorithm S)."""
        left = size = 0
        for line in chain.from_iterable(map(read_byte_lines, self._paths)):
            left += 1
            size += len(line)
        wanted = min(left, SAMPLE_LINES, left * SAMPLE_BYTES // max(size, 1))
        generator = random.Random(self._seed)
        for path in self._paths:
            for number, line in enumerate(read_byte_lines(path), start=1):
                if generator.random() * left < wanted:
                    wanted -= 1
                    yield from decode_lines([line], str(path), number)
                left -= 1


def _until_end(ids: Sequence[int]) -> list[int]:
    return list(takewhile(lambda id_: id_ != EOS, map(int, ids)))


def _shown(ids: Sequence[int]) -> list[int]:
    return [id_ for id_ in _until_end(ids) if id_ not in (PAD, BOS)]


def _character_spans(content: bytes, pieces: Iterable[Any]) -> list[Span]:
    """Turns the places of pieces in bytes of UTF-8 into places of characters."""
    # A character begins with every byte that continues none.
    place = [0, *accumulate(byte & 0xC0 != 0x80 for byte in content)]

    return [(place[piece.begin], place[piece.end]) for piece in pieces]


def _load_model(path: Path, description: Any) -> Tokenizer:
    if sha256_of_file(path) != description["sha256"]:
        raise BundleError(
            f"{path}: the tokenizer's model is not the one that was written",
            received=f"sha256 {sha256_of_file(path)}",
            expected=f"sha256 {description['sha256']}",
            action="Make or fetch it again",
        )
    tokenizer = Tokenizer.from_bytes(path.read_bytes())
    if tokenizer.vocab_size != description["vocab_size"]:
        raise BundleError(
            f"{path}: the tokenizer's model has another size",
            received=tokenizer.vocab_size,
            expected=description["vocab_size"],
            action="Make or fetch it again",
        )
    return tokenizer


def _training_error(message: str, paths: Sequence[Path], config: TokenizerConfig, visible: bool) -> DataError:
    """Turns what SentencePiece's trainer says into an error that says what to set."""
    files = ", ".join(map(str, paths))
    if not visible:
        return DataError(f"{files}: there is no text to learn a vocabulary from", action="Check the corpus")
    if too_high := re.search(r"Vocabulary size too high .*<= (\d+)", message):
        return _size_error(paths, config, largest=int(too_high[1]))
    if too_low := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return _size_error(paths, config, smallest=int(too_low[1]))
    return DataError(
        f"{files}: SentencePiece could not learn a vocabulary", received=message, expected="a trained model"
    )


def _size_error(
    paths: Sequence[Path], config: TokenizerConfig, smallest: int | None = None, largest: int | None = None
) -> DataError:
    """Returns the error for a ``vocab_size`` outside of what the text allows."""
    files = ", ".join(map(str, paths))
    if largest is not None and config.vocab_size > largest:
        return DataError(
            f"{files}: tokenizer.vocab_size is larger than the text allows for a {config.kind} vocabulary",
            received=config.vocab_size,
            expected=f"at most {largest}",
            action=f"Set tokenizer.vocab_size to {largest}" + ("" if config.kind == "char" else " or less"),
        )
    return DataError(
        f"{files}: tokenizer.vocab_size is smaller than the number of characters"
        f"{', bytes' if config.byte_fallback else ''} and special pieces",
        received=config.vocab_size,
        expected=f"at least {smallest}",
        action=f"Set tokenizer.vocab_size to {smallest}{'' if config.kind == 'char' else ' or more'},"
        " or lower tokenizer.character_coverage",
    )
