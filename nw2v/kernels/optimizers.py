"""Steps of SGD, Adagrad and Adam on rows of a matrix: plain formulas, one pass over the memory.

With the gradient g of a row, the learning rate eta and a tiny epsilon:

    SGD      x -= eta g
    Adagrad  s += g^2;  x -= eta g / (sqrt(s) + epsilon)               (Duchi et al. 2011)
    Adam     m = b1 m + (1 - b1) g;  s = b2 s + (1 - b2) g^2
             x -= eta m' / (sqrt(s') + epsilon),                        (Kingma and Ba 2015)
             m' = m / (1 - b1^t), s' = s / (1 - b2^t) for the t-th step of a row

Weight decay is apart from the gradient (Loshchilov and Hutter 2019): each step also takes a part,
`shrink`, of x away.
"""

from __future__ import annotations

import math

import numpy as np

from nw2v.jit.compile import kernel

FIRST_DECAY, SECOND_DECAY = 0.9, 0.999
"""b1 and b2, as Kingma and Ba suggest."""
EPSILON = 1e-8

_B1, _B2 = np.float32(FIRST_DECAY), np.float32(SECOND_DECAY)
_NEW_1, _NEW_2 = np.float32(1 - FIRST_DECAY), np.float32(1 - SECOND_DECAY)
_EPSILON, _ZERO = np.float32(EPSILON), np.float32(0)


@kernel
def sgd_rows(matrix, rows, gradients, rate, shrink):
    """Make a step of SGD.

    Parameters
    ----------
    matrix : (V, length) float32
        Its first d columns change, in the rows `rows`.
    rows : (n,) int32
        Each at most once.
    gradients : (n, d) float32
    rate, shrink : float32
    """
    for r in range(len(rows)):
        x, g = matrix[rows[r]], gradients[r]
        for i in range(len(g)):
            x[i] -= rate * g[i] + shrink * x[i]


@kernel
def adagrad_rows(matrix, rows, gradients, rate, shrink, squares):
    """Make a step of Adagrad; `squares` (V, d) float32 has the sums s."""
    for r in range(len(rows)):
        x, g, s = matrix[rows[r]], gradients[r], squares[rows[r]]
        for i in range(len(g)):
            s[i] += g[i] * g[i]
            x[i] -= rate * g[i] / (np.float32(math.sqrt(s[i])) + _EPSILON) + shrink * x[i]


@kernel
def adam_rows(matrix, rows, gradients, rate, shrink, means, squares, steps):
    """Make a step of Adam.

    Parameters
    ----------
    means, squares : (V, d) float32
        m and s.
    steps : (n,) int64
        The number of each row's step, from 1.
    """
    last, scale, root = 0, _ZERO, _ZERO
    for r in range(len(rows)):
        if steps[r] != last:  # mostly all rows have made as many
            last = steps[r]
            scale = np.float32(rate / (1.0 - FIRST_DECAY**last))
            root = np.float32(1.0 / math.sqrt(1.0 - SECOND_DECAY**last))
        x, g, m, s = matrix[rows[r]], gradients[r], means[rows[r]], squares[rows[r]]
        for i in range(len(g)):
            m[i] = _B1 * m[i] + _NEW_1 * g[i]
            s[i] = _B2 * s[i] + _NEW_2 * g[i] * g[i]
            step_of_adam = scale * m[i] / (np.float32(math.sqrt(s[i])) * root + _EPSILON)
            x[i] -= step_of_adam + shrink * x[i]
