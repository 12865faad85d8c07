"""Tests of `nw2v.sweeps.study`: asking and telling, whatever happens in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nw2v.errors import InputError
from nw2v.sweeps.objectives import Objective
from nw2v.sweeps.samplers import SamplerSettings
from nw2v.sweeps.search_space import Choice, Numbers, SearchSpace
from nw2v.sweeps.study import Outcome, Search, open_search

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")

ONE = (Objective("loss", "minimize"),)
TWO = (Objective("speed", "maximize"), Objective("loss", "minimize"))
X = Numbers("x=interval(0,1)", 0.0, 1.0)
N = Numbers("n=range(1,5)", 1, 4, step=1, whole=True)
KIND = Choice.of("kind=a,b", ["a", "b"], ["a", "b"])
SPACE: SearchSpace = {"x": X, "n": N}
MIXED: SearchSpace = {"x": X, "n": N, "kind": KIND}
LISTED: SearchSpace = {"n": N, "kind": KIND}
FEW_STARTS = {"startup_trials": 4, "nsgaii_population": 4, "cmaes_population": 4}


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@contextmanager
def opened(
    path: Path,
    sampler: str = "tpe",
    space: SearchSpace = SPACE,
    objectives: tuple[Objective, ...] = ONE,
    seed: int = 1,
) -> Iterator[Search]:
    settings = SamplerSettings(sampler, seed, **FEW_STARTS)
    with open_search(str(path), "study", space, objectives, settings) as search:
        yield search


def bowl(values: dict[str, Any]) -> float:
    return (values["x"] - 0.3) ** 2 + 0.1 * abs(values["n"] - 2)


def make(search: Search, trials: int, objective: Callable[[dict[str, Any]], float] = bowl) -> None:
    for _ in range(trials):
        trial = search.ask()
        search.tell(trial, Outcome.of(objective(search.values(trial)), 1))


def points(search: Search) -> list[dict[str, Any]]:
    """The points of all trials that were not interrupted, in their order."""
    trials = search.study.get_trials(deepcopy=False)
    return [trial.params for trial in trials if "interrupted" not in trial.user_attrs]


@pytest.mark.parametrize(
    ("sampler", "space"),
    [("tpe", MIXED), ("random", MIXED), ("nsgaii", MIXED), ("cmaes", SPACE), ("grid", LISTED)],
)
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(
    sampler: str, space: SearchSpace, tmp_path: Path
) -> None:
    def value(values: dict[str, Any]) -> float:
        return bowl({"x": 0.5} | values)

    limit = 8 if sampler == "grid" else 12
    with opened(tmp_path / "whole", sampler, space) as search:
        make(search, limit, value)
        expected = points(search)
    with opened(tmp_path / "killed", sampler, space) as search:
        make(search, limit // 2, value)
        search.ask()  # and never told
    with opened(tmp_path / "killed", sampler, space) as search:
        assert search.take_back({}) == (0, 1)
        assert search.done() == limit // 2
        make(search, limit - search.done(), value)
        assert points(search) == expected
        assert search.done() == limit
        assert search.counts() == {"complete": limit, "pruned": 0, "failed": 0}
    distinct = {tuple(point.values()) for point in expected}
    assert len(distinct) == limit if sampler in ("random", "grid") else len(distinct) > 1


def test_another_seed_gives_other_points(tmp_path: Path) -> None:
    found = []
    for seed in (1, 2):
        with opened(tmp_path / str(seed), "random", seed=seed) as search:
            make(search, 2)
            found.append(points(search))
    assert found[0] != found[1]


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_samplers_learn(sampler: str, tmp_path: Path) -> None:
    space: SearchSpace = {"x": X, "y": Numbers("y=...", 1e-3, 1.0, log=True)}
    with opened(tmp_path / "j", sampler, space) as search:
        make(search, 30, lambda at: (at["x"] - 0.3) ** 2 + (math.log10(at["y"]) + 2) ** 2 / 9)
        values = [trial.value or 0.0 for trial in search.study.trials]
    assert sum(values[-8:]) < sum(values[:8]) / 2


def test_trials_are_redone_under_their_own_job_number_once(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as search:
        make(search, 1)
        first = search.ask()
        search.note_job(first, 1, "one")
        second = search.ask()
        search.note_job(second, 2, "two")
        wanted = [search.values(first), search.values(second)]
    for _ in range(2):  # the second start is killed before it launches anything
        with opened(tmp_path / "j") as search:
            search.take_back({})
    with opened(tmp_path / "j") as search:
        again = [search.ask(), search.ask()]
        assert [search.values(trial) for trial in again] == wanted
        assert [search.job_of(trial) for trial in again] == [1, 2]
        assert search.next_job() == 3
        assert search.values(search.ask()) not in wanted


def test_a_kill_while_trials_are_taken_back_asks_for_none_twice(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as search:
        search.ask()
    with opened(tmp_path / "j") as search:
        # As far as the kill lets it come: asked for again, not yet ended.
        search.study.enqueue_trial(search.study.trials[0].params, user_attrs={"redoes": 0})
    with opened(tmp_path / "j") as search:
        search.take_back({})
        states = [trial.state.name for trial in search.study.trials]
    assert states == ["FAIL", "WAITING"]


def test_what_a_job_left_is_told(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as search:
        for job in range(3):
            search.note_job(search.ask(), job, str(job))
    with opened(tmp_path / "j") as search:
        ended = {0: Outcome((0.25,)), 2: Outcome(pruned=True)}
        assert search.take_back(ended) == (2, 1)
        assert search.best()[0].value == 0.25
        assert search.counts() == {"complete": 1, "pruned": 1, "failed": 0}


def test_failures_count_and_the_search_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as search:
        for value in (None, math.nan, math.inf, "text", [1.0, 2.0], 0.5):
            search.tell(search.ask(), Outcome.of(value, 1))
        assert search.counts() == {"complete": 1, "pruned": 0, "failed": 5}
        assert search.done() == 6
        assert [trial.value for trial in search.best()] == [0.5]


def test_a_repeated_configuration_ends_as_the_first_did(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as search:
        first = search.ask()
        search.note_job(first, 0, "same")
        assert search.same_as("same") is None  # it still runs
        first.report(0.7, 1)
        search.tell(first, Outcome(pruned=True))
        earlier = search.same_as("same")
        assert earlier is not None
        second = search.ask()
        search.repeat(second, earlier)
        told = search.study.trials[1]
        assert (told.state.name, told.intermediate_values) == ("PRUNED", {1: 0.7})
        assert search.job_of(told) == 0
        third = search.ask()
        search.note_job(third, 1, "other")
        search.tell(third, Outcome((0.2,)))
        again = search.same_as("other")
        assert again is not None
        search.repeat(search.ask(), again)
        assert search.study.trials[3].value == 0.2


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "random"])
def test_several_objectives_have_a_front(sampler: str, tmp_path: Path) -> None:
    with opened(tmp_path / "j", sampler, objectives=TWO) as search:
        for _ in range(10):
            trial = search.ask()
            x = search.values(trial)["x"]
            search.tell(trial, Outcome.of([x, x * x], 2))
        assert len(search.best()) == 10  # each is a compromise
        search.tell(search.ask(), Outcome((2.0, -1.0)))
        assert [list(trial.values) for trial in search.best()] == [[2.0, -1.0]]


def test_nothing_is_best_before_a_trial_is_complete(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as search:
        search.tell(search.ask(), Outcome())
        assert search.best() == []


def test_a_grid_is_tried_once(tmp_path: Path) -> None:
    with opened(tmp_path / "j", "grid", LISTED) as search:
        assert search.limit(100) == 8 and search.limit(3) == 3
        make(search, 8, lambda values: values["n"])
        assert len({tuple(point.items()) for point in points(search)}) == 8


def test_a_study_of_another_search_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "j"):
        pass
    with (
        pytest.raises(InputError, match="was begun with another search space"),
        opened(tmp_path / "j", space=LISTED),
    ):
        pass
    other = (Objective("speed", "minimize"),)
    with (
        pytest.raises(InputError, match=r"was begun with another sweep\.metric"),
        opened(tmp_path / "j", objectives=other),
    ):
        pass
    with (
        pytest.raises(InputError, match="goes another way"),
        opened(tmp_path / "j", objectives=(Objective("loss", "maximize"),)),
    ):
        pass
