"""Jobs of a sweep in processes of this machine, sharing its cores, by joblib."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from types import FrameType
from typing import Any

from hydra.core.utils import JobReturn

from nw2v.cli.launching import JobSource
from nw2v.cli.one_of_several import jobs_at_once
from nw2v.cores import available_cores

_SECONDS_BETWEEN_LOOKS = 1.0
# Training takes about as long as the product of these, where a job has them.
_LENGTHENING_KEYS = ("trainer.epochs", "model.dim", "model.window", "loss.negatives")

# Whether joblib keeps processes for the jobs of the next batch.
_has_processes = False


def launch(
    source: JobSource, n_jobs: int, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Run jobs in as many processes as there are to be at once, and wait for all of them.

    The longest begin first, so that at the end no process is left alone with one of them. An
    interrupt is passed on to them: each saves what was learnt so far. At the second one they are
    ended at once.

    Raises
    ------
    RuntimeError
        If a process of theirs was killed, for want of memory as a rule.
    """
    from joblib import Parallel, delayed
    from joblib.externals.loky.backend.reduction import dumps
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    at_once = min(jobs_at_once(n_jobs), len(job_overrides))
    cores = max(1, available_cores() // at_once)
    manner = f"{at_once} at once with {cores} {'core' if cores == 1 else 'cores'} each"
    state = source.announce(job_overrides, first, manner)
    launcher = {"n_jobs": at_once}
    jobs = [(number, overrides) for number, overrides in enumerate(job_overrides, first)]
    if at_once == 1:
        return [source.run(number, overrides, state, launcher) for number, overrides in jobs]
    global _has_processes
    _has_processes = True
    jobs.sort(key=lambda job: relative_length(job[1]), reverse=True)
    # Once: it takes a tenth of a second and more, in which a process would wait for its next job.
    common = bytes(dumps((source, state, launcher)))
    with _interrupts_passed_on() as interrupts:
        try:
            # A job goes out when a process is free for it, and alone.
            returned = Parallel(
                at_once, backend="loky", pre_dispatch="n_jobs", batch_size=1, max_nbytes=None
            )(delayed(_run)(common, number, overrides) for number, overrides in jobs)
        except TerminatedWorkerError as error:
            if interrupts:  # before it knew what to do
                raise KeyboardInterrupt from None
            raise RuntimeError(
                "the process of a job was killed, and with it the sweep; if memory ran out: fewer "
                "jobs at once (hydra.launcher.n_jobs)"
            ) from error
    by_number = {number: each for (number, _), each in zip(jobs, returned, strict=True)}
    return [by_number[number] for number in sorted(by_number)]


def dismiss_processes() -> None:
    """Let the processes that jobs ran in end, without waiting, as no more jobs will come.

    They take a second for it, which the end of the command would wait for.
    """
    global _has_processes
    if _has_processes:
        from joblib.externals.loky import get_reusable_executor

        _has_processes = False
        get_reusable_executor(reuse=True).shutdown(wait=False)


def relative_length(overrides: Sequence[str]) -> float:
    """Estimate from its overrides how long a job takes, compared with others of its sweep."""
    values = dict(text.partition("=")[::2] for text in overrides)
    factors = []
    for key in _LENGTHENING_KEYS:
        with suppress(KeyError, ValueError):  # the same in all jobs, or none
            factors.append(float(values[key]) + (key == "loss.negatives"))
    return math.prod(factors)


@contextmanager
def _interrupts_passed_on() -> Iterator[list[int]]:
    """Pass the first interrupt on to all processes, and raise it here when they have ended.

    Yields
    ------
    list of int
        The signals that came.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        restore()  # for the next one
        for process in multiprocessing.active_children():
            if process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT)
        with suppress(OSError):
            print(
                "interrupted: the running jobs save what was learnt so far "
                "(interrupt again to end them at once)",
                file=sys.stderr,
                flush=True,
            )

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) not in (signal.SIG_IGN, None):
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, pass_on) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield came
    finally:
        restore()
    if came:
        signal.raise_signal(came[0])


class _Worker:
    """What a process of jobs does about interrupts, and about the end of who launched it."""

    def __init__(self) -> None:
        self.interrupted = False
        self._working = False
        self._launcher = os.getppid()
        signal.signal(signal.SIGINT, self._interrupt)
        if hasattr(signal, "SIGHUP"):
            # The launching process hears of it too, and passes it on.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=self._watch, daemon=True, name="nw2v-launcher-watch").start()

    def run(self, common: bytes, number: int, overrides: Sequence[str]) -> JobReturn | None:
        """Run a job, None if it was interrupted or none is to begin any more."""
        if self.interrupted:
            return None
        self._working = True
        try:
            source, state, launcher = _read(common)
            return source.run(number, overrides, state, launcher)
        except KeyboardInterrupt:
            return None
        finally:
            self._working = False
            if self._is_orphan():
                os._exit(1)  # There is nobody who would take the result or give another job.

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        # A terminal interrupts all processes, and the launching one passes it on as well: the
        # second must not break off the saving.
        if not self.interrupted:
            self.interrupted = True
            if self._working:
                raise KeyboardInterrupt

    def _is_orphan(self) -> bool:
        return os.getppid() != self._launcher

    def _watch(self) -> None:
        while not self._is_orphan():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if not self._working:
            os._exit(1)
        os.kill(os.getpid(), signal.SIGINT)


@lru_cache(maxsize=1)
def _read(common: bytes) -> tuple[JobSource, dict[Any, Any], dict[str, Any]]:
    """Read what all jobs of a sweep have in common, once for all that come to this process."""
    source, state, launcher = pickle.loads(common)
    return source, state, launcher


_worker: _Worker | None = None


def _run(common: bytes, number: int, overrides: Sequence[str]) -> JobReturn | None:
    """Run a job in one of the processes."""
    global _worker
    if _worker is None:
        _worker = _Worker()
    return _worker.run(common, number, overrides)
