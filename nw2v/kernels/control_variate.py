"""What is expected of negatives before they are drawn: the control variate of their gradient.

A few negatives make a noisy gradient, but most of it can be predicted. Let e_w be what
sigma(u_w . v) has been on average when word w was a negative. A step samples only the difference
from that, and adds the expectation of what it has left out, which running means over the steps
before tell (docs/derivations.md, section 10). Where a step has N centers c, each with the weight
a_c = m_c K / K' (divided by the steps of its batch), and negatives w_1 ... w_K':

    for v_c:  a_c sum_k (sigma(u_wk . v_c) - e_wk) u_wk  +  m_c K mean(e_w u_w)
    for u_w:  sum_c a_c (sigma(u_w . v_c) - e_w) v_c  +  N e_w mean(a_c v_c)

the latter once for each time that w is a negative. With the right means the expectation is the same
whatever e_w is, and the variance about half. So e_w counts for less, in the sample and in the means
alike, as long as fewer than `LONGEST_MEMORY` negatives are remembered.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import zeros_on_own_lines
from nw2v.jit.batches import add_rows, scale_row
from nw2v.jit.compile import kernel
from nw2v.jit.registers import aligned_zeros
from nw2v.kernels.batch_sizes import LONGEST_MEMORY

SIGMA_RATE = 0.25
"""How far e_w goes towards what a step has observed: it follows the last few of them."""

OF_NEGATIVES, OF_CENTERS = range(2)
"""Rows of `Memory.sums`, and places in `Memory.known`."""
_POOL = 2
FOR_CENTERS, FOR_NEGATIVES = range(2)
"""Rows of `Expectation.shifts`."""


class Memory(NamedTuple):
    """What a thread remembers of the steps before."""

    sigmas: np.ndarray  # float32, one a row: e_w
    sums: np.ndarray  # (2, length) float32: decaying sums of e_w u_w, and of a_c v_c
    known: np.ndarray  # (3,) float64: how many these are sums of, and K' in the weights a_c


class Expectation(NamedTuple):
    """What is expected of one step."""

    sigmas: np.ndarray  # (K',) float32: e of each negative, as far as it is trusted
    shifts: np.ndarray  # (2, length) float32: for a center's update, a unit of weight; for the row
    # of a negative, a unit of expected sigma


def new_memory(rows: int, length: int) -> Memory:
    """Allocate a memory of nothing, for matrices of so many rows."""
    return Memory(
        sigmas=zeros_on_own_lines(rows, np.float32),
        sums=aligned_zeros(2, length),
        known=zeros_on_own_lines(3, np.float64),
    )


def new_expectation(pool: int, length: int) -> Expectation:
    """Allocate an expectation of nothing; `pool` is the largest K'."""
    return Expectation(zeros_on_own_lines(pool, np.float32), aligned_zeros(2, length))


@kernel
def suit_memory(lanes, memory, plan, expectation):
    """Make what is remembered that of steps as a plan has them: forget it if that has no memory."""
    known, sums = memory.known, memory.sums
    if plan.memory == 0:
        known[OF_NEGATIVES] = known[OF_CENTERS] = 0.0
        sums[:] = np.float32(0)
        expectation.sigmas[:] = np.float32(0)
        expectation.shifts[:] = np.float32(0)
    elif known[_POOL] != plan.pool and known[OF_CENTERS] > 0:
        scale_row(lanes, sums[OF_CENTERS], known[_POOL] / plan.pool, sums[OF_CENTERS])
    known[_POOL] = plan.pool


@kernel
def expect(lanes, V, U, memory, plan, lists, size, expectation):
    """Tell what is expected of a step from the steps before; then remember it as well."""
    negatives, pool, known = lists.negatives, plan.pool, memory.known
    sigmas, shifts = expectation.sigmas, expectation.shifts
    trust = known[OF_NEGATIVES] / LONGEST_MEMORY
    _set_shifts(lanes, memory, pool, size, shifts)
    for k in range(pool):
        sigmas[k] = memory.sigmas[negatives[k]]
    _remember(lanes, memory, OF_NEGATIVES, plan.memory, U, negatives, sigmas, pool)
    _remember(
        lanes, memory, OF_CENTERS, 2 * plan.memory, V, lists.centers, lists.weights, size.centers
    )
    # From here on, as far as they are trusted; what is remembered is not, `_set_shifts` sees to it.
    for k in range(pool):
        sigmas[k] *= np.float32(trust)


@kernel
def _set_shifts(lanes, memory, pool, size, shifts):
    """Tell what makes up for the e_w that are taken out of a step's sample.

    mean(e_w u_w), trusted by the part of `LONGEST_MEMORY` that is known, is sum / known times known
    / `LONGEST_MEMORY`. In the other shift the trust comes in with e_w: the mean is a plain one.
    """
    sums, known = memory.sums, memory.known
    of_weight = -size.rate * pool / LONGEST_MEMORY
    scale_row(lanes, sums[OF_NEGATIVES], of_weight, shifts[FOR_CENTERS])
    mean_scale = 1 / max(known[OF_CENTERS], 1.0)
    of_sigma = -size.rate * size.centers * mean_scale
    scale_row(lanes, sums[OF_CENTERS], of_sigma, shifts[FOR_NEGATIVES])


@kernel
def _remember(lanes, memory, which, length, matrix, rows, factors, count):
    """Add some rows of a matrix, times factors, to the decaying sum of about `length` of them."""
    total, kept = memory.sums[which], 1 - count / length
    scale_row(lanes, total, kept, total)
    add_rows(lanes, matrix, rows, factors, count, memory.sums, which)
    memory.known[which] = kept * memory.known[which] + count


@kernel
def learn_sigmas(memory, negatives, pool, observed, weight):
    """Let what a step has observed of its negatives, with so much weight, change each e_w."""
    if weight > 0:
        for k in range(pool):
            row = negatives[k]
            sigma = memory.sigmas[row]
            memory.sigmas[row] += np.float32(SIGMA_RATE * (observed[k] / weight - sigma))
