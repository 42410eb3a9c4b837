"""Shards on this machine, and what is said where there is no cluster; test_ray.py has the rest."""

import sys

import pytest

from nmt.engine import connect, map_shards
from nmt.errors import UsageError


def test_shards_are_done_one_by_one_as_they_come():
    asked = []

    def shards():
        for number in range(3):
            asked.append(number)
            yield number

    done = map_shards(lambda number: number * 10, shards())
    assert next(done) == (0, 0)
    assert asked == [0]
    assert list(done) == [(1, 10), (2, 20)]


def test_without_ray_there_is_a_hint(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r'pip install "nmt\[ray\]"'):
        connect()
