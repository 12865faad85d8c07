"""What the grid sweeper does: launches the jobs that were planned before the sweep began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.plugins.launcher import Launcher

# The overrides of the jobs to launch, and the number of the first.
_planned: list[tuple[list[list[str]], int]] = []


@contextmanager
def planned(overrides: list[list[str]], first: int) -> Iterator[None]:
    """Let the grid sweeper launch these jobs."""
    _planned.append((overrides, first))
    try:
        yield
    finally:
        _planned.pop()


def launch_grid(
    launcher: Launcher, batch_size: int | None, arguments: Sequence[str]
) -> list[Sequence[JobReturn]]:
    """Launch the planned jobs, or every combination of the arguments, so many at a time.

    A planned job that fails stops neither the others nor the next batch: its record tells of it.

    Parameters
    ----------
    launcher : Launcher
    batch_size : int or None
        None: all jobs at a time.
    arguments : sequence of str
        The overrides of the sweep, for an application that plans nothing itself.
    """
    overrides, first = _planned[-1] if _planned else (_combinations(arguments), 0)
    size = batch_size or max(1, len(overrides))
    returns = []
    for start in range(0, len(overrides), size):
        batch = overrides[start : start + size]
        returns.append(launcher.launch(batch, initial_job_idx=first + start))
        if not _planned:
            for job in returns[-1]:
                _ = job.return_value  # raises what the job raised
    return returns


def _combinations(arguments: Sequence[str]) -> list[list[str]]:
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return batch
