"""Tests of `nw2v.sweeps.search_space`."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nw2v.errors import InputError
from nw2v.sweeps.search_space import Choice, Numbers, check_for_sampler


def test_steps_are_the_decimals_that_the_user_wrote() -> None:
    numbers = Numbers("x=range(0.1,0.5,0.1)", 0.1, 0.4, step=0.1)
    assert numbers.grid == [0.1, 0.2, 0.3, 0.4]
    assert numbers.text(0.1 + 2 * 0.1) == "0.3"
    assert numbers.exact(0.30000000000000004) == 0.3


def test_whole_numbers_stay_whole() -> None:
    numbers = Numbers("x=range(50,301,50)", 50, 300, step=50, whole=True)
    assert numbers.grid == [50, 100, 150, 200, 250, 300]
    assert numbers.text(150.0) == "150"
    assert Numbers("x=int(interval(1,20))", 1, 20, whole=True).text(7.0) == "7"


def test_numbers_without_steps_cannot_be_listed() -> None:
    assert Numbers("x=interval(0,1)", 0.0, 1.0).grid is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"low": 0.2, "high": 0.1}, "x=...: an empty range, for 0.2 is more than 0.1"),
        ({"low": 0.0, "high": 1.0, "log": True}, r"x=...: no logarithm of 0.0; tag\(log"),
        ({"low": 1, "high": 9, "step": 2, "log": True}, "x=...: steps and tag"),
        ({"low": -math.inf, "high": 1.0}, "x=...: the bounds must be finite"),
        ({"low": math.nan, "high": 1.0}, "x=...: the bounds must be finite"),
    ],
)
def test_ranges_that_hold_nothing(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Numbers("x=...", **given)


def test_a_choice_gives_back_what_was_written() -> None:
    choice = Choice.of("x=a,2,null", ["a", 2, None], ["a", "2", "null"])
    assert choice.values == ("a", 2, None)
    assert [choice.text(value) for value in choice.values] == ["a", "2", "null"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([[1, 2], [3]], ["[1,2]", "[3]"]),  # a study stores no lists
        ([1, True], ["1", "true"]),  # equal in Python
        ([math.nan, 1], ["nan", "1"]),  # not equal to itself
    ],
)
def test_values_that_a_study_would_confuse_are_stored_as_texts(
    values: list[Any], texts: list[str]
) -> None:
    choice = Choice.of("x=...", values, texts)
    assert [choice.text(value) for value in choice.values] == texts
    assert all(isinstance(value, str) for value in choice.values)


def test_a_value_that_is_named_twice_counts_once() -> None:
    assert Choice.of("x=5,2,5", [5, 2, 5], ["5", "2", "5"]).grid == [5, 2]


def test_a_choice_of_nothing() -> None:
    with pytest.raises(InputError, match="x=: no values to choose from"):
        Choice.of("x=", [], [])


INTERVAL = Numbers("a=interval(0,1)", 0.0, 1.0)
CHOICE = Choice.of("b=x,y", ["x", "y"], ["x", "y"])


@pytest.mark.parametrize(
    ("parameter", "sampler", "objectives", "message"),
    [
        (INTERVAL, "grid", 1, r"a=interval\(0,1\): a grid needs values that can be listed"),
        (CHOICE, "cmaes", 1, "b=x,y: sampler=cmaes searches numbers alone"),
        (INTERVAL, "cmaes", 2, "sampler=cmaes optimises one metric"),
        (None, "tpe", 1, "nothing to search"),
    ],
)
def test_what_a_sampler_cannot_search(
    parameter: Numbers | Choice | None, sampler: str, objectives: int, message: str
) -> None:
    space = {} if parameter is None else {"key": parameter}
    with pytest.raises(InputError, match=message):
        check_for_sampler(space, sampler, objectives)


def test_what_samplers_can_search() -> None:
    for sampler in ("tpe", "random", "nsgaii"):
        check_for_sampler({"a": INTERVAL, "b": CHOICE}, sampler, 2)
    check_for_sampler({"a": INTERVAL}, "cmaes", 1)
    check_for_sampler({"b": CHOICE}, "grid", 1)
