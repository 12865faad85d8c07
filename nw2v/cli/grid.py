"""What the grid sweeper does: launches the jobs that were planned before the sweep began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nw2v.cli.launching import job_number
from nw2v.errors import InputError

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


def launch_planned(launcher: Launcher, batch_size: int | None) -> list[Sequence[JobReturn]]:
    """Launch the planned jobs, so many at a time (None: all).

    A job that fails stops neither the others nor the next batch: its record tells of it.

    Raises
    ------
    InputError
        Another program than `nw2v train` has started the sweep, and planned nothing.
    """
    if not _planned:
        raise InputError(
            "hydra/sweeper=grid takes the jobs that 'nw2v train' plans: in another program, use "
            "hydra/sweeper=basic"
        )
    overrides, first = _planned[-1]
    size = batch_size or max(1, len(overrides))
    return_values: list[Sequence[JobReturn]] = []
    for start in range(0, len(overrides), size):
        batch, number = overrides[start : start + size], first + start
        parts = [(number, batch)]
        if type(launcher).__name__ == "BasicLauncher":  # Hydra loads its class a second time
            parts = _consecutive(batch, number)
        for begin, part in parts:
            return_values.append(launcher.launch(part, initial_job_idx=begin))
    return return_values


def _consecutive(batch: Sequence[list[str]], first: int) -> list[tuple[int, list[list[str]]]]:
    """Cut a batch where the numbers of its jobs do not follow each other, as Hydra takes them to.

    So it says of each job the number of its folder. One job runs after the other anyway.
    """
    numbered = [(job_number(one, place), one) for place, one in enumerate(batch, first)]
    numbered.sort(key=lambda one: one[0])
    parts: list[tuple[int, list[list[str]]]] = []
    for number, overrides in numbered:
        if parts and parts[-1][0] + len(parts[-1][1]) == number:
            parts[-1][1].append(overrides)
        else:
            parts.append((number, [overrides]))
    return parts
