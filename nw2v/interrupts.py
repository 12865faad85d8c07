"""Interrupts that come at the wrong moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_as_such() -> Iterator[None]:
    """Raise an interrupt as what it is where it came while a thread began or ceased to wait.

    CPython's `threading.Condition`, on which events, futures and the start of threads rest, is not
    safe against an exception between two of its lines: a `KeyboardInterrupt` there leaves the block
    as ``RuntimeError: release unlocked lock`` (or "cannot release un-acquired lock"), with the
    interrupt as its context.

    Raises
    ------
    KeyboardInterrupt
        In place of a RuntimeError in whose course it had come.
    """
    try:
        yield
    except RuntimeError as error:
        interrupt = error.__context__
        if isinstance(interrupt, KeyboardInterrupt) and "lock" in str(error):
            raise interrupt from error
        raise
