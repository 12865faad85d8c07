"""Tests of `nw2v.sweeps.pruning`: what a job reports, and when it is stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nw2v.errors import InputError
from nw2v.sweeps.objectives import Objective
from nw2v.sweeps.pruning import PRUNED_AFTER, PruningCallback
from nw2v.sweeps.samplers import make_pruner
from nw2v.training.callbacks import Pruned, Report, TrainingStart
from nw2v.training.parameters import Parameters

if TYPE_CHECKING:
    from optuna import Study

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")

LOSS = Objective("valid/cross_entropy", "minimize")
START = TrainingStart(100, {"epochs": 3}, {}, Parameters(2, 2, seed=1, initial_scale=1.0))
MEDIAN = {"n_startup_trials": 1, "n_warmup_steps": 0}


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """A study in a journal, with one trial that ended well, and one that has begun."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal"))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.create_study(study_name="s", storage=storage)
    trial = study.ask()
    for epoch, value in ((1, 1.0), (2, 0.8), (3, 0.6)):
        trial.report(value, epoch)
    study.tell(trial, 0.6)
    study.ask()
    yield study


def callback(
    folder: Path, objective: Objective = LOSS, *, trial: int = 1, pruner: str = "median"
) -> PruningCallback:
    return PruningCallback(
        storage=str(folder / "journal"),
        study_name="s",
        trial=trial,
        objective=objective,
        study_direction="minimize",
        make_pruner=partial(make_pruner, pruner, MEDIAN if pruner == "median" else {}),
    )


def report(epoch: int, value: float, name: str = "valid/cross_entropy") -> Report:
    return Report(epoch, epoch, {name: value})


def test_a_training_that_does_worse_is_stopped(study: Study, tmp_path: Path) -> None:
    job = callback(tmp_path)
    job.started(START)
    job.epoch(report(0, 9.0))  # nothing has been learnt yet
    job.epoch(report(1, 0.9))
    with pytest.raises(Pruned) as caught:
        job.epoch(report(2, 0.85))
    job.failed(caught.value)
    assert caught.value.epoch == 2
    frozen = study.get_trials()[1]
    assert frozen.intermediate_values == {1: 0.9, 2: 0.85}
    assert frozen.user_attrs[PRUNED_AFTER] == 2


def test_nothing_is_gained_by_stopping_after_the_last_pass(study: Study, tmp_path: Path) -> None:
    job = callback(tmp_path)
    job.started(START)
    job.epoch(report(3, 9.0))
    job.finished(report(3, 9.0))
    assert PRUNED_AFTER not in study.get_trials()[1].user_attrs


def test_a_metric_that_goes_the_other_way_is_reported_negated(study: Study, tmp_path: Path) -> None:
    job = callback(tmp_path, Objective("analogy/accuracy", "maximize"))
    job.started(START)
    job.epoch(report(1, 0.5, "analogy/accuracy"))  # -0.5 is less than 1.0
    assert study.get_trials()[1].intermediate_values == {1: -0.5}
    job.finished(report(3, 0.5))


def test_successive_halving_stops_too(study: Study, tmp_path: Path) -> None:
    first = callback(tmp_path, pruner="successive_halving", trial=1)
    first.started(START)
    first.epoch(report(1, 0.5))
    study.ask()
    second = callback(tmp_path, pruner="successive_halving", trial=2)
    second.started(START)
    with pytest.raises(Pruned):
        second.epoch(report(1, 0.9))


def test_a_run_without_the_metric_is_warned_of_once(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = callback(tmp_path)
    job.started(START)
    with caplog.at_level(logging.WARNING):
        job.epoch(report(1, 0.5, "analogy/accuracy"))
        job.epoch(report(2, 0.5, "analogy/accuracy"))
    assert [record.getMessage() for record in caplog.records] == [
        "the run has no metric valid/cross_entropy (hydra.sweeper.prune_metric) at epochs: "
        "it is not pruned"
    ]


def test_a_storage_that_goes_away_loses_no_training(
    study: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = callback(tmp_path)
    job.started(START)
    (tmp_path / "journal").unlink()
    (tmp_path / "journal").mkdir()
    with caplog.at_level(logging.WARNING):
        job.epoch(report(1, 9.0))
        job.epoch(report(2, 9.0))
    assert len(caplog.records) == 1 and "is not pruned" in caplog.text


def test_a_trial_that_does_not_exist(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no trial 7, which"):
        callback(tmp_path, trial=7).started(START)
