"""Blocks of work on several threads, with results that do not depend on their number."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nw2v.cores import available_cores
from nw2v.errors import InputError

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_blocks(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int | None = None
) -> list[Result]:
    """Apply `function` to each task on `threads` threads; results come in the tasks' order.

    BLAS runs on one thread inside each: threaded products differ in their last bits with the
    number of threads, and threads times BLAS's own threads would be more than the cores.

    Parameters
    ----------
    function : callable
        Should spend its time where the GIL is released.
    tasks : iterable
        What is independent of each other.
    threads : int or None
        None: as many as there are cores for this process.

    Raises
    ------
    InputError
        If `threads` is not a positive integer.
    """
    from threadpoolctl import threadpool_limits

    threads = threads_for(threads)
    with threadpool_limits(limits=1, user_api="blas"):
        if threads == 1:
            return [function(task) for task in tasks]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(function, tasks))


def threads_for(threads: int | None) -> int:
    """Give the number of threads for a setting: None stands for all cores of this process.

    Raises
    ------
    InputError
        If `threads` is neither None nor a positive integer.
    """
    if threads is None:
        return available_cores()
    if isinstance(threads, bool) or not isinstance(threads, numbers.Integral) or threads < 1:
        raise InputError(f"threads must be an integer of at least 1, got {threads!r}")
    return int(threads)
