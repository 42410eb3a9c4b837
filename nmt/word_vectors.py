"""Word vectors that others trained: text files of GloVe, word2vec or fastText, matched to a vocabulary.

A file has one line per word: the word, then E numbers, with single spaces between them; word2vec and fastText put a
line ``words E`` first. Files are large and vocabularies small, so lines are read as bytes and only those of wanted
words are parsed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmt.errors import DataError
from nmt.model_config import EmbeddingConfig
from nmt.textio import read_byte_lines
from nmt.tokenizer import BOS, EOS, PAD, UNK, TokenizerPair

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WORD_START = "\u2581"
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class InitialVectors:
    """The rows of an embedding matrix that were found in a file.

    Attributes:
        ids: the pieces that were found, [F].
        rows: their vectors, rescaled to the mean square of a matrix's random rows, [F, E].
        vocabulary: the number of all pieces, V.
    """

    ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.float32]
    vocabulary: int

    def summary(self) -> str:
        """Returns the share that was found, for people."""
        share = len(self.ids) / self.vocabulary
        return f"{len(self.ids):,} of {self.vocabulary:,} pieces found ({share:.1%})"

    def to_json(self) -> dict[str, int]:
        """Returns the counts, for a bundle's facts."""
        return {"found": len(self.ids), "vocabulary": self.vocabulary}


def vector_files(config: EmbeddingConfig, recipe_folder: Path) -> dict[str, Path]:
    """Returns the file of each side, ``source`` and ``target``, that has one; one file only for a shared matrix."""
    files = {"source": config.source_vectors, "target": config.target_vectors}
    given = {side: recipe_folder / file for side, file in files.items() if file is not None}
    if config.sides_are_one:
        return dict(list(given.items())[:1])
    return given


def initial_vectors(
    config: EmbeddingConfig, recipe_folder: Path, tokenizers: TokenizerPair
) -> dict[str, InitialVectors]:
    """Returns what each side's embedding matrix starts from; nothing for a side without a file.

    Raises:
        DataError: a file cannot be read, is malformed, has vectors of another size, or has no piece at all.
    """
    # A shared matrix is the target's, with a row for each of its pieces.
    source = tokenizers.target if config.sides_are_one else tokenizers.source
    pieces = {"source": source.pieces, "target": tokenizers.target.pieces}
    files = vector_files(config, recipe_folder)
    return {side: match_vectors(path, pieces[side], config.size) for side, path in files.items()}


def match_vectors(path: Path, pieces: Sequence[str], size: int) -> InitialVectors:
    """Looks the pieces of a vocabulary up in a file of word vectors.

    A piece is looked up as it is, then without the mark of a word's start, then both in lower case. The special pieces
    are never filled.

    Args:
        path: the file.
        pieces: all pieces in the order of their ids, [V].
        size: E of the embedding matrix.

    Raises:
        DataError: the file cannot be read, is malformed, has vectors of another size, or has no piece at all.
    """
    names = {id_: _names(piece) for id_, piece in enumerate(pieces) if id_ not in (PAD, UNK, BOS, EOS)}
    vectors = read_vectors(path, {name for candidates in names.values() for name in candidates}, size)
    matches = {}
    for id_, candidates in names.items():
        match = next((name for name in candidates if name in vectors), None)
        if match is not None:
            matches[id_] = vectors[match]
    if not matches:
        raise DataError(
            f"{path}: none of the vocabulary's pieces has a vector here",
            received=f"0 of {len(pieces)} pieces",
            expected="vectors of words of the same language",
            action="Check the file, and that it belongs to this side",
        )
    return InitialVectors(np.array(list(matches)), _rescaled(np.stack(list(matches.values()))), len(pieces))


def read_vectors(path: Path, wanted: Collection[str], size: int | None = None) -> dict[str, npt.NDArray[np.float32]]:
    """Reads the vectors [E] of the ``wanted`` words; of a word that occurs twice the first one, which is the commoner.

    Args:
        path: a text file, plain, ``.gz`` or ``.zst``.
        wanted: the words.
        size: the E that there must be; None: as the first line has it.

    Raises:
        DataError: the file cannot be read, a line is malformed or of another size, or a number is not finite.
    """
    words = {word.encode("utf-8", "replace"): word for word in wanted}
    starts = {word.partition(b" ")[0] for word in words}
    found: dict[str, npt.NDArray[np.float32]] = {}
    dimension = 0
    for number, raw in enumerate(read_byte_lines(path), start=1):
        line = raw.rstrip(b" \r\n")  # fastText ends its lines with a space
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            dimension, header = _dimension(line, path, size)
            if header:
                continue
        spaces = line.count(b" ")
        # The common case first: almost no word has spaces, and almost none is wanted.
        if spaces == dimension and line[: line.find(b" ")] not in starts:
            continue
        word, *numbers = line.rsplit(b" ", dimension)
        more = word.split(b" ")[1:]
        if spaces < dimension or (more and all(map(_is_number, more))):
            raise _line_error(path, number, f"{spaces} numbers", f"{dimension} numbers, as on the first line")
        if word in words and words[word] not in found:
            found[words[word]] = _vector(numbers, path, number)
    if not dimension:
        raise DataError(
            f"{path}: the file is empty", expected="lines of a word and its vector", action="Check the path"
        )
    return found


def _names(piece: str) -> list[str]:
    """Returns what a piece may be called in a file of vectors, the best name first."""
    names = [piece, piece.removeprefix(_WORD_START)]
    return [name for name in dict.fromkeys([*names, *map(str.lower, names)]) if name]


def _rescaled(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Multiplies all rows [F, E] by the one factor that makes their mean square 1 / E.

    Random rows start with that mean square, and the network relies on it: rows go in times sqrt(E), with a variance
    near 1, and products with the raw rows are the logits. The scale of published vectors is another, and differs from
    file to file. One factor for all keeps the angles between the words and the ratios of their lengths.
    """
    mean_square = float(np.mean(np.square(rows, dtype=np.float64)))
    if not mean_square:
        return rows
    factor: float = (rows.shape[1] * mean_square) ** -0.5
    return (rows * factor).astype(np.float32)


def _dimension(line: bytes, path: Path, size: int | None) -> tuple[int, bool]:
    """Returns the E that the first line tells, and whether this line is a header."""
    fields = line.split(b" ")
    header = len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit()
    dimension = int(fields[1]) if header else 0
    if not header:  # numbers are counted from the right, for the word may have spaces
        for field in reversed(fields[1:]):
            if not _is_number(field):
                break
            dimension += 1
    if not dimension:
        raise _line_error(path, 1, _shown(line), "a word and its numbers with single spaces between them")
    if size is not None and dimension != size:
        raise DataError(
            f"{path}: the vectors have another size than the embedding matrix",
            received=f"{dimension} numbers for a word",
            expected=f"{size}, which is model.embedding.size",
            action=f"Set model.embedding.size to {dimension}, or give a file with vectors of {size} numbers",
        )
    return dimension, header


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _vector(numbers: Sequence[bytes], path: Path, line: int) -> npt.NDArray[np.float32]:
    for field in numbers:
        # A comparison with nan is false, so this finds it as well.
        if not (_is_number(field) and abs(float(field)) <= _LARGEST):
            raise _line_error(path, line, _shown(field), "finite numbers after the word")
    return np.array(list(map(float, numbers)), np.float32)


def _shown(content: bytes) -> str:
    return repr(content[:40].decode("utf-8", "replace"))


def _line_error(path: Path, line: int, received: str, expected: str) -> DataError:
    return DataError(
        f"{path}, line {line}: not a word vector",
        received=received,
        expected=expected,
        action="Fetch the file again, or repair this line",
    )
