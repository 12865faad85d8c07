"""Optimizer steps against their formulas, written plainly."""

from __future__ import annotations

import numpy as np

from nw2v.kernels.optimizers import EPSILON, adagrad_rows, adam_rows, sgd_rows

ROWS = np.array([4, 0, 2], dtype=np.int32)


def example():
    generator = np.random.default_rng(1)
    matrix = np.zeros((6, 8), dtype=np.float32)
    matrix[:, :5] = generator.normal(size=(6, 5))
    gradients = [generator.normal(size=(3, 5)).astype(np.float32) for _ in range(4)]
    return matrix, gradients


def check(comp, ref, start):
    np.testing.assert_allclose(comp[:, :5], ref, rtol=1e-5, atol=1e-6)
    others = np.setdiff1d(np.arange(6), ROWS)
    np.testing.assert_array_equal(comp[others], start[others])
    assert (comp[:, 5:] == 0).all()


def test_sgd():
    comp, gradients = example()
    start, ref = comp.copy(), comp[:, :5].astype(np.float64)
    for g in gradients:
        sgd_rows(comp, ROWS, g, np.float32(0.1), np.float32(0.01))
        ref[ROWS] -= 0.1 * g + 0.01 * ref[ROWS]
    check(comp, ref, start)


def test_adagrad():
    comp, gradients = example()
    start, ref = comp.copy(), comp[:, :5].astype(np.float64)
    squares, s = np.zeros((6, 5), dtype=np.float32), np.zeros((6, 5))
    for g in gradients:
        adagrad_rows(comp, ROWS, g, np.float32(0.1), np.float32(0.01), squares)
        s[ROWS] += g.astype(np.float64) ** 2
        ref[ROWS] -= 0.1 * g / (np.sqrt(s[ROWS]) + EPSILON) + 0.01 * ref[ROWS]
    check(comp, ref, start)


def test_adam():
    """Rows may have made different numbers of steps before."""
    comp, gradients = example()
    start, ref = comp.copy(), comp[:, :5].astype(np.float64)
    means, squares = np.zeros((2, 6, 5), dtype=np.float32)
    m, s = np.zeros((2, 6, 5))
    for t, g in enumerate(gradients, 1):
        steps = np.array([t, t, t + 3])
        adam_rows(comp, ROWS, g, np.float32(0.1), np.float32(0.01), means, squares, steps)
        m[ROWS] = 0.9 * m[ROWS] + 0.1 * g
        s[ROWS] = 0.999 * s[ROWS] + 0.001 * g.astype(np.float64) ** 2
        first, second = (1 - decay ** steps[:, None] for decay in (0.9, 0.999))
        step = 0.1 * (m[ROWS] / first) / (np.sqrt(s[ROWS] / second) + EPSILON)
        ref[ROWS] -= step + 0.01 * ref[ROWS]
    check(comp, ref, start)
