from __future__ import annotations

import pytest

from nmt import errors
from nmt.errors import (
    BundleError,
    DataError,
    FetchError,
    InterruptedRun,
    NmtError,
    RecipeError,
    UsageError,
    nearest,
    suggestion,
)


def test_a_message_has_its_parts_in_order() -> None:
    error = NmtError("file, line 3: wrong", received="a", expected="b", action="Do this")
    assert str(error) == "file, line 3: wrong. Received: a. Expected: b. Do this."
    assert (error.problem, error.received, error.expected, error.action) == ("file, line 3: wrong", "a", "b", "Do this")


def test_absent_parts_are_left_out_but_falsy_values_are_not() -> None:
    assert str(NmtError("wrong")) == "wrong."
    assert str(NmtError("wrong", received=0)) == "wrong. Received: 0."


@pytest.mark.parametrize("action", ["Did you mean train?", "Stop here."])
def test_the_action_keeps_its_own_full_stop(action: str) -> None:
    assert str(NmtError("wrong", action=action)) == f"wrong. {action}"


@pytest.mark.parametrize(
    ("kind", "parent", "code"),
    [
        (NmtError, Exception, 1),
        (UsageError, NmtError, 2),
        (RecipeError, UsageError, 2),
        (DataError, NmtError, 3),
        (FetchError, DataError, 3),
        (BundleError, DataError, 3),
        (InterruptedRun, NmtError, 4),
    ],
)
def test_the_tree_and_its_exit_codes(kind: type[NmtError], parent: type[Exception], code: int) -> None:
    assert kind.__bases__ == (parent,)
    assert kind.exit_code == code
    assert kind.__name__ in (errors.__doc__ or "")


def test_nearest() -> None:
    assert nearest("beam_sise", ["beam_size", "seed"]) == "beam_size"
    assert nearest("zzzz", ["beam_size", "seed"]) is None
    assert nearest("x", []) is None


def test_a_suggestion_is_the_nearest_or_what_to_do_otherwise() -> None:
    assert suggestion("beam_sise", ["beam_size", "seed"], "Read the list") == "Did you mean beam_size?"
    assert suggestion("zzzz", ["beam_size", "seed"], "Read the list") == "Read the list"
    assert suggestion("zzzz", ["beam_size", "seed"]) is None
