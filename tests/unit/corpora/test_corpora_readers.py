"""Readers: every format of a card, plain, .gz and .zst, and lines that are not of the format."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from nmt.corpora.cards import CorpusCard, load_card
from nmt.corpora.pair import Pair
from nmt.corpora.readers import read_pairs
from nmt.errors import DataError, FetchError, UsageError

PAIRS = [("a dog", "ein Hund"), ("", ""), ("two\u2028lines", "zwei\u0085Zeilen"), ("an egg", "ein Ei")]
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def card_of(folder: Path, split: str, *files: str) -> CorpusCard:
    text = "id: talks\ntitle: Talks\nlanguages: [en, de]\nlicence: CC0\nverified: true\nfiles:\n"
    text += "".join(f"  {file}: {{path: {file}}}\n" for file in files) if files else "  {}\n"
    (folder / "talks.yaml").write_text(text + f"splits:\n  train: {split}\n", encoding="utf-8")
    return load_card(folder / "talks.yaml")


def read(card: CorpusCard, source: str = "en", target: str = "de") -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in read_pairs(card, "train", source, target, card.folder / "store")]


@pytest.fixture(params=list(PACKINGS))
def packing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(folder: Path, name: str, packing: str, lines: list[str]) -> str:
    content = "".join(f"{line}\n" for line in lines).encode("utf-8")
    (folder / (name + packing)).write_bytes(PACKINGS[packing](content))
    return name + packing


def test_plain(tmp_path: Path, packing: str) -> None:
    english = write(tmp_path, "train.en", packing, [pair[0] for pair in PAIRS])
    german = write(tmp_path, "train.de", packing, [pair[1] for pair in PAIRS])
    card = card_of(tmp_path, f"{{format: plain, sides: {{en: {english}, de: {german}}}, lines: 4}}", english, german)
    assert read(card) == PAIRS
    assert read(card, "de", "en") == [pair[::-1] for pair in PAIRS]


@pytest.mark.parametrize("header", [False, True])
def test_tsv(tmp_path: Path, packing: str, header: bool) -> None:
    rows = [f"{number}\t{pair[1]}\t{pair[0]}" for number, pair in enumerate(PAIRS)]
    if header:
        rows.insert(0, "id\tGerman\tEnglish")
    file = write(tmp_path, "train.tsv", packing, rows)
    columns = "{en: English, de: German}" if header else "{en: 2, de: 1}"
    split = f"{{format: tsv, file: {file}, columns: {columns}, header: {str(header).lower()}, lines: 4}}"
    assert read(card_of(tmp_path, split, file)) == PAIRS


def test_jsonl(tmp_path: Path, packing: str) -> None:
    records = [json.dumps({"translation": {"en": pair[0], "de": pair[1]}}) for pair in PAIRS]
    file = write(tmp_path, "train.jsonl", packing, records)
    split = f"{{format: jsonl, file: {file}, fields: {{en: translation.en, de: translation.de}}, lines: 4}}"
    assert read(card_of(tmp_path, split, file)) == PAIRS


def test_quotes_are_text_unless_the_card_says_otherwise(tmp_path: Path) -> None:
    file = write(tmp_path, "train.tsv", "", ['"a ""dog"""\tein Hund'])
    split = f"format: tsv, file: {file}, columns: {{en: 0, de: 1}}"
    assert read(card_of(tmp_path, f"{{{split}}}", file)) == [('"a ""dog"""', "ein Hund")]
    assert read(card_of(tmp_path, f"{{{split}, quoting: true}}", file)) == [('a "dog"', "ein Hund")]


def test_a_line_break_inside_a_field_becomes_a_space(tmp_path: Path) -> None:
    file = write(tmp_path, "train.jsonl", "", [json.dumps({"en": "a\ndog", "de": "ein\r\nHund"})])
    card = card_of(tmp_path, f"{{format: jsonl, file: {file}, fields: {{en: en, de: de}}}}", file)
    assert read(card) == [Pair("a dog", "ein Hund")]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["a\tb", "only one"], r"line 2: wrong number of columns\. Received: 1 columns"),
        (["a\tb", "c\td", "e\tf\tg"], r"line 3: wrong number of columns\. Received: 3 columns"),
        (["only one"], r"line 1: there is no column 1 for the side de"),
    ],
)
def test_a_table_with_too_few_or_too_many_columns(tmp_path: Path, lines: list[str], problem: str) -> None:
    file = write(tmp_path, "train.tsv", "", lines)
    with pytest.raises(DataError, match=problem):
        read(card_of(tmp_path, f"{{format: tsv, file: {file}, columns: {{en: 0, de: 1}}}}", file))


def test_a_header_without_the_column(tmp_path: Path) -> None:
    file = write(tmp_path, "train.tsv", "", ["English\tGermn", "a\tb"])
    split = f"{{format: tsv, file: {file}, header: true, columns: {{en: English, de: German}}}}"
    with pytest.raises(DataError, match=r"no column German.*Did you mean Germn"):
        read(card_of(tmp_path, split, file))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"en": "a", "de"', "line 2: not valid JSON"),
        ('{"en": "a", "dee": "b"}', "line 2: there is no field de.*Did you mean dee"),
        ('{"en": "a", "de": 7}', "line 2: the field de is not text. Received: int"),
        ("[1]", "line 2: there is no field en. Received: list"),
        ('{"en": "a", "de": "\\ud800"}', "line 2: the field de has half of a surrogate pair"),
        ("", "line 2: not valid JSON"),
    ],
)
def test_a_record_that_is_not_of_the_format(tmp_path: Path, line: str, problem: str) -> None:
    file = write(tmp_path, "train.jsonl", "", ['{"en": "a", "de": "b"}', line])
    with pytest.raises(DataError, match=problem):
        read(card_of(tmp_path, f"{{format: jsonl, file: {file}, fields: {{en: en, de: de}}}}", file))


def test_sides_of_different_length(tmp_path: Path) -> None:
    english, german = write(tmp_path, "train.en", "", ["a", "b", "c"]), write(tmp_path, "train.de", "", ["x", "y"])
    card = card_of(tmp_path, f"{{format: plain, sides: {{en: {english}, de: {german}}}}}", english, german)
    with pytest.raises(DataError, match=r"train\.en: 3 lines, .*train\.de: 2 lines"):
        read(card)


@pytest.mark.parametrize("declared", [1, 3])
def test_another_number_of_lines_than_declared(tmp_path: Path, declared: int) -> None:
    file = write(tmp_path, "train.tsv", "", ["a\tb", "c\td"])
    split = f"{{format: tsv, file: {file}, columns: {{en: 0, de: 1}}, lines: {declared}}}"
    with pytest.raises(DataError, match=f"Received: 2 pairs. Expected: {declared} pairs"):
        read(card_of(tmp_path, split, file))


def test_a_local_file_that_is_missing_or_a_side_that_is(tmp_path: Path) -> None:
    file = write(tmp_path, "train.tsv", "", ["a\tb"])
    card = card_of(tmp_path, f"{{format: tsv, file: {file}, columns: {{en: 0, de: 1}}}}", file)
    with pytest.raises(UsageError, match="no side fr"):
        read(card, "en", "fr")
    (tmp_path / file).unlink()
    with pytest.raises(FetchError, match="missing"):
        read(card)


# ---- Data sets of the hub, and their formats ----


def write_parquet(path: Path, pairs: list[tuple[str, str]]) -> None:
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"translation": {"en": english, "de": german}} for english, german in pairs]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


FIELDS = "fields: {en: translation.en, de: translation.de}"


def test_a_local_parquet_file(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data.parquet", PAIRS)
    card = card_of(tmp_path, f"{{format: huggingface, path: data.parquet, {FIELDS}, lines: 4}}")
    assert read(card) == PAIRS
    assert read(card, "de", "en") == [pair[::-1] for pair in PAIRS]


def test_a_folder_of_parquet_files_has_splits(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", PAIRS[:1])
    write_parquet(tmp_path / "data" / "train-00001-of-00002.parquet", PAIRS[1:])
    write_parquet(tmp_path / "data" / "training.parquet", [("no", "nein")])
    write_parquet(tmp_path / "data" / "test" / "0.parquet", [("yes", "ja")])
    assert read(card_of(tmp_path, f"{{format: huggingface, path: data, split: train, {FIELDS}}}")) == PAIRS
    assert read(card_of(tmp_path, f"{{format: huggingface, path: data, split: test, {FIELDS}}}")) == [("yes", "ja")]
    with pytest.raises(DataError, match="no Parquet or Arrow files of the split valid"):
        read(card_of(tmp_path, f"{{format: huggingface, path: data, split: valid, {FIELDS}}}"))


def test_a_row_without_the_field_or_a_file_that_is_not_parquet(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data.parquet", PAIRS)
    split = "{format: huggingface, path: data.parquet, fields: {en: translation.en, fr: translation.fr}}"
    with pytest.raises(DataError, match=r"row 1: there is no field translation\.fr"):
        read(card_of(tmp_path, split), "en", "fr")
    (tmp_path / "data.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match=r"data\.parquet: cannot be read as parquet"):
        read(card_of(tmp_path, f"{{format: huggingface, path: data.parquet, {FIELDS}}}"))


def test_the_hub_without_a_revision_is_refused(tmp_path: Path) -> None:
    card = card_of(tmp_path, f"{{format: huggingface, dataset: some/set, split: train, {FIELDS}}}")
    with pytest.raises(FetchError, match=r"pins no revision of some/set.*revision: the commit"):
        read(card)
