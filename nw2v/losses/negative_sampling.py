"""The negative-sampling loss: one outside word against K words drawn as noise."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from nw2v.jit import kernel
from nw2v.losses import validation
from nw2v.losses.activations import sigmoid_of, softplus_of
from nw2v.losses.validation import FloatArray, IndexArray


@kernel
def negative_sampling_window_kernel(
    center_vector: FloatArray,
    rows: IndexArray,
    outside_vectors: FloatArray,
    coefficients: FloatArray,
    gradient_center: FloatArray,
) -> float:
    """Loss of a window of m outside words, each against its own K negatives.

    J = sum over pairs of softplus(-u_o.v_c) + sum_k softplus(u_k.v_c), for softplus(-x) =
    -log sigma(x). `rows` (m, 1 + K) holds o and then the negatives. Fills `coefficients`
    (m, 1 + K), float64, with dJ/d(u.v_c), which is sigma(u_o.v_c) - 1 = -sigma(-u_o.v_c) and
    sigma(u_k.v_c), and `gradient_center` (d,), float64, with the sum of coefficient times u; the
    gradient for a row of U is the sum of coefficient times v_c over every time it is named.
    """
    v_c, U = center_vector, outside_vectors
    for i in range(U.shape[1]):
        gradient_center[i] = 0.0
    loss = 0.0
    for pair in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            u_w, score = U[rows[pair, k]], 0.0
            for i in range(u_w.shape[0]):
                score += np.float64(u_w[i]) * np.float64(v_c[i])
            sign = -1.0 if k == 0 else 1.0
            loss += softplus_of(sign * score)
            coefficient = sign * sigmoid_of(sign * score)
            coefficients[pair, k] = coefficient
            for i in range(u_w.shape[0]):
                gradient_center[i] += coefficient * u_w[i]
    return loss


@kernel
def add_multiples_kernel(
    coefficients: FloatArray, rows: IndexArray, vector: FloatArray, target: FloatArray
) -> None:
    """target[w] += coefficient * vector, once for every time a row w is named."""
    for pair in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            row, coefficient = target[rows[pair, k]], coefficients[pair, k]
            for i in range(row.shape[0]):
                row[i] += coefficient * vector[i]


def named_rows(outside_indices: IndexArray, negative_indices: IndexArray) -> IndexArray:
    """Rows of U that each pair names, (m, 1 + K) int64: the outside word, then its negatives."""
    rows = np.empty((outside_indices.shape[0], 1 + negative_indices.shape[1]), dtype=np.int64)
    rows[:, 0] = outside_indices
    rows[:, 1:] = negative_indices
    return rows


def window_terms(
    center_vector: FloatArray, rows: IndexArray, outside_vectors: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Loss, dJ/dv_c and dJ/dU of a window whose arguments have been checked."""
    coefficients = np.empty(rows.shape)
    gradient_center = np.empty(outside_vectors.shape[1])
    gradient_outside = np.zeros_like(outside_vectors)
    loss = negative_sampling_window_kernel(
        center_vector, rows, outside_vectors, coefficients, gradient_center
    )
    add_multiples_kernel(coefficients, rows, center_vector, gradient_outside)
    gradient_center = gradient_center.astype(outside_vectors.dtype, copy=False)
    return float(loss), gradient_center, gradient_outside


def negative_sampling_loss_and_gradient(
    center_vector: npt.ArrayLike,
    outside_index: SupportsIndex,
    outside_vectors: npt.ArrayLike,
    negative_indices: npt.ArrayLike,
) -> tuple[float, FloatArray, FloatArray]:
    """Negative-sampling loss of one pair and its gradients.

    J = -log sigma(u_o.v_c) - sum_k log sigma(-u_k.v_c). dJ/dv_c = (sigma(u_o.v_c) - 1) u_o +
    sum_k sigma(u_k.v_c) u_k; row o of dJ/dU receives (sigma(u_o.v_c) - 1) v_c, and row k
    sigma(u_k.v_c) v_c once for each time k was drawn. A negative that equals the outside word
    counts like any other: the sampler decides what is drawn, the loss does not. See
    docs/derivations.md, section 5; Mikolov et al. 2013, "Distributed Representations of Words and
    Phrases and their Compositionality", equation 4.

    Parameters
    ----------
    center_vector : array_like, shape (d,)
        v_c, float32 or float64.
    outside_index : int
        o, from 0 to V - 1.
    outside_vectors : array_like, shape (V, d)
        U, its rows u_w; of the dtype of the center vector.
    negative_indices : array_like of int, shape (K,)
        The negative samples, K at least 1, each from 0 to V - 1; repeats count.

    Returns
    -------
    loss : float
        J in nats.
    gradient_center : ndarray, shape (d,)
        dJ/dv_c, in the dtype of the vectors.
    gradient_outside : ndarray, shape (V, d)
        dJ/dU, in the dtype of the vectors; zero in the rows that no index names.

    Raises
    ------
    ValueError
        A wrong shape or dtype, an index out of range, no negative, a NaN or an infinity.
    """
    v_c, U = validation.vector_and_matrix(
        "center_vector", center_vector, "outside_vectors", outside_vectors
    )
    o = validation.index("outside_index", outside_index, U.shape[0])
    if negative_indices is None:
        raise ValueError("negative_indices: expected shape (K,), K at least 1, got None")
    negatives = validation.index_array(
        "negative_indices", negative_indices, U.shape[0], axes=("K",)
    )
    if negatives.size == 0:
        raise ValueError("negative_indices: expected at least one negative, got shape (0,)")
    rows = named_rows(np.array([o]), negatives[np.newaxis])
    loss, gradient_center, gradient_outside = window_terms(v_c, rows, U)
    return validation.check_loss_finite(loss), gradient_center, gradient_outside
