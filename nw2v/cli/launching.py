"""What nw2v's launchers share: announcing jobs, and running one in a process of its own."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import (
    JobReturn,
    JobStatus,
    configure_log,
    filter_overrides,
    run_job,
    setup_globals,
)
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from nw2v.cli.one_of_several import go_to

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobSource:
    """All that the jobs of a sweep have in common, as another process is given it."""

    hydra_context: HydraContext
    task_function: TaskFunction
    config: DictConfig
    origin: Path = field(default_factory=Path.cwd)

    def announce(
        self, job_overrides: Sequence[Sequence[str]], first: int, manner: str
    ) -> dict[Any, Any]:
        """List the jobs that begin, and return the state of Hydra that they need."""
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        count = len(job_overrides)
        _log.info(f"Launching {count} {'job' if count == 1 else 'jobs'}, {manner}")
        of_all = set.intersection(*map(set, job_overrides)) if count > 1 else set()
        for index, overrides in enumerate(job_overrides, first):
            number = job_number(overrides, index)
            own = [override for override in overrides if override not in of_all]
            _log.info(f"\t#{number} : {' '.join(filter_overrides(own))}")
        state: dict[Any, Any] = Singleton.get_state()
        return state

    def run(
        self,
        number: int,
        overrides: Sequence[str],
        state: dict[Any, Any],
        launcher: Mapping[str, Any],
    ) -> JobReturn:
        """Run a job in this process, which may be on another machine.

        Parameters
        ----------
        number : int
        overrides : sequence of str
        state : dict
            Of Hydra, as `announce` returned it.
        launcher : mapping
            What the launcher's configuration came to, such as the jobs that really run at once.
        """
        go_to(self.origin)
        setup_globals()
        Singleton.set_state(state)
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        number = job_number(overrides, number)
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
            config.hydra.launcher = OmegaConf.merge(config.hydra.launcher, dict(launcher))
        returned = run_job(
            hydra_context=self.hydra_context,
            config=config,
            task_function=self.task_function,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        return _portable(returned)


def job_number(overrides: Sequence[str], index: int) -> int:
    """Return a job's number: that of its folder, which a resumed sweep keeps, else its index."""
    for text in overrides:
        key, _, value = text.partition("=")
        if key == "hydra.sweep.subdir" and value.isdecimal():
            return int(value)
    return index


def _portable(returned: JobReturn) -> JobReturn:
    """Make sure that another process can read how a job failed."""
    if returned.status != JobStatus.FAILED:
        return returned
    error = returned._return_value
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception may want other arguments than it keeps, among other things
        returned.return_value = RuntimeError(f"{type(error).__name__}: {error}")
    return returned
