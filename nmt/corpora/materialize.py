"""From what a recipe names to two plain files: the text that all later stages start from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from nmt.corpora.cards import (
    CorpusCard,
    GeneratedSplit,
    HuggingFaceSplit,
    PlainSplit,
    check_sides,
    find_card,
    split_files,
)
from nmt.corpora.fetch import Progress, stored_path
from nmt.corpora.pair import Pair
from nmt.corpora.readers import read_pairs
from nmt.corpora_config import CorpusReference, FilesConfig, PartConfig, TextConfig, TextReference
from nmt.errors import DataError, UsageError
from nmt.storage import atomic_file, sha256_of_file
from nmt.textio import encode_line, read_lines, read_parallel
from nmt.vectors import Vectors, read_vectors


def materialize(
    references: list[CorpusReference],
    source: str,
    target: str,
    store: Path,
    output_source: Path,
    output_target: Path,
    recipe_folder: Path,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Writes all pairs of several corpora, one after the other, as two files with line n of each a pair.

    For sources that are vectors, lines stand in, and the vectors themselves are beside them (``vectors_file``).

    Returns:
        For each corpus: id, split, pairs, licence, citation and the sha256 of each file used.

    Raises:
        UsageError: there is no such card, split or side.
        DataError: a corpus cannot be fetched or read, or is empty.
    """
    report = []
    with ExitStack() as stack:
        source_stream = stack.enter_context(atomic_file(output_source))
        target_stream = stack.enter_context(atomic_file(output_target))
        for reference in references:
            pairs = 0
            for pair in read_reference(reference, source, target, store, recipe_folder, progress):
                source_stream.write(encode_line(pair.source))
                target_stream.write(encode_line(pair.target))
                pairs += 1
            if not pairs:
                raise _empty(reference)
            report.append({**_origin(reference, source, target, store, recipe_folder), "pairs": pairs})
    own = [reference for reference in references if isinstance(reference, FilesConfig) and reference.has_vectors]
    if own:
        vectors = [read_vectors(recipe_folder / reference.source) for reference in own]
        Vectors.joined(vectors).save(vectors_file(output_source))
    return report


def materialize_further(
    corpus: PartConfig | FilesConfig, outputs: Sequence[Path], target: Path, store: Path, recipe_folder: Path
) -> None:
    """Writes the further references of a test set, one file for each.

    Args:
        corpus: names them.
        outputs: where they are written.
        target: the first reference, which is written.
        store: of downloads.
        recipe_folder: what the user's own files are relative to.

    Raises:
        UsageError: there is no such side.
        DataError: one cannot be fetched or read, or has another number of lines than the first.
    """
    lines = sum(1 for _ in read_lines(target))
    for side, output in zip(corpus.references or [], outputs, strict=True):
        with atomic_file(output) as stream:
            written = 0
            for pair in read_reference(_paired(corpus, side), side, side, store, recipe_folder):
                stream.write(encode_line(pair.target))
                written += 1
        if written != lines:
            raise DataError(
                f"{_describe(corpus)}: not as many lines in the reference {side} as in the first",
                received=f"{written} lines",
                expected=f"{lines} lines",
                action="Give references of the same test set",
            )


def _paired(corpus: PartConfig | FilesConfig, side: str) -> CorpusReference:
    """Returns the corpus of a further reference, which is both of its sides."""
    return FilesConfig(source=side, target=side) if isinstance(corpus, FilesConfig) else corpus


def materialize_text(
    references: Sequence[TextReference], side: str, store: Path, output: Path, recipe_folder: Path
) -> list[dict[str, Any]]:
    """Writes the lines of one side of several corpora, one after the other, without the blank ones.

    Returns:
        For each corpus what :func:`materialize` returns, with ``pairs`` as the number of lines.

    Raises:
        UsageError: there is no such card, split or side.
        DataError: a corpus cannot be fetched or read, or has no text.
    """
    report = []
    with atomic_file(output) as stream:
        for reference in map(_paired_with_itself, references):
            lines = 0
            for pair in read_reference(reference, side, side, store, recipe_folder):
                if pair.target.strip():
                    stream.write(encode_line(pair.target))
                    lines += 1
            if not lines:
                raise _empty(reference)
            report.append({**_origin(reference, side, side, store, recipe_folder), "pairs": lines})
    return report


def text_identity(reference: TextReference, side: str, recipe_folder: Path) -> dict[str, Any]:
    """Returns all that decides one side of a corpus, as :func:`reference_identity` does."""
    return reference_identity(_paired_with_itself(reference), side, side, recipe_folder)


def _paired_with_itself(reference: TextReference) -> CorpusReference:
    return FilesConfig(source=reference.file, target=reference.file) if isinstance(reference, TextConfig) else reference


def _empty(reference: CorpusReference) -> DataError:
    return DataError(
        f"{_describe(reference)}: the corpus is empty",
        received="0 pairs",
        expected="at least one pair",
        action="Check the files",
    )


def vectors_file(source: Path) -> Path:
    """Returns the file of the vectors that the lines of ``source`` stand for."""
    return source.with_suffix(".npz")


def read_reference(
    reference: CorpusReference,
    source: str,
    target: str,
    store: Path,
    recipe_folder: Path,
    progress: Progress | None = None,
) -> Iterator[Pair]:
    """Yields the pairs of one corpus that a recipe names.

    Raises:
        UsageError: there is no such card, split or side.
        DataError: it cannot be fetched or read.
    """
    if isinstance(reference, FilesConfig) and reference.has_vectors:
        yield from _described_pairs(*_own_files(reference, recipe_folder))
    elif isinstance(reference, FilesConfig):
        for row in read_parallel(_own_files(reference, recipe_folder)):
            yield Pair(*row)
    elif isinstance(reference, PartConfig):
        pairs = read_reference(reference.corpus, source, target, store, recipe_folder, progress)
        yield from islice(pairs, 0, None, reference.every)
    else:
        card, split = resolve(reference)
        yield from read_pairs(card, split, source, target, store, progress)


def _described_pairs(source: Path, target: Path) -> Iterator[Pair]:
    """Yields the pairs of a file of vectors, each as the line that names it, and a file of text."""
    sources, targets = read_vectors(source).lines, list(read_lines(target))
    if len(sources) != len(targets):
        raise DataError(
            f"{source} and {target}: not as many arrays as lines",
            received=f"{len(sources)} arrays and {len(targets)} lines",
            expected="one line per array",
            action="Write one array per line of the target, in the same order",
        )
    yield from map(Pair, sources, targets)


def resolve(reference: str) -> tuple[CorpusCard, str]:
    """Returns the card and the split that ``card/split`` names.

    Raises:
        UsageError: not of this form, or there is no such card or split.
    """
    corpus, separator, split = reference.partition("/")
    if not separator or not corpus or not split:
        raise UsageError(
            f"{reference}: not a corpus",
            received=reference,
            expected="card/split, for instance multi30k/train, a mapping with corpus and every, or one with the files"
            " source and target, or for text of one side with file",
            action="See nmt corpora list",
        )
    card = find_card(corpus)
    card.split(split)
    return card, split


def reference_name(reference: CorpusReference) -> str:
    """Returns a name for files and tables.

    ``multi30k.train`` for ``multi30k/train``, ``multi30k.train-every-20`` for a part, ``talks`` for ``talks.en.gz``.
    """
    if isinstance(reference, PartConfig):
        every = "" if reference.every is None else f"-every-{reference.every}"
        return f"{reference_name(reference.corpus)}{every}"
    if isinstance(reference, str):
        return reference.replace("/", ".")
    stem = Path(reference.source).name.removesuffix(".gz").removesuffix(".zst")
    return Path(stem).stem or "files"


def reference_identity(reference: CorpusReference, source: str, target: str, recipe_folder: Path) -> dict[str, Any]:
    """Returns all that decides the text of a corpus, as JSON, for digests. Nothing is fetched.

    Raises:
        UsageError: there is no such card, split or side.
        DataError: a file of the user's own cannot be read.
    """
    identity: dict[str, Any]
    if isinstance(reference, FilesConfig):
        identity = {"files": [own_sha256(path) for path in _own_files(reference, recipe_folder)]}
        return identity | _further_identity(reference, recipe_folder)
    if isinstance(reference, PartConfig):
        identity = reference_identity(reference.corpus, source, target, recipe_folder)
        every = {} if reference.every is None else {"every": reference.every}
        return identity | every | _further_identity(reference, recipe_folder)
    card, name = resolve(reference)
    check_sides(card, name, source, target)
    split = card.split(name)
    # What a generator does not have is not of its identity.
    settings = split.model_dump(mode="json", exclude_none=isinstance(split, GeneratedSplit))
    if isinstance(split, PlainSplit):
        settings["sides"] = {side: split.sides[side] for side in (source, target)}
    identity = {"corpus": card.id, "source": source, "target": target, "split": settings}
    identity["files"] = {
        file: card.files[file].sha256 if card.files[file].path is None else own_sha256(stored_path(card, file, Path()))
        for file in split_files(split, (source, target))
    }
    if isinstance(split, GeneratedSplit):
        from nmt.corpora import algorithms, phrases

        versions = {"phrases": phrases.VERSION, **algorithms.VERSIONS}
        identity["generator_version"] = versions[split.generator]
    if isinstance(split, HuggingFaceSplit) and split.path is not None:
        from nmt.corpora.huggingface import local_files

        files = local_files(card.folder / split.path, split.split)
        identity["files"] = [own_sha256(file) for file in files]
    return identity


def _further_identity(corpus: PartConfig | FilesConfig, recipe_folder: Path) -> dict[str, Any]:
    """Returns what decides the further references of a test set, where it has any."""
    if not corpus.references:
        return {}
    sides = {
        side: corpus.corpus if isinstance(corpus, PartConfig) else _paired(corpus, side) for side in corpus.references
    }
    return {"references": [reference_identity(each, side, side, recipe_folder) for side, each in sides.items()]}


def _own_files(reference: FilesConfig, recipe_folder: Path) -> list[Path]:
    return [recipe_folder / reference.source, recipe_folder / reference.target]


def own_sha256(path: Path) -> str:
    """Returns the sha256 of a file that a recipe or a card gives by its path.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return sha256_of_file(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(
            f"{path}: cannot be read ({getattr(error, 'strerror', error)})",
            expected="a text file, plain, .gz or .zst, or vectors in an .npz file",
            action="Check the path; paths in a recipe or card are relative to it",
        ) from error


def _share(part: PartConfig) -> str:
    return "" if part.every is None else f", one line in {part.every}"


def _describe(reference: CorpusReference) -> str:
    if isinstance(reference, PartConfig):
        return f"{reference.corpus}{_share(reference)}"
    if isinstance(reference, FilesConfig):
        return ", ".join(dict.fromkeys((reference.source, reference.target)))
    return reference


def _origin(reference: CorpusReference, source: str, target: str, store: Path, recipe_folder: Path) -> dict[str, Any]:
    """Returns what the report says of a corpus whose files are all there."""
    if isinstance(reference, FilesConfig):
        files = {str(path): own_sha256(path) for path in _own_files(reference, recipe_folder)}
        return {"id": None, "split": reference_name(reference), "licence": None, "citation": None, "files": files}
    if isinstance(reference, PartConfig):
        whole = _origin(reference.corpus, source, target, store, recipe_folder)
        return {**whole, "split": f"{whole['split']}{_share(reference)}"}
    card, name = resolve(reference)
    files = {
        file: card.files[file].sha256 or own_sha256(stored_path(card, file, store))
        for file in split_files(card.split(name), (source, target))
    }
    return {"id": card.id, "split": name, "licence": card.licence, "citation": card.citation, "files": files}
