"""Counter-based random numbers: a pure function of a key and a counter, never of a thread.

The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014) addressed by position: draw number n of stream `key` is
``mix(key + (n + 1) * GOLDEN_GAMMA)``. Any draw can be had without those before it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from nw2v.jit.compile import COMPILED, exact_kernel

# Without compilation the same arithmetic runs on Python's integers, which do not overflow (NumPy's
# unsigned scalars would warn): hence the masks.
unsigned: Any = np.uint64 if COMPILED else int
"""Makes an unsigned number of 64 bits: `numpy.uint64`, or `int` without compilation.

Of random bits, and of what indexes in inner loops: of a signed index, Numba's code asks each time
whether it is negative and counts from the end, as in Python.
"""
_MASK = unsigned(0xFFFFFFFFFFFFFFFF)
_GOLDEN_GAMMA = unsigned(0x9E3779B97F4A7C15)
_MIX_1 = unsigned(0xBF58476D1CE4E5B9)
_MIX_2 = unsigned(0x94D049BB133111EB)
_30, _27, _31 = unsigned(30), unsigned(27), unsigned(31)
_ONE = unsigned(1)


@exact_kernel
def random_bits(key, counter):
    """Draw 64 random bits: number `counter` of stream `key`, both uint64."""
    z = (unsigned(key) + (unsigned(counter) + _ONE) * _GOLDEN_GAMMA) & _MASK
    z = ((z ^ (z >> _30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> _27)) * _MIX_2) & _MASK
    return z ^ (z >> _31)


def stream_key(*parts: int | str) -> np.uint64:
    """Derive the key of an independent stream from what it belongs to.

    Parameters
    ----------
    *parts : int or str
        For instance ``stream_key(seed, epoch, "windows")``.

    Returns
    -------
    numpy.uint64
        The first 64 bits of the BLAKE2b hash of the parts.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))


def raw_words(key: np.uint64, count: int) -> np.ndarray:
    """Draw the first `count` words of the Philox stream `key`, (count,) uint64.

    The words of a bit generator are the same in every version of NumPy; what its samplers
    (`shuffle`, `random`) make of them may change.
    """
    return np.random.Philox(key=int(key)).random_raw(count)


def random_order(key: np.uint64, count: int) -> np.ndarray:
    """Draw an order of 0 ... count - 1, each as likely as any other: (count,) int64."""
    return np.argsort(raw_words(key, count))
