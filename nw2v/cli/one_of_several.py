"""A job of a sweep in its surroundings: where it works, its share of the cores, its lines."""

from __future__ import annotations

import functools
import io
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nw2v.cores import at_most_cores, available_cores
from nw2v.errors import InputError

if TYPE_CHECKING:
    from nw2v.training.progress import ProgressBar

Job = Callable[[DictConfig], Any]

# Read by libraries when they are loaded: by those that are not yet.
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    "VECLIB_MAXIMUM_THREADS",
)


def one_of_several(job: Job, origin: Path) -> Job:
    """Wrap a job for a sweep, whatever launches it.

    Parameters
    ----------
    job : callable
    origin : Path
        Where the command was typed: what relative paths are relative to, in whatever process and
        with whatever working directory (`hydra.job.chdir`) the job begins.
    """

    @functools.wraps(job)
    def wrapped(config: DictConfig) -> Any:
        launcher = HydraConfig.get().launcher
        with ExitStack() as stack:
            stack.enter_context(_working_in(origin))
            cores = cores_of_job(launcher)
            if cores is not None:
                stack.enter_context(_threads_limited(cores))
            if shares_terminal():
                return stack.enter_context(_told_in_lines()).about(job, config)
            return job(config)

    return wrapped


def jobs_at_once(n_jobs: int) -> int:
    """Return how many jobs `hydra.launcher.n_jobs` means; negative ones count from the cores.

    Raises
    ------
    InputError
        If it is no whole number, or 0.
    """
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
        raise InputError(
            f"hydra.launcher.n_jobs={n_jobs}: expected how many jobs run at once, or -1: one a core"
        )
    return n_jobs if n_jobs > 0 else max(1, available_cores() + 1 + n_jobs)


def cores_of_job(launcher: DictConfig) -> int | None:
    """Return a job's share of the cores, None: all that its process may use.

    Parameters
    ----------
    launcher : DictConfig
        The launcher's configuration, `hydra.launcher`.
    """
    kind = _kind(launcher)
    if kind == "JoblibLauncher":
        return max(1, available_cores() // jobs_at_once(launcher.n_jobs))
    if kind == "RayLauncher":
        return max(1, int(launcher.ray.get("remote", {}).get("num_cpus") or 1))
    if kind == "LocalLauncher":  # of submitit, which starts all jobs at once
        return int(launcher.get("cpus_per_task") or 1)
    if kind == "SlurmLauncher" and launcher.get("cpus_per_task"):
        return int(launcher.cpus_per_task)
    return None


def in_other_processes(launcher: DictConfig) -> bool:
    """Return whether a launcher runs its jobs in other processes than the one that launches them.

    Parameters
    ----------
    launcher : DictConfig
        Its configuration, `hydra.launcher`.
    """
    if _kind(launcher) == "JoblibLauncher":
        return jobs_at_once(launcher.n_jobs) > 1
    return _kind(launcher) in ("RayLauncher", "LocalLauncher", "SlurmLauncher")


def shares_terminal() -> bool:
    """Return whether other jobs write to the terminal of the running one at the same time."""
    if not HydraConfig.initialized():
        return False
    return _kind(HydraConfig.get().launcher) in ("JoblibLauncher", "RayLauncher")


def progress_of_job(log: logging.Logger) -> ProgressBar:
    """Return what shows how far training is: among other jobs it writes to the log instead."""
    from nw2v.training.progress import ProgressBar

    return ProgressBar(cast(TextIO, _WholeLines(log.info)) if shares_terminal() else None)


def go_to(folder: Path) -> None:
    """Make a folder the working directory.

    Raises
    ------
    InputError
        If there is none: a machine that does not share the launching one's files.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        import socket

        raise InputError(
            f"{socket.gethostname()} cannot enter {folder}, where the command was typed "
            f"({error.strerror or error}): jobs need a folder that all machines share"
        ) from error


def _kind(launcher: DictConfig) -> str:
    return str(launcher.get("_target_", "")).rpartition(".")[2]


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    if before == folder:
        yield
        return
    go_to(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _threads_limited(cores: int) -> Iterator[None]:
    """Let a job use so many cores: our own threads, and those of libraries below them."""
    from threadpoolctl import threadpool_limits

    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, str(cores))
    with at_most_cores(cores), threadpool_limits(limits=cores):
        yield


class _Lines:
    """Tells of a job on a terminal that others write to as well, in lines with its number."""

    def __init__(self, number: int, out: TextIO) -> None:
        self._name = f"job {number}"
        self._out = out

    def about(self, job: Job, config: DictConfig) -> Any:
        """Run a job and tell when it begins and how it ends. Its failure it tells itself."""
        cores = available_cores()
        self._say(f"begins with {cores} {'core' if cores == 1 else 'cores'}")
        begin = time.perf_counter()
        try:
            value = job(config)
        except KeyboardInterrupt:
            self._say(f"interrupted after {time.perf_counter() - begin:.1f} s")
            raise
        text = f"done after {time.perf_counter() - begin:.1f} s"
        metric = config.get("sweep", {}).get("metric")
        if isinstance(value, (int, float)):
            text += f", {metric if isinstance(metric, str) else metric[0]} {value:.4g}"
        self._say(text)
        return value

    def quote(self, line: str) -> None:
        """Tell what the job itself says."""
        self._write(f"{self._name}: {line}\n")

    def _say(self, text: str) -> None:
        self._write(f"{self._name} {text}\n")

    def _write(self, line: str) -> None:
        with suppress(OSError):  # The terminal may be gone, which is no reason to stop a job.
            self._out.write(line)
            self._out.flush()


class _WholeLines(io.TextIOBase):
    """A stream that passes on whole lines."""

    def __init__(self, pass_on: Callable[[str], object]) -> None:
        super().__init__()
        self._pass_on = pass_on
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(None, lines):
            self._pass_on(line)
        return len(text)

    def finish(self) -> None:
        """Pass on what is left."""
        if self._begun:
            self._pass_on(self._begun)
        self._begun = ""


@contextmanager
def _told_in_lines() -> Iterator[_Lines]:
    """Number the lines of all that is told, and draw no bars."""
    lines = _Lines(HydraConfig.get().job.num, sys.stderr)
    stream = _WholeLines(lines.quote)
    with redirect_stderr(stream):
        try:
            yield lines
        finally:
            stream.finish()
