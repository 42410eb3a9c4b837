from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.cleaning.normalize import Normalizer, is_blank, normalizer_of
from nmt.corpora_config import CleaningStep, LengthStep, NormalizeStep
from nmt.errors import DataError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  a \t b\u00a0\u3000c  ", "a b c"),
        ("a\nb\r\nc\rd\u2028e\u2029f\x85g\x0bh\x0ci", "a b c d e f g h i"),
        ("e\u0301", "é"),
        ("\ufeffa\u200bb\u00adc\u200ed\u202ee\u2069f\u061cg\u2060h", "abcdefgh"),
        ("می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष"),
        ("ﬁ ½ Ａ", "ﬁ ½ Ａ"),
        ("a\0b", "a\0b"),
    ],
)
def test_the_default_step(text: str, expected: str) -> None:
    assert Normalizer((NormalizeStep(),))(text) == expected


def test_settings_are_obeyed() -> None:
    assert Normalizer((NormalizeStep(form="NFKC"),))("ﬁ Ａ\u00a0\u2003b") == "fi A b"
    assert Normalizer((NormalizeStep(form="none"),))("e\u0301  b") == "e\u0301 b"
    assert Normalizer((NormalizeStep(squeeze_spaces=False),))(" a  b\n\u200bc ") == " a  b c "


def test_without_steps_a_line_stays_as_it_is() -> None:
    identity = normalizer_of([CleaningStep(length=LengthStep())])
    assert identity.steps == ()
    assert identity(" a\u200b  e\u0301\u2028b ") == " a\u200b  e\u0301\u2028b "
    assert identity("a\nb") == "a b"


def test_all_normalize_steps_are_taken_in_order() -> None:
    steps = [CleaningStep(normalize=NormalizeStep(form="NFKC")), CleaningStep(normalize=NormalizeStep(form="none"))]
    assert [step.form for step in normalizer_of(steps).steps] == ["NFKC", "none"]


def test_settings_survive_json() -> None:
    normalizer = Normalizer((NormalizeStep(form="NFKC", squeeze_spaces=False), NormalizeStep()))
    assert Normalizer.from_settings(json.loads(json.dumps(normalizer.settings))) == normalizer
    assert Normalizer.from_settings([]) == Normalizer()


@pytest.mark.parametrize("settings", [[{"form": "NFX"}], [{"other": 1}], [3], 3])
def test_settings_that_are_not_valid(settings: object) -> None:
    with pytest.raises(DataError, match="settings of the normaliser"):
        Normalizer.from_settings(settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["NFC", "NFKC", "none"])
def test_marks_are_dropped_on_request(form: str) -> None:
    without = Normalizer((NormalizeStep.model_validate({"form": form, "marks": "drop"}),))
    text = "Ọ́mọ̀wé Làbákẹ́ über ångström שָלוֹם 한글 ø ł ́"
    assert without(text) == "Omowe Labake uber angstrom שלום 한글 ø ł"
    assert without(unicodedata.normalize("NFD", text)) == without(text)


FORMS = st.builds(
    NormalizeStep,
    form=st.sampled_from(["NFC", "NFKC", "none"]),
    squeeze_spaces=st.booleans(),
    marks=st.sampled_from(["drop", None]),
)


@given(step=FORMS, text=st.text())
def test_the_result_is_one_line_and_stays_the_same(step: NormalizeStep, text: str) -> None:
    normalizer = Normalizer((step,))
    once = normalizer(text)
    assert "\n" not in once
    assert normalizer(once) == once
    if step.squeeze_spaces:
        assert once == " ".join(once.split())


@given(st.text(st.sampled_from("\u200b\u00ad\ufeff\u200c \t\u2028\x1c\u0301a"), max_size=5))
def test_blank_is_what_normalisation_leaves_nothing_of(text: str) -> None:
    assert is_blank(text) == (Normalizer((NormalizeStep(),))(text) == "")
