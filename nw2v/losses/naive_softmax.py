"""The naive softmax loss: cross-entropy of one outside word against the whole vocabulary."""

from __future__ import annotations

import math
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from nw2v.jit import kernel
from nw2v.losses import validation
from nw2v.losses.validation import FloatArray, IndexArray


@kernel
def naive_softmax_window_kernel(
    center_vector: FloatArray,
    outside_indices: IndexArray,
    outside_vectors: FloatArray,
    residuals: FloatArray,
    gradient_center: FloatArray,
) -> float:
    """Loss of a window of m outside words with one softmax.

    J = m logsumexp(U v_c) - sum_o u_o.v_c. Fills `residuals` (V,), float64, with
    m y-hat - (sum of the window's one-hots), and `gradient_center` (d,), float64, with
    U^T residuals; the gradient for U is the outer product of the residuals and v_c.
    """
    v_c, U = center_vector, outside_vectors
    m = outside_indices.shape[0]

    top = 0
    for w in range(U.shape[0]):
        u_w, score = U[w], 0.0
        for i in range(u_w.shape[0]):
            score += np.float64(u_w[i]) * np.float64(v_c[i])
        residuals[w] = score
        if score > residuals[top]:
            top = w
    largest = residuals[top]

    # -u_o.v_c + logsumexp, both relative to the largest score: no term is below zero, so that
    # nothing cancels, and the loss keeps its digits when it is close to 0.
    loss = 0.0
    top_count = 0
    for o in outside_indices:
        loss += largest - residuals[o]
        top_count += o == top
    rest = 0.0
    for w in range(U.shape[0]):
        if w == top:
            residuals[w] = 1.0
        else:
            residuals[w] = math.exp(residuals[w] - largest)
            rest += residuals[w]
    loss += m * math.log1p(rest)

    total = 1.0 + rest
    for w in range(U.shape[0]):
        residuals[w] *= m / total
    for o in outside_indices:
        residuals[o] -= 1.0
    # m y-hat - count for the top word, whose y-hat may be 1 but for rounding: 1 - y-hat is taken
    # from what the others leave, not by subtraction.
    residuals[top] = ((m - top_count) - top_count * rest) / total

    for i in range(U.shape[1]):
        gradient_center[i] = 0.0
    for w in range(U.shape[0]):
        u_w, residual = U[w], residuals[w]
        for i in range(u_w.shape[0]):
            gradient_center[i] += residual * u_w[i]
    return loss


@kernel
def outer_product_kernel(
    residuals: FloatArray, center_vector: FloatArray, gradient_outside: FloatArray
) -> None:
    """dJ/dU = (y-hat - y) v_c^T, written over what was there."""
    for w in range(gradient_outside.shape[0]):
        row, residual = gradient_outside[w], residuals[w]
        for i in range(row.shape[0]):
            row[i] = residual * center_vector[i]


def window_terms(
    center_vector: FloatArray, outside_indices: IndexArray, outside_vectors: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Loss, dJ/dv_c and dJ/dU of a window whose arguments have been checked."""
    vocabulary_size, dim = outside_vectors.shape
    residuals = np.empty(vocabulary_size)
    gradient_center = np.empty(dim)
    gradient_outside = np.empty_like(outside_vectors)
    loss = naive_softmax_window_kernel(
        center_vector, outside_indices, outside_vectors, residuals, gradient_center
    )
    outer_product_kernel(residuals, center_vector, gradient_outside)
    gradient_center = gradient_center.astype(outside_vectors.dtype, copy=False)
    return float(loss), gradient_center, gradient_outside


def naive_softmax_loss_and_gradient(
    center_vector: npt.ArrayLike, outside_index: SupportsIndex, outside_vectors: npt.ArrayLike
) -> tuple[float, FloatArray, FloatArray]:
    """Naive softmax loss of one pair, J = -u_o.v_c + logsumexp(U v_c), and its gradients.

    With y-hat = softmax(U v_c) and y one-hot at o, dJ/dv_c = U^T (y-hat - y) and
    dJ/dU = (y-hat - y) v_c^T. See docs/derivations.md, sections 3 and 4.

    Parameters
    ----------
    center_vector : array_like, shape (d,)
        v_c, float32 or float64.
    outside_index : int
        o, from 0 to V - 1.
    outside_vectors : array_like, shape (V, d)
        U, its rows u_w; of the dtype of the center vector.

    Returns
    -------
    loss : float
        J in nats.
    gradient_center : ndarray, shape (d,)
        dJ/dv_c, in the dtype of the vectors.
    gradient_outside : ndarray, shape (V, d)
        dJ/dU, in the dtype of the vectors.

    Raises
    ------
    ValueError
        A wrong shape or dtype, an index out of range, a NaN or an infinity.
    """
    v_c, U = validation.vector_and_matrix(
        "center_vector", center_vector, "outside_vectors", outside_vectors
    )
    o = validation.index("outside_index", outside_index, U.shape[0])
    loss, gradient_center, gradient_outside = window_terms(v_c, np.array([o]), U)
    return validation.check_loss_finite(loss), gradient_center, gradient_outside
