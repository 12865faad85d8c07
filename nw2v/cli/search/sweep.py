"""The search itself: ask for a batch of trials, launch it as jobs, tell what they gave."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from nw2v.cli.search.left_jobs import ended_jobs
from nw2v.cli.search.options import SearchOptions, read_options
from nw2v.cli.search.results import describe, report, results, values_text, write_results
from nw2v.cli.search.space import read_space
from nw2v.cli.settings import leaves
from nw2v.cli.summary import short_path
from nw2v.errors import InputError
from nw2v.sweeps.files import alone_in, identity
from nw2v.sweeps.search_space import Parameter, check_for_sampler
from nw2v.sweeps.study import Outcome, Search, open_search
from nw2v.sweeps.study_storage import drop_half_line, need_optuna

if TYPE_CHECKING:
    from optuna import Trial

_log = logging.getLogger(__name__)


@dataclass
class _Planned:
    """A trial of a batch: the job that it will be, or the trial in the batch that it repeats."""

    trial: Trial
    identity: str
    overrides: list[str]
    job: int | None = None
    result: JobReturn | None = None


def search(sweeper: Sweeper, arguments: Sequence[str]) -> dict[str, Any]:
    """Search the space that a command line describes, with Hydra's launcher.

    Parameters
    ----------
    sweeper : Sweeper
        Set up: with its configuration, Hydra's context and the launcher.
    arguments : sequence of str
        Overrides of the application; those with several values, a range or an interval are
        searched.

    Returns
    -------
    dict
        The results, as they are written.

    Raises
    ------
    InputError
        What was asked for cannot be searched (found out before anything runs), or no trial gave
        a value.
    """
    config, context = sweeper.config, sweeper.hydra_context
    assert config is not None and context is not None and sweeper.launcher is not None
    options, space, fixed = read_search(config, arguments, context.config_loader)
    with alone_in(options.folder, "search"), _quiet_optuna(), ExitStack() as stack:
        OmegaConf.save(config, options.folder / "multirun.yaml")
        _mend_journal(options)
        found = stack.enter_context(
            open_search(
                options.storage, options.study_name, space, options.objectives, options.sampler
            )
        )
        running = _Running(sweeper, options, found, fixed)
        running.go_on()
        running.run()
        return running.end()


def read_search(
    config: DictConfig, arguments: Sequence[str], loader: ConfigLoader
) -> tuple[SearchOptions, dict[str, Parameter], list[str]]:
    """Read what is to be searched, and check that it can be.

    Parameters
    ----------
    config : DictConfig
        Composed, with the node `hydra`.
    arguments : sequence of str
        Overrides of the application.
    loader : ConfigLoader
        Hydra's, which knows the options of groups.

    Returns
    -------
    options : SearchOptions
    space : dict of str to Numbers or Choice
    fixed : list of str
        The overrides that all jobs share.

    Raises
    ------
    InputError
        It cannot be searched.
    """
    options = read_options(config.hydra, config)
    words = [*(f"{key}={value}" for key, value in options.params.items()), *arguments]
    space, fixed = read_space(OverridesParser.create(loader).parse_overrides(words))
    check_for_sampler(space, options.sampler.name, len(options.objectives))
    need_optuna()
    return options, space, fixed


class _Running:
    """One start of a search."""

    def __init__(
        self, sweeper: Sweeper, options: SearchOptions, found: Search, fixed: list[str]
    ) -> None:
        self._sweeper = sweeper
        self._options = options
        self._search = found
        self._fixed = fixed
        self._limit = found.limit(options.n_trials)
        self._failure: BaseException | None = None

    def go_on(self) -> None:
        """Take over what an earlier start of the same search has left."""
        options = self._options
        recovered, redone = self._search.take_back(ended_jobs(options.folder, options.objectives))
        done = self._search.done()
        if done or redone:
            _log.info(
                "the study %s goes on: %s of %s trials are done%s%s",
                options.study_name,
                done,
                self._limit,
                f", {recovered} of them by what their jobs left" if recovered else "",
                f"; {redone} that were interrupted are made again" if redone else "",
            )

    def run(self) -> None:
        """Make batch after batch until there are as many trials as were asked for."""
        while (remaining := self._limit - self._search.done()) > 0:
            batch = [self._plan() for _ in range(min(self._options.n_jobs, remaining))]
            self._launch(batch)
            failed = sum(not self._tell(planned) for planned in batch)
            if failed / len(batch) > self._options.max_failure_rate:
                _log.warning(
                    "%s of %s trials failed, more than hydra.sweeper.max_failure_rate=%s allows",
                    failed,
                    len(batch),
                    self._options.max_failure_rate,
                )
                self._raise_failure()

    def end(self) -> dict[str, Any]:
        """Write and print the results."""
        path = write_results(self._search, self._options.folder)
        with suppress(OSError):  # What cannot be printed is told at the end.
            print(f"\n{report(self._search)}\nresults  {short_path(path)}", flush=True)
        if not self._search.best():
            self._raise_failure()
        return results(self._search)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        metrics = ", ".join(objective.metric for objective in self._options.objectives)
        raise InputError(
            f"no trial gave a value of {metrics} (sweep.metric); the logs of the jobs in "
            f"{self._options.folder} tell more"
        )

    # One batch

    def _plan(self) -> _Planned:
        trial = self._search.ask()
        chosen = [f"{key}={text}" for key, text in self._search.texts(trial).items()]
        overrides = [*self._fixed, *chosen]
        mark = self._identity(overrides)
        if self._options.pruning is not None:
            overrides.append(f"sweep.trial={trial.number}")
        return _Planned(trial, mark, overrides)

    def _identity(self, overrides: list[str]) -> str:
        """Name the configuration of a job, to know it again."""
        config, context = self._sweeper.config, self._sweeper.hydra_context
        assert config is not None and context is not None
        composed = context.config_loader.load_sweep_config(config, list(overrides))
        with open_dict(composed):
            composed.pop("hydra")
        try:
            plain = OmegaConf.to_container(composed, resolve=True)
        except OmegaConfBaseException:  # it refers to what only the running job knows
            plain = OmegaConf.to_container(composed)
        assert isinstance(plain, dict)
        return identity(leaves({str(key): value for key, value in plain.items()}))

    def _launch(self, batch: list[_Planned]) -> None:
        """Run what has to be trained; what equals another trial waits for its result."""
        jobs: dict[str, _Planned] = {}
        for planned in batch:
            if planned.identity in jobs or self._search.same_as(planned.identity) is not None:
                continue
            job = self._search.job_of(planned.trial)
            planned.job = self._search.next_job() if job is None else job
            self._search.note_job(planned.trial, planned.job, planned.identity)
            jobs[planned.identity] = planned
        launcher = self._sweeper.launcher
        assert launcher is not None
        for group in _consecutive(sorted(jobs.values(), key=lambda planned: planned.job or 0)):
            first = group[0].job
            assert first is not None
            returned = launcher.launch(
                [planned.overrides for planned in group], initial_job_idx=first
            )
            for planned, result in zip(group, returned, strict=True):
                planned.result = result

    def _tell(self, planned: _Planned) -> bool:
        """Tell the study how a trial ended; returns whether it came to an end without failing."""
        trial, found = planned.trial, self._search
        if planned.result is None:
            earlier = found.same_as(planned.identity)
            if earlier is None:  # its twin in this batch has just failed
                found.tell(trial, Outcome())
                return False
            found.repeat(trial, earlier)
            _log.info("trial %s repeats trial %s: not trained again", trial.number, earlier.number)
            return True
        if planned.result.status == JobStatus.COMPLETED:
            value = planned.result.return_value
            pruned = self._options.pruning is not None and found.was_pruned(trial)
            outcome = Outcome.of(value, len(found.objectives))
            outcome = Outcome(None, True) if pruned else outcome
        else:
            outcome = Outcome()
            self._failure = _error_of(planned.result)
        found.tell(trial, outcome)
        self._say(planned, outcome)
        return outcome.pruned or outcome.values is not None

    def _say(self, planned: _Planned, outcome: Outcome) -> None:
        number, job = planned.trial.number, planned.job
        if outcome.pruned:
            said = "pruned"
        elif outcome.values is None:
            said = "failed" if self._failed(planned) else "gave no value"
        else:
            said = values_text(self._search.objectives, outcome.values)
        best = self._search.best()
        so_far = ""
        if len(best) == 1 and len(self._search.objectives) == 1 and best[0].number != number:
            so_far = f"; best so far {describe(self._search, best[0])}"
        done = f"{self._search.done()} of {self._limit}"
        _log.info("trial %s (job %s): %s%s [%s]", number, job, said, so_far, done)

    @staticmethod
    def _failed(planned: _Planned) -> bool:
        return planned.result is not None and planned.result.status != JobStatus.COMPLETED


def _error_of(result: JobReturn) -> BaseException:
    # Not by the property: it prints a line of its own before it raises.
    error = result._return_value
    return error if isinstance(error, BaseException) else RuntimeError(f"a job failed: {error}")


def _consecutive(jobs: Sequence[_Planned]) -> Iterator[list[_Planned]]:
    """Split jobs where a number is missing: a launcher counts up from the first of a batch."""
    group: list[_Planned] = []
    for planned in jobs:
        if group and planned.job != (group[-1].job or 0) + 1:
            yield group
            group = []
        group.append(planned)
    if group:
        yield group


def _mend_journal(options: SearchOptions) -> None:
    """Cut off the half line that a writer which was killed may have left."""
    path = Path(options.storage)
    if path.parent == options.folder:  # nobody else writes it now
        drop_half_line(path)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Let Optuna's own log go where everybody's goes, warnings alone."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
        optuna.logging.enable_default_handler()
        optuna.logging.disable_propagation()
