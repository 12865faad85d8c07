"""How everything is compiled: the only place where Numba's flags are set."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

import numba
from numba.core.event import Listener, register, unregister
from numba.extending import register_jitable

Function = TypeVar("Function", bound=Callable[..., Any])

# What the compiler may do to floating-point arithmetic. "nnan" and "ninf" are left out on purpose:
# they would let it assume that NaN and infinity never occur, and every check for them would be
# dead code.
FAST_MATH = frozenset({"reassoc", "nsz", "arcp", "contract", "afn"})

# Arrays inside kernels are not counted as references: that takes atomic instructions, many of them.
# So a kernel can allocate nothing; whoever calls it keeps its arrays alive.
NO_COUNTING: dict[str, Any] = {"_nrt": False}

COMPILED = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether anything is compiled: false where NUMBA_DISABLE_JIT=1 has Python run the kernels."""

prange = numba.prange


# Serial loops release the GIL, so that Python threads can run them side by side.
_SERIAL: dict[str, Any] = {"nogil": True, "error_model": "numpy", **NO_COUNTING}
_FAST: dict[str, Any] = {**_SERIAL, "fastmath": set(FAST_MATH)}
IN_CALLERS: Any = {**_FAST, "forceinline": True}
"""Of what is compiled into each function that calls it: see `kernel_in_callers`."""


def kernel(function: Function) -> Function:
    """Compile a serial loop."""
    return _cached(numba.njit(**_FAST)(function))


def exact_kernel(function: Function) -> Function:
    """Compile a serial loop whose floating-point operations keep their written order."""
    return _cached(numba.njit(**_SERIAL)(function))


def kernel_in_callers(function: Function) -> Function:
    """Compile as `kernel` does, but into each function that calls it.

    LLVM leaves larger functions out of line, and each field of each array is passed by the stack.
    Nothing is kept in files for it alone: what is kept of a caller contains it.
    """
    return numba.njit(**IN_CALLERS)(function)


def exact_kernel_in_callers(function: Function) -> Function:
    """Compile as `exact_kernel` does, but into each function that calls it."""
    return numba.njit(**_SERIAL, forceinline=True)(function)


def parallel_kernel(function: Function) -> Function:
    """Compile a loop over `prange`. Not cached: such a cache breaks when the threads change."""
    flags: dict[str, Any] = {"nogil": True, "parallel": True, "fastmath": set(FAST_MATH)}
    return numba.njit(**flags, error_model="numpy")(function)


def for_kernels_too(function: Function) -> Function:
    """Let kernels call a function that Python calls as it is."""
    return register_jitable(**NO_COUNTING)(function)


def _cached(dispatcher: Any) -> Any:
    """Keep the compiled code in files, where there is a folder for them."""
    if COMPILED:
        from nw2v.jit.cache import kernel_cache

        cache = kernel_cache(dispatcher.py_func)
        if cache is not None:
            dispatcher._cache = cache
            dispatcher.compile = cache.released_after(dispatcher.compile)
    return dispatcher


def is_kept(function: Any) -> bool:
    """Whether files have code of a compiled function, for any types; or nothing can be kept."""
    cache: Any = getattr(function, "_cache", None)
    return not hasattr(cache, "is_empty") or not cache.is_empty()


class _Compilations(Listener):
    """Passes on when the outermost of nested compilations begins and ends."""

    def __init__(self, begun: Callable[[], None], ended: Callable[[float], None]) -> None:
        self._begun, self._ended = begun, ended
        self._depth, self._since = 0, 0.0

    def on_start(self, event: Any) -> None:
        self._depth += 1  # Numba compiles in one thread at a time.
        if self._depth == 1:
            self._since = time.perf_counter()
            self._begun()

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._ended(time.perf_counter() - self._since)


@contextmanager
def compilations_told(begun: Callable[[], None], ended: Callable[[float], None]) -> Iterator[None]:
    """Call `begun` and `ended` around all that is really compiled, not loaded, in the block.

    Parameters
    ----------
    begun : callable
        Called before a function is compiled, with those that it calls.
    ended : callable
        Called afterwards with the seconds that it took.
    """
    listener = _Compilations(begun, ended)
    register("numba:compile", listener)
    try:
        yield
    finally:
        unregister("numba:compile", listener)


def _do_not_import_scipy() -> None:
    """Spare the 0.2 s in which Numba imports scipy at the first call of any compiled function.

    It wants to know whether it could compile linear algebra, which no kernel here contains. Here
    it is told that scipy is there, as it is. Compiling linear algebra asks again, by the real
    function.
    """
    if "numba.np.arraymath" in sys.modules or find_spec("scipy") is None:
        return
    from numba.np import linalg

    asked = getattr(linalg, "ensure_blas", None)
    if asked is None:  # Another Numba asks in another way.
        return
    linalg.ensure_blas = lambda: None
    try:
        from numba.np import arraymath

        arraymath.ensure_blas = asked
    finally:
        linalg.ensure_blas = asked


if COMPILED:
    _do_not_import_scipy()
