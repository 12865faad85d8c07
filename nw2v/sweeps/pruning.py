"""Stopping a training that does worse than others did at the same epoch: the job's side."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nw2v.errors import InputError
from nw2v.sweeps.objectives import Objective
from nw2v.sweeps.study_storage import need_optuna, open_storage
from nw2v.training.callbacks import Callback, Pruned, Report, TrainingStart

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.pruners import BasePruner
    from optuna.trial import Trial

_log = logging.getLogger(__name__)

PRUNED_AFTER = "pruned_after"


class PruningCallback(Callback):
    """Reports a metric to a study after each pass, and stops the training where its pruner says.

    Parameters
    ----------
    storage : str
        As `open_storage` takes it: it must be reachable from this machine.
    study_name : str
    trial : int
        Number of the trial that this job is.
    objective : Objective
        The metric to prune by, and which way it is better.
    study_direction : {"maximize", "minimize"}
        Which way the study goes; values of a metric that goes the other way are reported negated.
    make_pruner : callable
        Called once Optuna is known to be there.
    """

    def __init__(
        self,
        *,
        storage: str,
        study_name: str,
        trial: int,
        objective: Objective,
        study_direction: str,
        make_pruner: Callable[[], BasePruner],
    ) -> None:
        self._storage = storage
        self._study_name = study_name
        self._number = trial
        self._metric = objective.metric
        self._sign = 1.0 if objective.direction == study_direction else -1.0
        self._make_pruner = make_pruner
        self._open = ExitStack()
        self._trial: Trial | None = None
        self._last_epoch = 0

    def started(self, start: TrainingStart) -> None:
        """Find the trial.

        Raises
        ------
        InputError
            The study cannot be opened from here, or has no such trial.
        """
        need_optuna()
        import optuna

        self._last_epoch = int(start.settings["epochs"])
        storage = self._open.enter_context(open_storage(self._storage))
        try:
            study = optuna.load_study(
                study_name=self._study_name, storage=storage, pruner=self._make_pruner()
            )
            frozen = study.get_trials(deepcopy=False)[self._number]
        except (KeyError, IndexError) as error:
            self._open.close()
            raise InputError(
                f"the study {self._study_name} in {self._storage} has no trial {self._number}, "
                "which sweep.trial names: leave sweep.trial out, a search sets it"
            ) from error
        self._trial = optuna.trial.Trial(study, frozen._trial_id)

    def epoch(self, report: Report) -> None:
        """Report; stop the training where others did better.

        Raises
        ------
        Pruned
        """
        if self._trial is None or report.epoch == 0:
            return
        if self._metric not in report.metrics:
            _log.warning(
                "the run has no metric %s (hydra.sweeper.prune_metric) at epochs: it is not pruned",
                self._metric,
            )
            self._close()
            return
        try:
            self._trial.report(self._sign * report.metrics[self._metric], report.epoch)
            # Nothing would be saved after the last pass.
            stop = report.epoch < self._last_epoch and self._trial.should_prune()
            if stop:
                self._trial.set_user_attr(PRUNED_AFTER, report.epoch)
        except Exception as error:  # A training must not be lost to a storage that went away.
            _log.warning("the search's study does not answer (%s): the run is not pruned", error)
            self._close()
            return
        if stop:
            raise Pruned(report.epoch)

    def finished(self, report: Report) -> None:
        """Let go of the study."""
        self._close()

    def failed(self, error: BaseException) -> None:
        """Let go of the study."""
        self._close()

    def _close(self) -> None:
        self._trial = None
        self._open.close()
