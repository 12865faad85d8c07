"""What held-out cross-entropy sums over the vocabulary, in one sweep over the logits of centers.

For a center word c with logits x_w = u_w . v_c, log prior a and noise distribution P:

    log Z_c = log sum_w exp(x_w + a_w)
    S_c     = sum_w P(w) log(1 + exp(x_w))

and the word of the largest x_w + a_w, which is the one of the largest probability.

Logits come block by block of the vocabulary, so that none of them is ever in memory twice. Terms
are float32, each within 4e-7 of its value relatively once its argument is known; they are added in
float32 within runs of `_RUN` words and in float64 beyond. With A the largest |x_w| + |a_w|, log Z_c
is right within 2e-7 A + 5e-6, S_c within 5e-6 relatively.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nw2v.jit.compile import exact_kernel, kernel

_RUN = 128
_ALL_BUT_SIGN = np.int32(0x7FFFFFFF)
_31 = np.int32(31)


class LogitSums(NamedTuple):
    """Sums over the words so far, one a center."""

    largest: np.ndarray  # (B,) float32: max of x_w + a_w
    likeliest: np.ndarray  # (B,) int64: the first word of which it is; -1 before there are words
    exponentials: np.ndarray  # (B,) float64: sum of exp(x_w + a_w - largest)
    softplus: np.ndarray  # (B,) float64: sum of P(w) log(1 + exp(x_w))

    def log_normalisers(self) -> np.ndarray:
        """Log Z of each center, (B,) float64."""
        return self.largest + np.log(self.exponentials)


def no_logits_yet(centers: int) -> LogitSums:
    """Begin the sums of some centers."""
    return LogitSums(
        np.full(centers, -np.inf, dtype=np.float32),
        np.full(centers, -1, dtype=np.int64),
        np.zeros(centers),
        np.zeros(centers),
    )


@kernel
def add_logits(first, logits, log_prior, noise, sums):
    """Add a block of the vocabulary to the sums of some centers.

    Parameters
    ----------
    first : int
        The block's first word.
    logits : (B, n) float32
        Scores that overflow (infinite or NaN) make a sum that is not finite.
    log_prior : (n,) float32
        a of the block's words.
    noise : (n,) float32
        P of the block's words; empty where S is not wanted.
    sums : LogitSums
        Changed in place.
    """
    for row in range(logits.shape[0]):
        x = logits[row]
        before = sums.largest[row]
        largest = max(before, _largest(x, log_prior))
        # In a few of the blocks: cheaper than to keep the word beside the maximum.
        if largest > before:
            sums.likeliest[row] = first + _place(x, log_prior, largest)
        total = 0.0
        if sums.exponentials[row] != 0:
            total = sums.exponentials[row] * math.exp(np.float64(before) - np.float64(largest))
        for start in range(0, x.size, _RUN):
            stop = min(start + _RUN, x.size)
            total += np.float64(_exponentials(x[start:stop], log_prior[start:stop], largest))
            if noise.size:
                sums.softplus[row] += np.float64(_softplus(x[start:stop], noise[start:stop]))
        sums.largest[row] = largest
        sums.exponentials[row] = total


@kernel
def _exponentials(x, log_prior, shift):
    total = np.float32(0)
    for i in range(x.size):
        total += exp_of(x[i] + log_prior[i] - shift)
    return total


@kernel
def _softplus(x, noise):
    """Sum of P softplus(x), softplus(x) = max(x, 0) + log(1 + exp(-|x|))."""
    total = np.float32(0)
    for i in range(x.size):
        total += noise[i] * (max(x[i], np.float32(0)) + log1p_of(exp_of(-abs(x[i]))))
    return total


# Maxima of floats that may be NaN are not vectorised; those of integers are.
_LEAST = np.int32(-0x80000000)


@exact_kernel
def _ordered(bits):
    """Turn the bits of a float32 into an integer of the same order, and back; NaN is the highest.

    Below the sign, those of negative numbers are flipped.
    """
    return np.int32(bits ^ ((bits >> _31) & _ALL_BUT_SIGN))


@kernel
def largest_of(x):
    """Maximum of x (n,) float32; NaN is above everything."""
    largest = _LEAST
    for i in range(x.size):
        largest = max(largest, _ordered(np.float32(x[i]).view(np.int32)))
    return np.int32(_ordered(largest)).view(np.float32)


@kernel
def _largest(x, log_prior):
    """Maximum of x + a; NaN is above everything."""
    largest = _LEAST
    for i in range(x.size):
        largest = max(largest, _ordered(np.float32(x[i] + log_prior[i]).view(np.int32)))
    return np.int32(_ordered(largest)).view(np.float32)


@kernel
def _place(x, log_prior, largest):
    """First index at which x + a is `largest`, its maximum."""
    i = 0
    while i < x.size - 1 and x[i] + log_prior[i] != largest:
        i += 1
    return i


# exp and log1p as arithmetic that LLVM vectorises on any CPU. They keep the order of operations as
# written (exact_kernel), which the two-part constant below needs, and are small, to be inlined.

_SMALLEST_EXPONENT = np.float32(-87)  # exp of less is taken as 0: it would be subnormal
_LOG2_E = np.float32(1.44269504)
# log 2 in two parts, the first with so few bits that its product with n is exact (Cody and Waite).
_LOG_2_HIGH, _LOG_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)
_BIAS, _MANTISSA_BITS = np.int32(127), np.int32(23)
# (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2 (Cephes, expf.c by S. Moshier)
_E5, _E4, _E3 = (
    np.float32(1.9875691500e-4),
    np.float32(1.3981999507e-3),
    np.float32(8.3334519073e-3),
)
_E2, _E1, _E0 = (
    np.float32(4.1665795894e-2),
    np.float32(1.6666665459e-1),
    np.float32(5.0000001201e-1),
)
_L13, _L11, _L9, _L7, _L5, _L3 = (np.float32(2 / odd) for odd in (13, 11, 9, 7, 5, 3))


@exact_kernel
def exp_of(x):
    """exp(x) of a float32 x <= 0, within 4e-7 relatively; NaN stays NaN."""
    n = np.int32((x if x > _SMALLEST_EXPONENT else _SMALLEST_EXPONENT) * _LOG2_E - _HALF)
    r = x - np.float32(n) * _LOG_2_HIGH - np.float32(n) * _LOG_2_LOW
    tail = ((((_E5 * r + _E4) * r + _E3) * r + _E2) * r + _E1) * r + _E0
    power_of_2 = np.int32(np.int32(n + _BIAS) << _MANTISSA_BITS).view(np.float32)
    value = (tail * (r * r) + (r + _ONE)) * power_of_2
    return np.float32(0) if x < _SMALLEST_EXPONENT else value


@exact_kernel
def log1p_of(e):
    """log(1 + e) = 2 artanh(z) of a float32 e in [0, 1], z = e / (2 + e), within 4e-7."""
    z = e / (_TWO + e)
    square = z * z
    series = ((((_L13 * square + _L11) * square + _L9) * square + _L7) * square + _L5) * square
    return ((series + _L3) * square + _TWO) * z
