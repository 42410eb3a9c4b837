"""The bundle: the one artifact that a trained model is.

A folder with everything that changes the output: weights, tokenizers, normalisation, the model's shape, default
decoding. ``bundle.json`` carries its own digest and that of every other file, so a damaged bundle is noticed when it is
opened.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nmt
from nmt.cleaning.normalize import normalizer_of
from nmt.config import Recipe
from nmt.copied_words import CopyTokenizer, copier_of, copies_unknown_words
from nmt.decoding_config import DecodingConfig
from nmt.errors import BundleError
from nmt.lexical_table import LexicalTable
from nmt.remote import cache_folder, checked_name, open_remote
from nmt.storage import replace_folder, sha256_of_file, sha256_of_json, write_json
from nmt.tokenizer import TokenizerPair

if TYPE_CHECKING:
    from nmt.models.seq2seq import Seq2Seq
    from nmt.models.weights import Arrays

FORMAT = 1
_INDEX = "bundle.json"
_WEIGHTS = "weights.npz"
_LEXICAL_TABLE = "lexical_table.npz"


@dataclass(frozen=True)
class Bundle:
    """A trained model on disk.

    Attributes:
        folder: where it lies.
        recipe: what it was trained by; its ``decoding`` section holds the defaults of translation.
        tokenizers: both sides' vocabularies.
        facts: what is known of its training: data digests, scores on the validation set, seconds, parameters.
        digest: of all that is in it.
        files: the names of its files, but for the index.
    """

    folder: Path
    recipe: Recipe
    tokenizers: TokenizerPair
    facts: dict[str, Any]
    digest: str
    files: tuple[str, ...]

    @property
    def normalize(self) -> Callable[[str], str]:
        """The normalisation that the training text went through."""
        return normalizer_of(self.recipe.cleaning)

    @property
    def copier(self) -> CopyTokenizer | None:
        """What reads and writes the text of a model that copies unknown words; None for any other model."""
        return copier_of(self.recipe, self.tokenizers)

    def shares_text_with(self, other: Bundle) -> bool:
        """Whether both models read and write text by the same normalisation and the same pieces."""
        (mine, my_features), (theirs, their_features) = (
            ([side.to_bytes() for side in (b.tokenizers.source, b.tokenizers.target)], b.recipe.model.encoder.features)
            for b in (self, other)
        )
        return mine == theirs and my_features == their_features and self.normalize == other.normalize

    @property
    def lexical_table(self) -> LexicalTable | None:
        """What a shortlist of the vocabulary is taken from; None where sources are no text, or the bundle is older."""
        path = self.folder / _LEXICAL_TABLE
        return LexicalTable.load(path) if path.is_file() else None

    def model(self, matrices: Literal["float32", "bfloat16"] = "float32") -> Seq2Seq:
        """Builds the network and gives it the weights.

        Args:
            matrices: the data type of the weight matrices.

        Raises:
            BundleError: the weights are damaged or do not fit.
        """
        from nmt.models.devices import grow_gpu_memory
        from nmt.models.layers import matrices_of
        from nmt.models.seq2seq import Seq2Seq
        from nmt.models.weights import assign_weights, load_arrays

        grow_gpu_memory()  # a program of the user's own may use nothing else of this project
        with matrices_of(matrices):
            network = Seq2Seq(
                self.recipe.model,
                self.tokenizers.source.vocab_size,
                self.tokenizers.target.vocab_size,
                copies_unknown_words(self.recipe),
            )
        assign_weights(network, load_arrays(self.folder / _WEIGHTS))
        return network


def write_bundle(
    folder: Path,
    recipe: Recipe,
    tokenizers: TokenizerPair,
    weights: Arrays,
    facts: dict[str, Any],
    lexical_table: LexicalTable | None = None,
) -> None:
    """Writes a bundle into an empty or new folder; its index, which makes it valid, comes last."""
    from nmt.models.weights import save_arrays

    folder.mkdir(parents=True, exist_ok=True)
    save_arrays(folder / _WEIGHTS, weights)
    tokenizers.save(folder)
    if lexical_table is not None:
        lexical_table.save(folder / _LEXICAL_TABLE)
    files = {path.name: sha256_of_file(path) for path in sorted(folder.iterdir()) if path.name != _INDEX}
    index = {
        "format": FORMAT,
        "nmt_version": nmt.__version__,
        "recipe": _recipe_json(recipe),
        "facts": facts,
        "files": files,
    }
    _write_index(folder, index)


def publish_bundle(bundle: Bundle, folder: Path, recipe: Recipe, facts: dict[str, Any]) -> None:
    """Writes a copy of a bundle whose default decoding is that of ``recipe`` and which knows more ``facts``.

    The model may have been trained before the recipe's decoding was settled, and before it was scored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = _read_index(bundle.folder)
    for name in index["files"]:
        shutil.copy(bundle.folder / name, folder / name)
    index["recipe"] = _recipe_json(recipe)
    index["facts"] = bundle.facts | facts
    _write_index(folder, index)


def settle_decoding(bundle: Bundle, decoding: DecodingConfig, facts: dict[str, Any]) -> None:
    """Gives a bundle on the disk another default decoding, and adds to what is known of it; its digest changes."""
    index = _read_index(bundle.folder)
    index["recipe"] = _recipe_json(bundle.recipe.model_copy(update={"decoding": decoding}))
    index["facts"] = bundle.facts | facts
    _write_index(bundle.folder, index)


def _write_index(folder: Path, index: dict[str, Any]) -> None:
    write_json(folder / _INDEX, index | {"digest": index_digest(index)})


def index_digest(index: dict[str, Any]) -> str:
    """Returns the sha256 of all that an index says but its own digest."""
    return sha256_of_json({key: value for key, value in index.items() if key != "digest"})


def _recipe_json(recipe: Recipe) -> dict[str, Any]:
    # Defaults are written out: a later version may have others.
    return recipe.model_dump(mode="json", exclude_none=True)


def load_bundle(folder: Path) -> Bundle:
    """Opens a bundle and verifies every file in it. Nothing in it is executed.

    Raises:
        BundleError: there is no bundle, it is damaged, or it is of a newer version.
    """
    index = _read_index(folder)
    if type(index.get("format")) is not int or index["format"] < 1:
        raise _damage(folder / _INDEX, f"format {index.get('format')!r}", "a number")
    if index["format"] > FORMAT:
        raise BundleError(
            f"{folder}: the bundle is of a newer version",
            received=f"format {index.get('format')}, written by nmt {index.get('nmt_version')}",
            expected=f"format {FORMAT} or older (this is nmt {nmt.__version__})",
            action="Install a newer nmt",
        )
    digest = index_digest(index)
    if index.get("digest") != digest:
        raise _damage(folder / _INDEX, f"content with sha256 {digest}", f"content with sha256 {index.get('digest')}")
    files = index.get("files")
    if not isinstance(files, dict) or not {_WEIGHTS, TokenizerPair.INDEX} <= files.keys():
        expected = f"the digests of {_WEIGHTS}, {TokenizerPair.INDEX} and the tokenizers"
        raise _damage(folder / _INDEX, f"files: {files!r}"[:200], expected)
    for name, expected in files.items():
        path = folder / name
        if Path(name).name != name:
            raise BundleError(f"{folder}: bundle.json names a file outside the bundle", received=name)
        received = f"sha256 {sha256_of_file(path)}" if path.is_file() else "no such file"
        if received != f"sha256 {expected}":
            raise _damage(path, received, f"sha256 {expected}")
    try:
        recipe = Recipe.model_validate(index["recipe"])
        facts = dict(index["facts"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / _INDEX}: the bundle is damaged ({error})") from error
    return Bundle(folder, recipe, TokenizerPair.load(folder), facts, digest, tuple(files))


def fetch_bundle(url: str) -> Path:
    """Returns the folder of a copy of a bundle that lies behind a URL; it is copied once, file by file, then renamed.

    Raises:
        UsageError: there is no such kind of URL.
        FetchError: the store does not answer.
        BundleError: there is no bundle, or it is damaged.
    """
    place = open_remote(url)
    with tempfile.TemporaryDirectory(prefix="nmt-bundle-") as temporary:
        try:
            place.download(Path(temporary, _INDEX), _INDEX)
        except FileNotFoundError:
            raise _absent(url) from None
        index = _read_index(Path(temporary))
    folder = cache_folder() / "bundles" / index_digest(index)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as temporary:
            copy = Path(temporary, "bundle")
            write_json(copy / _INDEX, index)
            for name in dict(index.get("files") or {}):
                try:
                    place.download(copy / checked_name(url, name), name)
                except FileNotFoundError as error:
                    raise _damage(Path(name), "no such file", f"a file of the bundle {url}") from error
            load_bundle(copy)
            replace_folder(copy, folder)
    return folder


def bundle_digest(folder: Path) -> str:
    """Returns a digest of all that is in a bundle, without reading but its index.

    Raises:
        BundleError: there is no bundle, or its index is damaged.
    """
    return index_digest(_read_index(folder))


def _damage(path: Path, received: str, expected: str) -> BundleError:
    return BundleError(
        f"{path}: the bundle is damaged",
        received=received,
        expected=expected,
        action="Copy the bundle again, or run the recipe again",
    )


def _absent(place: object) -> BundleError:
    return BundleError(
        f"{place}: there is no bundle here",
        expected=f"a folder with {_INDEX}",
        action="nmt status shows the bundles of finished runs",
    )


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / _INDEX
    try:
        index = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise _absent(folder) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: the bundle is damaged ({error})", expected="JSON") from error
    if not isinstance(index, dict):
        raise BundleError(f"{path}: the bundle is damaged", received=type(index).__name__, expected="a JSON object")
    return index
