"""Compilation, counter-based random numbers and vector primitives."""

from nw2v.jit.compile import COMPILED, exact_kernel, kernel, parallel_kernel, prange

__all__ = ["COMPILED", "exact_kernel", "kernel", "parallel_kernel", "prange"]
