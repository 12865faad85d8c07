"""How everything is compiled: the only place where Numba's flags are set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

# What the compiler may do to floating-point arithmetic. "nnan" and "ninf" are left out on purpose:
# they would let it assume that NaN and infinity never occur, and every check for them would be
# dead code.
FAST_MATH = frozenset({"reassoc", "nsz", "arcp", "contract", "afn"})

COMPILED = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether anything is compiled: false where NUMBA_DISABLE_JIT=1 has Python run the kernels."""

prange = numba.prange


def kernel(function: Function) -> Function:
    """Compile a serial loop; releases the GIL, so that Python threads can run it side by side."""
    flags: dict[str, Any] = {"nogil": True, "cache": True, "fastmath": set(FAST_MATH)}
    return _cached_until_a_source_changes(numba.njit(**flags, error_model="numpy")(function))


def exact_kernel(function: Function) -> Function:
    """Compile a serial loop whose floating-point operations keep their written order."""
    flags: dict[str, Any] = {"nogil": True, "cache": True}
    return _cached_until_a_source_changes(numba.njit(**flags, error_model="numpy")(function))


def parallel_kernel(function: Function) -> Function:
    """Compile a loop over `prange`. Not cached: such a cache breaks when the threads change."""
    flags: dict[str, Any] = {"nogil": True, "parallel": True, "fastmath": set(FAST_MATH)}
    return numba.njit(**flags, error_model="numpy")(function)


def _cached_until_a_source_changes(dispatcher: Any) -> Any:
    """Let the cache of compiled code depend on all sources of nw2v.

    Numba looks at the file of the function alone: a kernel would stay as it was when a primitive
    that is compiled into it changes in another file. It has no public way to say more.
    """
    file: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = (file._source_stamp, _sources_stamp())
    return dispatcher


@cache
def _sources_stamp() -> str:
    """Digest of the size and time of every source file of the package."""
    package = Path(__file__).parents[1]
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(package.rglob("*.py")):
        status = path.stat()
        digest.update(
            f"{path.relative_to(package)} {status.st_size} {status.st_mtime_ns}\n".encode()
        )
    return digest.hexdigest()
