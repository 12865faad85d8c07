"""Interrupts that come at the wrong moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_noted = False


def note_interrupt() -> None:
    """Remember that an interrupt came, for which KeyboardInterrupt is raised now.

    Python drops exceptions of some places, such as the callbacks of weak references, with which its
    own import of modules is full.
    """
    global _noted
    _noted = True


def forget_interrupts() -> None:
    """Begin with no interrupt noted."""
    global _noted
    _noted = False


def raise_noted_interrupt() -> None:
    """Raise the interrupt that was noted, if there is one.

    Raises
    ------
    KeyboardInterrupt
    """
    if _noted:
        raise KeyboardInterrupt("an interrupt that came before")


@contextmanager
def interrupts_as_such() -> Iterator[None]:
    """Raise an interrupt as what it is where something stumbled over it and raised another error.

    CPython's `threading.Condition`, on which events, futures and the start of threads rest, is not
    safe against an exception between two of its lines: a `KeyboardInterrupt` there leaves the block
    as ``RuntimeError: release unlocked lock``, with the interrupt as its context. The making of
    classes, argparse and OmegaConf do the like, and what they raise may have been put into other
    words since. An error that was raised on purpose, while an interrupt was dealt with, stays.

    Raises
    ------
    KeyboardInterrupt
        In place of an error in whose course it had come.
    """
    try:
        yield
    except Exception as error:
        interrupt = _stumbled_over(error)
        if interrupt is None:
            raise
        raise interrupt from None


def _stumbled_over(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt that an error comes from, None if it has another cause."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        before = current.__cause__ or current.__context__
        if isinstance(before, KeyboardInterrupt):
            return None if _is_on_purpose(current) else before
        current = before
    return None


def _is_on_purpose(error: BaseException) -> bool:
    """Whether an error is one of nw2v's own, or of the system's, such as a full disk."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] == "nw2v"
