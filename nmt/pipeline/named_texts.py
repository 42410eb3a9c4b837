"""Texts that are scored, by path or by name: a file, a side of a corpus card, a test set of sacreBLEU.

====================  ===============================================================================
``reference.de``      a file, plain, .gz or .zst
``card/split:side``   a side of a corpus card, for instance ``multi30k/test_2016_flickr:de``
``test:pair``         the references of a test set of sacreBLEU, for instance ``wmt22:en-de``; as a
                      source, its source
====================  ===============================================================================

Test sets of sacreBLEU are looked for in its own folder (``$SACREBLEU`` or ``~/.sacrebleu``), then below
``sacrebleu/TEST/`` of a mirror that is a folder; then sacreBLEU downloads them, unless ``NMT_OFFLINE`` forbids it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt.corpora.fetch import MIRROR_VARIABLE, OFFLINE_VARIABLE, is_offline
from nmt.corpora.materialize import resolve
from nmt.corpora.readers import read_pairs
from nmt.errors import DataError, FetchError, UsageError, nearest
from nmt.leaderboard.texts import Text
from nmt.textio import read_lines


def read_references(names: Sequence[str], store: Path) -> list[Text]:
    """Returns the texts of several names, one after another; a test set can have several references.

    Args:
        names: paths or names.
        store: where files of cards are kept.

    Raises:
        UsageError: there is no such name.
        DataError: a file cannot be read, is empty or not UTF-8; the message names file and line.
        FetchError: a test set cannot be had.
    """
    return [text for name in names for text in _read(name, store, source=False)]


def read_source(name: str, store: Path) -> Text:
    """Returns the text of a name, of a test set of sacreBLEU its source; see :func:`read_references`."""
    return _read(name, store, source=True)[0]


def read_lines_of(path: Path) -> Text:
    """Returns the text of a file that may have blank lines alone, for systems may write nothing.

    Raises:
        DataError: it cannot be read, is not UTF-8, or has no line; the message names the file and the line.
    """
    text = Text(str(path), tuple(read_lines(path)))
    if not text.lines:
        raise DataError(f"{path}, line 1: the file is empty", received="no line", expected="one sentence per line")
    return text


def _read(name: str, store: Path, source: bool) -> list[Text]:
    base, separator, side = name.rpartition(":")
    if separator and not Path(name).exists():
        if base in _sacrebleu_sets():
            return [Text.read(path) for path in _sacrebleu_files(base, side, source)]
        if "/" in base:
            card, split = resolve(base)
            return [Text(name, tuple(pair.target for pair in read_pairs(card, split, side, side, store)))]
        close = nearest(base, _sacrebleu_sets())
        raise UsageError(
            f"{name}: there is no such file, and no such test set",
            expected="a path, card/split:side (see nmt corpora list), or a test set of sacreBLEU such as wmt22:en-de",
            action=f"Did you mean {close}:{side}?" if close else None,
        )
    return [Text.read(Path(name))]


def _sacrebleu_sets() -> dict[str, Any]:
    from sacrebleu.dataset import DATASETS

    sets: dict[str, Any] = DATASETS
    return sets


def _sacrebleu_files(name: str, pair: str, source: bool) -> list[Path]:
    test = _sacrebleu_sets()[name]
    if pair not in test.langpairs:
        close = nearest(pair, test.langpairs)
        raise UsageError(
            f"{name}:{pair}: the test set has no such language pair",
            expected=f"one of {', '.join(test.langpairs)}",
            action=f"Did you mean {name}:{close}?" if close else None,
        )
    kind = "src" if source else "ref"
    mirror = Path(os.environ.get(MIRROR_VARIABLE) or "no mirror", "sacrebleu", name)
    prefix = f"{name.replace('/', '_')}.{pair}."
    for folder in (Path(test._outdir), mirror):
        if found := sorted(folder.glob(f"{prefix}{kind}*")):
            return found
    try:
        if is_offline():
            raise OSError(f"{OFFLINE_VARIABLE} forbids the network")
        paths = zip(test.get_files(pair), test.fieldnames(pair), strict=True)
        return [Path(path) for path, field in paths if field.startswith(kind)]
    except (OSError, SystemExit) as error:
        raise FetchError(
            f"{name}:{pair}: the test set cannot be had",
            received=error,
            expected=f"{prefix}{kind} in {test._outdir} or in {MIRROR_VARIABLE}/sacrebleu/{name}, or the network",
            action=f"On a machine with a network: sacrebleu -t {name} -l {pair} --echo {kind}; then copy its folder",
        ) from error
