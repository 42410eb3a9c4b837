"""A kept vocabulary with pieces of new text at its end: fine-tuning on another domain, or on another script.

Every old piece keeps its id and its score. What a kind does with the new ones:

===========  =========================================================================================================
``unigram``  They have the log-probabilities that a model of the new text gives them, at least the least old one: so
             the score of unknown characters, which lies below the least one, stays.
``bpe``      A score is the rank of a merge. They come after all old merges, in the order of the new text's model.
``char``     Characters stand alone.
``word``     So do words.
===========  =========================================================================================================

In all of them a text in which no new piece occurs is segmented as before. A piece that could never be used, because the
others always win against it, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt.config import TokenizerConfig
from nmt.textio import read_lines
from nmt.tokenizer import Tokenizer

_SPECIAL = 4  # pieces that stand for no text


def extended(tokenizer: Tokenizer, paths: Sequence[Path], count: int, config: TokenizerConfig, seed: int) -> Tokenizer:
    """Returns the vocabulary with at most ``count`` pieces of the lines of ``paths`` behind its own.

    The pieces are those of a model of these lines that the vocabulary lacks: first the characters, without which
    text stays unknown, then the others, each from the most to the least probable.

    Args:
        tokenizer: the kept vocabulary.
        paths: the new text.
        count: most new pieces.
        config: ``character_coverage`` is read; the kind is that of the kept vocabulary.
        seed: of the sample of lines that is read.

    Raises:
        DataError: a file cannot be read, or there is no text.
    """
    model = _proto(tokenizer)
    known = {piece.piece for piece in model.pieces}
    pieces = [piece for piece in _pieces_of_text(tokenizer, paths, count, config, seed) if piece.piece not in known]
    pieces.sort(key=lambda piece: len(piece.piece) > 1)
    while chosen := pieces[:count]:
        candidate = _appended(model, chosen, tokenizer.kind)
        useless = _never_used(candidate, chosen)
        if not useless:
            return Tokenizer(candidate.SerializeToString(deterministic=True))
        pieces = [piece for piece in pieces if piece.piece not in useless]
    return tokenizer


def _pieces_of_text(
    tokenizer: Tokenizer, paths: Sequence[Path], count: int, config: TokenizerConfig, seed: int
) -> list[Any]:
    """Returns the pieces of a model of the text, of the extended size where the text has so many."""
    alphabet = {character for path in paths for line in read_lines(path) for character in line}
    settings = {
        "kind": tokenizer.kind,
        "vocab_size": max(tokenizer.vocab_size + count, len(alphabet) + _SPECIAL + 1),  # one more for the space's sign
        "character_coverage": config.character_coverage,
    }
    trained = Tokenizer.train(paths, TokenizerConfig.model_validate(settings), seed, at_most=True)
    return list(_proto(trained).pieces)[_SPECIAL:]


def _appended(model: Any, pieces: Sequence[Any], kind: str) -> Any:
    """Returns a copy of the model with the pieces at its end."""
    result = type(model)()
    result.CopyFrom(model)
    least = min(piece.score for piece in model.pieces)
    for rank, piece in enumerate(pieces):
        score = least - 1.0 - rank if kind == "bpe" else max(piece.score, least)
        result.pieces.add(piece=piece.piece, score=score)
    result.trainer_spec.vocab_size = len(result.pieces)
    return result


def _never_used(model: Any, pieces: Sequence[Any]) -> set[str]:
    """Returns those of the pieces that the model splits even where they stand alone."""
    bare = type(model)()
    bare.CopyFrom(model)
    bare.normalizer_spec.add_dummy_prefix = False
    texts = [piece.piece for piece in pieces]
    ids = Tokenizer(bare.SerializeToString()).encode(texts)
    return {text for text, found in zip(texts, ids, strict=True) if len(found) > 1}


def _proto(tokenizer: Tokenizer) -> Any:
    from sentencepiece import sentencepiece_model_pb2

    return sentencepiece_model_pb2.ModelProto.FromString(tokenizer.to_bytes())
