"""Translation of large files and of folders in shards, on this machine or on those of a cluster.

A shard is as many lines as are translated together anyway: which machine does it, when, and after what interruption
changes nothing of what comes out. Each finished shard is a file in a folder beside the output, until all are joined::

    .OUTPUT.shards/
      identity.json                            the bundles, the options: what the translations depend on
      <file>.<number of the shard>.<sha256>    the translation of a shard, and the digest of its lines
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from nmt import textio
from nmt.bundle import Bundle, load_bundle
from nmt.decoding.output import OutputFormat
from nmt.decoding.requests import Requests
from nmt.decoding.stream import answers_of, check_identity, check_layout, other_text
from nmt.decoding.translate import CHUNK_LINES, Translator
from nmt.decoding.unknown import read_dictionary
from nmt.engine import Engine, connect, map_shards
from nmt.errors import UsageError
from nmt.progress import Progress
from nmt.storage import atomic_file, read_json, write_bytes, write_json

_IDENTITY = "identity.json"
_DIGEST_CHARACTERS = 32


class Shard(NamedTuple):
    """Lines that are translated together.

    Attributes:
        place: the file that gets the translation.
        first_line: the number of the first line in its source, counted from 1.
        lines: the lines.
        suffix: how the name of the output ends: it may be packed.
    """

    place: Path
    first_line: int
    lines: list[str]
    suffix: str


class Answered(NamedTuple):
    """What comes of a shard.

    Attributes:
        content: the bytes of its part of the output.
        lines, long, parts, first: as :class:`nmt.long_sources.LongInput` counts them.
        unmet: as :class:`Translator` counts them.
    """

    content: bytes
    lines: int
    long: int
    parts: int
    first: int
    unmet: int


class ShardTranslator:
    """Translates shards. It can be pickled: the content of the bundles, and of all files, goes with it.

    Args:
        bundles: the models; the first one decides on all else.
        options: the further arguments of :class:`Translator`.
        layout: what is written for each line.
    """

    def __init__(self, bundles: Sequence[Bundle], options: dict[str, Any], layout: OutputFormat) -> None:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        self._bundles, self._options, self._layout = bundles, options, layout
        self.translator = Translator(bundles[0], others=bundles[1:], **options)
        self._answer = answers_of(self.translator, layout)

    def __call__(self, shard: Shard) -> Answered:
        """Translates a shard."""
        long, translator = self.translator.long_input, self.translator
        long.lines = long.long = long.parts = long.first = translator.unmet = 0
        content = textio.pack_lines(self._answer(shard.lines, shard.first_line), shard.suffix)
        return Answered(content, long.lines, long.long, long.parts, long.first, translator.unmet)

    def __reduce__(self) -> tuple[Any, ...]:
        bundles = [_contents(bundle.folder, ("bundle.json", *bundle.files)) for bundle in self._bundles]
        requests: Requests | None = self._options.get("requests")
        asked = None if requests is None else {name: path.read_bytes() for name, path in requests.files.items()}
        return _unpacked, (bundles, self._options | {"requests": None}, asked, self._layout)


def _contents(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


def _unpacked(
    bundles: list[dict[str, bytes]], options: dict[str, Any], asked: dict[str, bytes] | None, layout: OutputFormat
) -> ShardTranslator:
    """Makes a translator on another machine, out of what has come there."""
    temporary = tempfile.TemporaryDirectory(prefix="nmt-bundles-")
    folder = Path(temporary.name)
    for number, contents in enumerate([*bundles, asked or {}]):
        (folder / str(number)).mkdir()
        for name, content in contents.items():
            (folder / str(number) / name).write_bytes(content)
    loaded = [load_bundle(folder / str(number)) for number in range(len(bundles))]
    requests = None if asked is None else Requests(**{name: folder / str(len(bundles)) / name for name in asked})
    made = ShardTranslator(loaded, options | {"requests": requests}, layout)
    made.temporary = temporary  # type: ignore[attr-defined]  # it goes when the translator does
    return made


def translate_in_shards(
    bundle: Bundle,
    source: Path | None,
    target: Path | None,
    overrides: dict[str, Any],
    *,
    engine: Engine = "local",
    layout: OutputFormat | None = None,
    dictionary: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    requests: Requests | None = None,
    others: Sequence[Bundle] = (),
    **ensemble: Any,
) -> str | None:
    """Translates a file, or each file of a folder into one of the same name, to what ``translate_command`` would write.

    Args:
        bundle: the model.
        source: a file or a folder. Of a folder, files whose names begin with a dot, and folders, are left out.
        target: a file, or a folder where the source is one.
        overrides: as :class:`Translator` takes them.
        engine: where the shards are translated.
        layout: what is written for each line; the text alone when absent.
        dictionary: a file with what unknown words are replaced by.
        resume: leave out the shards that an interrupted attempt has finished.
        progress: is told of every shard.
        requests: what is asked of the translations.
        others: more models that vote.
        **ensemble: the further arguments of :class:`Translator` of that kind.

    Returns:
        What ``translate_command`` returns, of the shards that were translated now.

    Raises:
        UsageError: there is no source or target, or they do not fit; what is there was made with other models or
            options; the bundle takes vectors; no cluster can be had.
        DataError: what is there was made from other lines.
    """
    source, target = _places(source, target)
    files = _files(source, target, requests)
    if bundle.recipe.model.encoder.input == "vectors":
        raise UsageError("vectors are not translated in shards", action="Leave --engine out, and give one .npz file")
    if engine == "ray":
        connect()
    layout, progress = layout or OutputFormat(), progress or Progress(lambda _: None)
    entries = None if dictionary is None else read_dictionary(dictionary)
    options = {"overrides": overrides, "requests": requests, "dictionary": entries, **ensemble}
    work = ShardTranslator([bundle, *others], options, layout)
    check_layout(layout, work.translator)
    progress.total = sum(map(textio.count_lines, files))
    if requests is not None:
        requests.check(progress.total)
    identity = work.translator.identity | {"output": dataclasses.asdict(layout), "shard_lines": CHUNK_LINES}
    with _folder_of(target, identity, resume) as folder:
        parts: dict[Path, list[Path]] = {}
        total = Answered(b"", 0, 0, 0, 0, 0)
        for shard, answered in map_shards(work, _missing(files, folder, parts, progress), engine):
            write_bytes(shard.place, answered.content)
            total = _sum(total, answered)
            progress.add(len(shard.lines))
        for path, target_file in files.items():
            with atomic_file(target_file) as stream:
                for part in parts[path]:
                    with part.open("rb") as opened:
                        shutil.copyfileobj(opened, stream)
        shutil.rmtree(folder, ignore_errors=True)
    return _report(work.translator, total)


def _places(source: Path | None, target: Path | None) -> tuple[Path, Path]:
    """Returns both, unless one is a stream."""
    if source is not None and source.is_dir() and target is None:
        raise UsageError(
            f"{source}: the translation of a folder is a folder",
            received="standard output",
            expected="another folder, which gets a file for each",
            action="Give it with --output",
        )
    piped = source is not None and source.exists() and not (source.is_file() or source.is_dir())
    if source is None or target is None or piped:
        raise UsageError(
            "a stream is not translated in shards",
            received=f"{source}, a pipe" if piped else f"standard {'input' if source is None else 'output'}",
            expected="a file or a folder as SOURCE, and --output",
            action="Give both, or leave --engine out",
        )
    return source, target


def _files(source: Path, target: Path, requests: Requests | None) -> dict[Path, Path]:
    """Returns the file that is written for each file that is read."""
    if not source.is_dir():
        return {source: target}
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise UsageError(f"{source}: there are no files in it", action="Give a file, or a folder of files")
    if target.resolve() == source.resolve() or target.is_file():
        raise UsageError(
            f"{target}: the source is a folder, and this is {'a file' if target.is_file() else 'the same one'}",
            expected="another folder, which gets a file for each",
            action="Give it with --output",
        )
    if requests is not None and requests.by_line:
        raise UsageError(
            "what is asked line by line is for one file, and the source is a folder",
            received=", ".join(f"--{name}" for name in requests.by_line),
            action="Translate the files one by one",
        )
    return {path: target / path.name for path in files}


@contextmanager
def _folder_of(target: Path, identity: dict[str, Any], resume: bool) -> Iterator[Path]:
    """Gives the folder of the shards of an output, and keeps other processes from it."""
    from filelock import FileLock, Timeout

    folder = target.resolve().with_name(f".{target.resolve().name}.shards")
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "lock"
    try:
        with FileLock(lock, timeout=0):
            for path in folder.iterdir() if not resume else ():
                if path != lock:
                    path.unlink()
            if (before := read_json(folder / _IDENTITY)) is not None:
                check_identity(target, before, identity)
            write_json(folder / _IDENTITY, identity)
            yield folder
    except Timeout as error:
        raise UsageError(
            f"{target}: another process is writing it", action="Wait for it, or write to another file"
        ) from error


def _missing(
    files: dict[Path, Path], folder: Path, parts: dict[Path, list[Path]], progress: Progress
) -> Iterator[Shard]:
    """Yields the shards that are not there, and notes the files of all of them, in order, in ``parts``.

    The last shard of a file is the one that is not full; it may be empty.
    """
    there = {path.name.rpartition(".")[0]: path for path in folder.iterdir()}
    for path, target in files.items():
        lines, parts[path] = textio.read_lines(path), []
        chunk: list[str] = []
        while not parts[path] or len(chunk) == CHUNK_LINES:
            number = len(parts[path])
            chunk = list(islice(lines, CHUNK_LINES))
            digest = hashlib.sha256(b"".join(map(textio.encode_line, chunk))).hexdigest()[:_DIGEST_CHARACTERS]
            name = f"{path.name}.{number:07}"
            place = folder / f"{name}.{digest}"
            parts[path].append(place)
            if name not in there:
                yield Shard(place, number * CHUNK_LINES + 1, chunk, target.suffix)
            elif there[name] != place:
                received = f"{path}, lines {number * CHUNK_LINES + 1:,} and on, with sha256 {digest}..."
                raise other_text(target, received, f"lines with sha256 {there[name].suffix[1:]}...")
            else:
                progress.skip(len(chunk))


def _sum(one: Answered, other: Answered) -> Answered:
    firsts = [first for first in (one.first, other.first) if first]
    counts = (one.lines + other.lines, one.long + other.long, one.parts + other.parts)
    return Answered(b"", *counts, min(firsts, default=0), one.unmet + other.unmet)


def _report(translator: Translator, total: Answered) -> str | None:
    long = translator.long_input
    long.lines, long.long, long.parts, long.first = total.lines, total.long, total.parts, total.first
    translator.unmet = total.unmet
    return translator.report()
