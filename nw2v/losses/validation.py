"""Checks of what a caller hands to the mathematics: each error names the argument."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IndexArray = npt.NDArray[np.integer[Any]]

_FLOAT_SIZES: dict[int, np.dtype[Any]] = {4: np.dtype(np.float32), 8: np.dtype(np.float64)}


def _as_array(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name}: expected an array of numbers, got {error}") from None


def _position(flat_index: int, shape: tuple[int, ...]) -> str:
    indices = np.unravel_index(flat_index, shape)
    return f"[{', '.join(str(int(i)) for i in indices)}]" if shape else "()"


def check_finite(name: str, array: FloatArray) -> None:
    """Raise ValueError where an array holds a NaN or an infinity."""
    # The least and the greatest show both without an array of flags beside a large matrix.
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        first = int(np.argmin(np.isfinite(array).ravel()))
        where = f" at {_position(first, array.shape)}" if array.ndim else ""
        raise ValueError(f"{name}: expected finite numbers, got {array.ravel()[first]}{where}")


def real_array(name: str, value: npt.ArrayLike) -> FloatArray:
    """Finite numbers as a C-contiguous array: float32 and float64 are kept, integers widened.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like
        Anything NumPy reads as numbers.

    Returns
    -------
    ndarray of float32 or float64
        The same array where nothing had to be changed.

    Raises
    ------
    ValueError
        Not real numbers of a supported width, or a NaN or an infinity among them.
    """
    array = _as_array(name, value)
    if array.dtype.kind in "iu" or (array.size == 0 and isinstance(value, (list, tuple))):
        dtype = _FLOAT_SIZES[8]
    elif array.dtype.kind == "f" and array.dtype.itemsize in _FLOAT_SIZES:
        dtype = _FLOAT_SIZES[array.dtype.itemsize]
    else:
        raise ValueError(f"{name}: expected float32 or float64 numbers, got dtype {array.dtype}")
    array = np.asarray(array, dtype=dtype, order="C")
    check_finite(name, array)
    return array


def vector(name: str, value: npt.ArrayLike) -> FloatArray:
    """Finite numbers of shape (d,), d at least 1."""
    array = real_array(name, value)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: expected a vector (d,), d at least 1, got shape {array.shape}")
    return array


def matrix(name: str, value: npt.ArrayLike) -> FloatArray:
    """Finite numbers of shape (V, d), both at least 1."""
    array = real_array(name, value)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name}: expected a matrix (V, d), V and d at least 1, got shape {array.shape}"
        )
    return array


def vector_and_matrix(
    vector_name: str, vector_value: npt.ArrayLike, matrix_name: str, matrix_value: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """A vector (d,) and a matrix (V, d) of the same dtype."""
    v_c, rows = vector(vector_name, vector_value), matrix(matrix_name, matrix_value)
    if v_c.shape[0] != rows.shape[1]:
        raise ValueError(
            f"{vector_name}: expected shape ({rows.shape[1]},) to go with {matrix_name} of shape "
            f"{rows.shape}, got shape {v_c.shape}"
        )
    _check_same_dtype(vector_name, v_c, matrix_name, rows)
    return v_c, rows


def matrix_pair(
    name: str, value: npt.ArrayLike, other_name: str, other_value: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Two matrices (V, d) of the same shape and dtype."""
    array, other = matrix(name, value), matrix(other_name, other_value)
    if array.shape != other.shape:
        raise ValueError(
            f"{name}: expected the shape of {other_name}, {other.shape}, got shape {array.shape}"
        )
    _check_same_dtype(name, array, other_name, other)
    return array, other


def _check_same_dtype(name: str, array: FloatArray, other_name: str, other: FloatArray) -> None:
    # A silent promotion would double the width of everything that follows.
    if array.dtype != other.dtype:
        raise ValueError(
            f"{name}: expected the dtype of {other_name}, {other.dtype}, got {array.dtype}"
        )


def index(name: str, value: Any, size: int) -> int:
    """One index into the `size` rows of a matrix."""
    array = _as_array(name, value)
    if array.ndim != 0 or array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected a whole number, got {value!r}")
    if not 0 <= int(array) < size:
        raise ValueError(f"{name}: expected an index from 0 to {size - 1}, got {int(array)}")
    return int(array)


def index_array(name: str, value: npt.ArrayLike, size: int, axes: tuple[str, ...]) -> IndexArray:
    """Indices into the `size` rows of a matrix, as an array with the named axes; may be empty."""
    array = whole_numbers(name, value, axes)
    if array.size and not (array.min() >= 0 and array.max() < size):
        first = int(np.argmax(((array < 0) | (array >= size)).ravel()))
        raise ValueError(
            f"{name}: expected indices from 0 to {size - 1}, got {array.ravel()[first]} "
            f"at {_position(first, array.shape)}"
        )
    return array


def whole_numbers(name: str, value: npt.ArrayLike, axes: tuple[str, ...]) -> IndexArray:
    """Whole numbers as an array with the named axes, in whatever integer type they came."""
    array = _as_array(name, value)
    if array.size == 0 and isinstance(value, (list, tuple)):
        # NumPy reads an empty list as float64 of shape (0,).
        array = array.astype(np.int64)
        if array.ndim < len(axes):
            array = array.reshape((0,) * len(axes))
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected whole numbers, got dtype {array.dtype}")
    if array.ndim != len(axes):
        expected = f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"
        raise ValueError(f"{name}: expected shape {expected}, got shape {array.shape}")
    return array


def negative_index_rows(
    name: str, value: npt.ArrayLike | None, size: int, pairs: int
) -> IndexArray:
    """Negative samples of shape (pairs, K), K at least 1 where there is a pair."""
    if value is None:
        raise ValueError(
            f"{name}: negative sampling needs the negatives drawn for each pair, "
            f"shape ({pairs}, K), got None"
        )
    array = index_array(name, value, size, axes=("m", "K"))
    if array.shape[0] != pairs:
        raise ValueError(
            f"{name}: expected shape ({pairs}, K), one row for each outside word, "
            f"got shape {array.shape}"
        )
    if pairs and array.shape[1] == 0:
        raise ValueError(f"{name}: expected at least one negative a pair, got shape {array.shape}")
    return array


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """A string out of a few, with the nearest right one in the message."""
    known = list(choices)
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}{hint}")


def check_loss_finite(loss: float) -> float:
    """Raise ValueError where finite vectors have inner products beyond the range of float64."""
    if not math.isfinite(loss):
        raise ValueError(
            "center and outside vectors: expected inner products u_w.v_c within the range of "
            f"float64, got a loss of {loss}"
        )
    return loss
