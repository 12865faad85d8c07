"""Jobs of a sweep on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import DictConfig, OmegaConf

from nw2v.cli.launching import JobSource
from nw2v.errors import InputError

_SECONDS_TO_SAVE = 60.0


def check_ray() -> None:
    """Find out whether Ray is installed.

    Raises
    ------
    InputError
        If it is not.
    """
    spec = find_spec("ray")
    if spec is None or spec.origin is None:  # a folder of that name is no package
        raise InputError("hydra/launcher=ray needs the package ray: pip install 'nw2v[ray]'")


def launch(
    source: JobSource, options: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Run jobs on a cluster, which is started on this machine if there is none, and wait for them.

    An interrupt is passed on to them: each saves what was learnt so far.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # It would send reports.
    import ray

    plain: Any = OmegaConf.to_container(options, resolve=True)
    if not ray.is_initialized():
        ray.init(**(plain.get("init") or {}))
    state = source.announce(job_overrides, first, "on Ray")
    run = (
        ray.remote(**(plain.get("remote") or {}))(_run) if plain.get("remote") else ray.remote(_run)
    )
    kept = ray.put((source, state))
    jobs = [
        run.remote(kept, number, list(overrides))
        for number, overrides in enumerate(job_overrides, first)
    ]
    try:
        returned: list[JobReturn] = ray.get(jobs)
    except KeyboardInterrupt:
        for job in jobs:
            ray.cancel(job)
        ray.wait(jobs, num_returns=len(jobs), timeout=_SECONDS_TO_SAVE)
        raise
    return returned


def _run(kept: tuple[JobSource, dict[Any, Any]], number: int, overrides: list[str]) -> JobReturn:
    """Run a job in one of Ray's processes."""
    source, state = kept
    return source.run(number, overrides, state, {})
