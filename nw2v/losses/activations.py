"""Softmax, sigmoid and their logarithms, in forms that overflow for no finite input."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nw2v.jit import kernel
from nw2v.losses import validation
from nw2v.losses.validation import FloatArray

# Everything below is computed in float64 and rounded once, when it is stored: a float32 score can
# then be as large as float32 goes without its difference from another overflowing.


@kernel
def sigmoid_of(x: float) -> float:
    """1 / (1 + e^-x) of one number; e is only raised to powers below zero."""
    power = math.exp(-abs(x))
    return 1.0 / (1.0 + power) if x >= 0.0 else power / (1.0 + power)


@kernel
def softplus_of(x: float) -> float:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) of one number."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@kernel
def _sigmoid_kernel(x: FloatArray, result: FloatArray) -> None:
    for i in range(x.shape[0]):
        result[i] = sigmoid_of(np.float64(x[i]))


@kernel
def _softplus_kernel(sign: float, x: FloatArray, result: FloatArray) -> None:
    """`sign` softplus(`sign` x): softplus for 1, log-sigmoid for -1."""
    for i in range(x.shape[0]):
        result[i] = sign * softplus_of(sign * np.float64(x[i]))


@kernel
def _softmax_kernel(scores: FloatArray, result: FloatArray) -> None:
    """y-hat_i = e^(s_i - max s) / sum_j e^(s_j - max s), a row at a time."""
    for row in range(scores.shape[0]):
        largest = np.float64(scores[row, 0])
        for i in range(1, scores.shape[1]):
            largest = max(largest, np.float64(scores[row, i]))
        total = 0.0
        for i in range(scores.shape[1]):
            total += math.exp(np.float64(scores[row, i]) - largest)
        for i in range(scores.shape[1]):
            result[row, i] = math.exp(np.float64(scores[row, i]) - largest) / total


@kernel
def _logsumexp_kernel(scores: FloatArray, result: FloatArray) -> None:
    """logsumexp(s) = max s + log1p(sum of e^(s_i - max s) over all but the largest score)."""
    for row in range(scores.shape[0]):
        at_largest = 0
        for i in range(1, scores.shape[1]):
            if scores[row, i] > scores[row, at_largest]:
                at_largest = i
        largest = np.float64(scores[row, at_largest])
        rest = 0.0
        for i in range(scores.shape[1]):
            if i != at_largest:
                rest += math.exp(np.float64(scores[row, i]) - largest)
        result[row] = largest + math.log1p(rest)


def _rows(scores: npt.ArrayLike) -> FloatArray:
    array = validation.real_array("scores", scores)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(
            f"scores: expected shape (..., n) with n at least 1, got shape {array.shape}"
        )
    return array


def softmax(scores: npt.ArrayLike) -> FloatArray:
    """Turn scores into probabilities: y-hat_i = e^s_i / sum_j e^s_j over the last axis.

    Adding a constant to all scores changes nothing; the largest score is subtracted first, so
    that nothing overflows. See docs/derivations.md, section 1.

    Parameters
    ----------
    scores : array_like, shape (..., n)
        Finite numbers, n at least 1. Integers are read as float64.

    Returns
    -------
    ndarray, shape (..., n)
        Probabilities in the dtype of the scores; each row sums to 1.

    Raises
    ------
    ValueError
        No last axis, or an empty one; not float32, float64 or integers; a NaN or an infinity.
    """
    array = _rows(scores)
    result = np.empty_like(array)
    width = array.shape[-1]
    _softmax_kernel(array.reshape(-1, width), result.reshape(-1, width))
    return result


def logsumexp(scores: npt.ArrayLike) -> FloatArray | np.floating:
    """Logarithm of the sum of e^s_i over the last axis, without overflow.

    Parameters
    ----------
    scores : array_like, shape (..., n)
        Finite numbers, n at least 1. Integers are read as float64.

    Returns
    -------
    ndarray, shape (...), or a scalar for shape (n,)
        In the dtype of the scores.

    Raises
    ------
    ValueError
        As for `softmax`.
    """
    array = _rows(scores)
    result = np.empty(array.shape[:-1], dtype=array.dtype)
    _logsumexp_kernel(array.reshape(-1, array.shape[-1]), result.reshape(-1))
    return result[()]


def sigmoid(x: npt.ArrayLike) -> FloatArray | np.floating:
    """Logistic function sigma(x) = 1 / (1 + e^-x), elementwise. See docs/derivations.md, section 2.

    Parameters
    ----------
    x : array_like
        Finite numbers of any shape. Integers are read as float64.

    Returns
    -------
    ndarray of the same shape, or a scalar for a scalar
        In the dtype of x.

    Raises
    ------
    ValueError
        Not float32, float64 or integers; a NaN or an infinity.
    """
    array = validation.real_array("x", x)
    result = np.empty_like(array)
    _sigmoid_kernel(array.reshape(-1), result.reshape(-1))
    return result[()]


def softplus(x: npt.ArrayLike) -> FloatArray | np.floating:
    """softplus(x) = log(1 + e^x) = -log sigma(-x), elementwise, without overflow.

    Parameters, dtypes and errors are those of `sigmoid`.
    """
    return _softplus(1.0, x)


def log_sigmoid(x: npt.ArrayLike) -> FloatArray | np.floating:
    """Logarithm of `sigmoid`, -softplus(-x), elementwise: no overflow, no log(0).

    Parameters, dtypes and errors are those of `sigmoid`.
    """
    return _softplus(-1.0, x)


def _softplus(sign: float, x: npt.ArrayLike) -> FloatArray | np.floating:
    array = validation.real_array("x", x)
    result = np.empty_like(array)
    _softplus_kernel(sign, array.reshape(-1), result.reshape(-1))
    return result[()]
