"""A search's study: asking for trials, telling their results, going on where it was killed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError
from nw2v.sweeps.objectives import Objective
from nw2v.sweeps.pruning import PRUNED_AFTER
from nw2v.sweeps.samplers import SamplerSettings, grid_point, grid_size, make_sampler
from nw2v.sweeps.search_space import SearchSpace
from nw2v.sweeps.study_storage import open_storage

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

# What a study remembers of itself and of its trials.
_SPACE, _OBJECTIVES = "nw2v.space", "nw2v.objectives"
_JOB, _IDENTITY, _INTERRUPTED, _REDOES, _REPEATS = (
    "job",
    "identity",
    "interrupted",
    "redoes",
    "repeats",
)


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes
    ----------
    values : tuple of float or None
        One for each objective; None if the job failed or gave no number.
    pruned : bool
        Whether it was stopped by the pruner.
    """

    values: tuple[float, ...] | None = None
    pruned: bool = False

    @classmethod
    def of(cls, value: Any, objectives: int) -> Outcome:
        """Read what a job returned: a number, or a sequence of as many as there are objectives."""
        numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        try:
            values = tuple(float(number) for number in numbers)
        except (TypeError, ValueError):
            return cls()
        whole = len(values) == objectives and all(map(math.isfinite, values))
        return cls(values if whole else None)


class Search:
    """A study with a search space, a sampler and objectives.

    Made by `open_search`.
    """

    def __init__(
        self,
        study: Study,
        space: SearchSpace,
        objectives: Sequence[Objective],
        sampler: SamplerSettings,
    ) -> None:
        self.study = study
        self.space = space
        self.objectives = tuple(objectives)
        self._sampler = sampler
        self._distributions = {key: each.distribution for key, each in space.items()}

    @property
    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    # Asking

    def done(self) -> int:
        """Count the trials that have come to an end; those that were interrupted have not."""
        return sum(
            trial.state.is_finished() and _INTERRUPTED not in trial.user_attrs
            for trial in self._trials
        )

    def limit(self, n_trials: int) -> int:
        """Give the number of trials to make: a grid has no more than its points."""
        if self._sampler.name == "grid":
            return min(n_trials, grid_size(self.space))
        return n_trials

    def ask(self) -> Trial:
        """Begin a trial: one that was interrupted, else one that the sampler chooses."""
        from optuna.trial import TrialState

        trials = self._trials
        if not any(trial.state == TrialState.WAITING for trial in trials):
            position = sum(_INTERRUPTED not in trial.user_attrs for trial in trials)
            if self._sampler.name == "grid":
                point = grid_point(self.space, self._sampler.seed, position)
                self.study.enqueue_trial(point)
            else:
                self.study.sampler = make_sampler(self._sampler, position)
        return self.study.ask(fixed_distributions=self._distributions)

    def texts(self, trial: Trial | FrozenTrial) -> dict[str, str]:
        """Give a trial's values by key, as they are written in overrides."""
        return {key: self.space[key].text(trial.params[key]) for key in self.space}

    def values(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Give a trial's values by key."""
        return {key: self.space[key].exact(trial.params[key]) for key in self.space}

    # Jobs

    def job_of(self, trial: Trial | FrozenTrial) -> int | None:
        """Give the number of the job that a trial is, or that it repeats."""
        number = trial.user_attrs.get(_JOB)
        return None if number is None else int(number)

    def next_job(self) -> int:
        """Give the first job number that is free."""
        return 1 + max((int(t.user_attrs.get(_JOB, -1)) for t in self._trials), default=-1)

    def note_job(self, trial: Trial, job: int, identity: str) -> None:
        """Remember which job a trial is, and what configuration that job has."""
        trial.set_user_attr(_IDENTITY, identity)
        trial.set_user_attr(_JOB, job)

    def same_as(self, identity: str) -> FrozenTrial | None:
        """Find a trial with the same configuration that has come to an end with a value."""
        from optuna.trial import TrialState

        for trial in self._trials:
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and (
                trial.user_attrs.get(_IDENTITY) == identity
            ):
                return trial
        return None

    # Telling

    def was_pruned(self, trial: Trial) -> bool:
        """Whether the job of a trial says that it was stopped by the pruner."""
        return PRUNED_AFTER in self._trials[trial.number].user_attrs

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """End a trial."""
        from optuna.trial import TrialState

        if outcome.pruned:
            self.study.tell(trial, state=TrialState.PRUNED)
        elif outcome.values is None:
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self.study.tell(trial, list(outcome.values))

    def repeat(self, trial: Trial, earlier: FrozenTrial) -> None:
        """End a trial as another one with the same configuration has ended."""
        from optuna.trial import TrialState

        trial.set_user_attr(_REPEATS, earlier.number)
        if (job := self.job_of(earlier)) is not None:
            trial.set_user_attr(_JOB, job)
        if len(self.objectives) == 1:
            for epoch, value in earlier.intermediate_values.items():
                trial.report(value, epoch)
        pruned = earlier.state == TrialState.PRUNED
        self.tell(trial, Outcome(None if pruned else tuple(earlier.values or ()), pruned))

    # Going on

    def take_back(self, ended: dict[int, Outcome]) -> tuple[int, int]:
        """End the trials that a start of this search which was killed has left running.

        Parameters
        ----------
        ended : dict of int to Outcome
            What is known, by number, of jobs that came to an end before they were told.

        Returns
        -------
        recovered, redone : int
            How many trials were ended by what their job had left, and how many will be asked for
            again.
        """
        from optuna.trial import TrialState

        recovered = redone = 0
        trials = self._trials
        redone_already = {trial.user_attrs.get(_REDOES) for trial in trials}
        for trial in trials:
            if trial.state != TrialState.RUNNING:
                continue
            job = self.job_of(trial)
            if job in ended:
                outcome = ended[job]
                state = TrialState.PRUNED if outcome.pruned else None
                values = None if outcome.pruned else list(outcome.values or ())
                self.study.tell(trial.number, values, state=state)
                recovered += 1
                continue
            known = set(self.space) <= set(trial.params)
            # In this order: a kill in between leaves no trial out, and asks for none twice.
            if known and trial.number not in redone_already:
                self._ask_again(trial, job)
            redone += known
            self.study._storage.set_trial_user_attr(trial._trial_id, _INTERRUPTED, True)
            self.study.tell(trial.number, state=TrialState.FAIL)
        return recovered, redone

    def _ask_again(self, trial: FrozenTrial, job: int | None) -> None:
        """Let a trial's point be asked for once more, as of the same generation."""
        from optuna.trial import TrialState, create_trial

        # As Study.enqueue_trial does it, which takes no generation along.
        generation = {
            key: value for key, value in trial.system_attrs.items() if key.endswith(":generation")
        }
        again = create_trial(
            state=TrialState.WAITING,
            system_attrs=generation | {"fixed_params": dict(trial.params)},
            user_attrs={_REDOES: trial.number} | ({} if job is None else {_JOB: job}),
        )
        self.study.add_trial(again)

    # The end

    def best(self) -> list[FrozenTrial]:
        """Give the best trial, or those of the Pareto front; empty if none was completed."""
        from optuna.trial import TrialState

        completed = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not completed:
            return []
        if len(self.objectives) == 1:
            return [self.study.best_trial]
        return sorted(self.study.best_trials, key=lambda trial: trial.number)

    def counts(self) -> dict[str, int]:
        """Count the trials by how they ended: complete, pruned, failed."""
        from optuna.trial import TrialState

        names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
        names[TrialState.FAIL] = "failed"
        counted = dict.fromkeys(names.values(), 0)
        for trial in self._trials:
            if trial.state in names and _INTERRUPTED not in trial.user_attrs:
                counted[names[trial.state]] += 1
        return counted


@contextmanager
def open_search(
    address: str,
    name: str,
    space: SearchSpace,
    objectives: Sequence[Objective],
    sampler: SamplerSettings,
) -> Iterator[Search]:
    """Open a study, made where there is none of that name.

    Parameters
    ----------
    address : str
        Of the storage, see `open_storage`.
    name : str
        Of the study.
    space, objectives, sampler

    Raises
    ------
    InputError
        The storage cannot be opened, or the study is one of another search.
    """
    with open_storage(address) as storage:
        study = _open_study(storage, address, name, objectives)
        for key, now in (
            (_SPACE, {key: _description(each) for key, each in space.items()}),
            (_OBJECTIVES, [asdict(objective) for objective in objectives]),
        ):
            before = study.user_attrs.get(key)
            if before is None:
                study.set_user_attr(key, now)
            elif before != now:
                what = "search space" if key == _SPACE else "sweep.metric or sweep.direction"
                raise InputError(
                    f"the study {name} in {address} was begun with another {what} ({before}, now "
                    f"{now}): give the same, or another hydra.sweeper.study_name"
                )
        yield Search(study, space, objectives, sampler)


def _open_study(
    storage: BaseStorage, address: str, name: str, objectives: Sequence[Objective]
) -> Study:
    import optuna

    directions: list[Any] = [objective.direction for objective in objectives]
    try:
        study = optuna.create_study(
            study_name=name, storage=storage, directions=directions, load_if_exists=True
        )
        stored = [direction.name.lower() for direction in study.directions]
    except (ValueError, KeyError) as error:  # a journal with other lines than Optuna's
        raise InputError(
            f"hydra.sweeper.storage={address}: not a storage of Optuna ({error})"
        ) from error
    if stored != directions:
        raise InputError(
            f"the study {name} in {address} goes another way ({stored}, now {directions}): give "
            "the same sweep.direction, or another hydra.sweeper.study_name"
        )
    return study


def _description(parameter: Any) -> dict[str, Any]:
    described = {key: each for key, each in asdict(parameter).items() if key != "source"}
    return {key: list(each) if isinstance(each, tuple) else each for key, each in described.items()}
