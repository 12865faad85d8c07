"""Memory that was freed, and that the C library keeps for itself."""

from __future__ import annotations

import ctypes
import sys


def give_back_freed_memory() -> None:
    """Let the system have what was freed, where the C library has a call for it (glibc).

    Otherwise it keeps what lies between blocks that are still in use, and what threads that have
    ended freed: tens of MB after a long text was read.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
