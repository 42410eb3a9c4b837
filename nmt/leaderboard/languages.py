"""Language codes: ISO 639-1, or three letters of ISO 639-3, with the script and region subtags of BCP 47."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nmt.errors import DataError, UsageError

_TWO_LETTERS = frozenset(
    re.findall(
        "..",
        "aaabaeafakamanarasavayazbabebgbhbibmbnbobrbscacechcocrcscucvcydadedvdzeeeleneoeseteufafffifjfofrfygagdglgngu"
        "gvhahehihohrhthuhyhziaidieigiiikioisitiujajvkakgkikjkkklkmknkokrkskukvkwkylalblglilnloltlulvmgmhmimkmlmnmrms"
        "mtmynanbndnengnlnnnonrnvnyocojomorospapiplpsptqurmrnrorurwsascsdsesgshsiskslsmsnsosqsrssstsusvswtatetgthtitk"
        "tltntotrtstttwtyugukuruzvevivowawoxhyiyozazhzu",
    )
)
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][A-Z][a-z]{3})?(?:[-_](?:[A-Z]{2}|[0-9]{3}))?")
_PACKED = (".gz", ".zst", ".txt")


def is_language(code: str) -> bool:
    """Whether ``code`` can be a language, such as ``de``, ``hsb``, ``zh-Hans`` or ``pt_BR``."""
    match = _CODE.fullmatch(code)
    return match is not None and (len(match[1]) == 3 or match[1] in _TWO_LETTERS)


def split_languages(languages: str) -> tuple[str, str]:
    """Returns source and target language of a pair such as ``en-de``.

    Raises:
        UsageError: it is not a pair, or one of them is not the code of a language.
    """
    for position, character in enumerate(languages):
        if character == "-":
            source, target = languages[:position], languages[position + 1 :]
            if is_language(source) and is_language(target):
                return source, target
    wrong = next((code for code in languages.split("-") if not is_language(code)), languages)
    raise UsageError(
        f"--languages {languages}: {wrong} is not the code of a language"
        if languages.count("-")
        else f"--languages {languages}: not a pair of languages",
        expected="source and target, as codes of ISO 639, for instance en-de",
    )


def pair_in_names(paths: Iterable[Path]) -> str:
    """Returns the pair of languages that a part of every file's name gives, as WMT's names do; else nothing."""
    found = [{part for part in path.name.split(".") if _is_pair(part)} for path in paths]
    common = set.intersection(*found) if found else set()
    return common.pop() if len(common) == 1 else ""


def check_file_language(path: Path, language: str, languages: str) -> None:
    """Checks that the last part of a file's name is not the code of another language.

    Raises:
        DataError: it is.
    """
    name = path.name
    while name.endswith(_PACKED):
        name = name.rpartition(".")[0]
    ending = name.rpartition(".")[2] if "." in name else ""
    if ending in _TWO_LETTERS and ending != re.split("[-_]", language)[0]:
        raise DataError(
            f"{path}, line 1: the file's name says that it is in the language {ending}",
            received=ending,
            expected=f"{language}, for the languages are {languages}",
            action="Give the right file, or the right --languages",
        )


def _is_pair(part: str) -> bool:
    source, _, target = part.partition("-")
    return is_language(source) and is_language(target)
