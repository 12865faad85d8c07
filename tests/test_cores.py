from __future__ import annotations

import os

import pytest

from nw2v.cores import CORES_VARIABLE, at_most_cores, available_cores
from nw2v.errors import InputError


def test_a_limit_counts_where_it_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CORES_VARIABLE, raising=False)
    all_cores = available_cores()
    monkeypatch.setenv(CORES_VARIABLE, "1")
    assert available_cores() == 1
    monkeypatch.setenv(CORES_VARIABLE, "100000")
    assert available_cores() == all_cores


@pytest.mark.parametrize("limit", ["0", "-1", "two", "1.5"])
def test_a_limit_is_a_whole_number(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES_VARIABLE, limit)
    with pytest.raises(InputError, match=f"NW2V_CORES={limit}: expected a whole number"):
        available_cores()


@pytest.mark.parametrize("before", [None, "7"])
def test_a_limit_ends_with_its_block(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if before is None:
        monkeypatch.delenv(CORES_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(CORES_VARIABLE, before)
    with pytest.raises(ZeroDivisionError), at_most_cores(1):
        assert available_cores() == 1
        with at_most_cores(5):
            assert available_cores() == 1
        raise ZeroDivisionError
    assert os.environ.get(CORES_VARIABLE) == before
