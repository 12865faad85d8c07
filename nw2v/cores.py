"""How many cores there are for this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from nw2v.errors import InputError

CORES_VARIABLE = "NW2V_CORES"
"""Environment variable: at most so many cores, for this process and those that it starts."""


def available_cores() -> int:
    """Count the cores this process may use: those it can run on, at most NW2V_CORES.

    Raises
    ------
    InputError
        If NW2V_CORES is not a whole number of at least 1.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    limit = os.environ.get(CORES_VARIABLE, "").strip()
    if not limit:
        return cores
    if not limit.isascii() or not limit.isdigit() or int(limit) < 1:
        raise InputError(f"{CORES_VARIABLE}={limit}: expected a whole number of at least 1")
    return min(cores, int(limit))


@contextmanager
def at_most_cores(limit: int) -> Iterator[None]:
    """Let this process, and those that it starts, use so many cores at most for a while."""
    before = os.environ.get(CORES_VARIABLE)
    os.environ[CORES_VARIABLE] = str(min(limit, available_cores()))
    try:
        yield
    finally:
        if before is None:
            del os.environ[CORES_VARIABLE]
        else:
            os.environ[CORES_VARIABLE] = before
