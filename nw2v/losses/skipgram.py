"""Skip-gram: the sum of a pair loss over the window of one center word."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from nw2v.losses import naive_softmax, negative_sampling, validation
from nw2v.losses.validation import FloatArray

# The losses that have a compiled form for windows and batches of them.
COMPILED_LOSSES = ("naive_softmax", "negative_sampling")


def skipgram_loss_and_gradient(
    center_index: SupportsIndex,
    outside_indices: npt.ArrayLike,
    center_vectors: npt.ArrayLike,
    outside_vectors: npt.ArrayLike,
    loss: str = "naive_softmax",
    negative_indices: npt.ArrayLike | None = None,
) -> tuple[float, FloatArray, FloatArray]:
    """Skip-gram loss of one window, the sum of J(v_c, o, U) over its outside words o.

    dJ/dV has one row that is not zero, that of the center word: dJ/dv_w = 0 for w other than c.
    Naive softmax takes one softmax for the whole window, with the gradient m y-hat minus the sum
    of the window's one-hots. See docs/derivations.md, section 6.

    Parameters
    ----------
    center_index : int
        c, from 0 to V - 1.
    outside_indices : array_like of int, shape (m,)
        The outside words of the window; a word named twice counts twice, m = 0 gives zeros.
    center_vectors, outside_vectors : array_like, shape (V, d)
        V and U, of one shape and dtype (float32 or float64).
    loss : {"naive_softmax", "negative_sampling"}
        The loss of a pair.
    negative_indices : array_like of int, shape (m, K), optional
        For negative sampling, the negatives drawn for each outside word. Naive softmax has no use
        for them and ignores them.

    Returns
    -------
    loss : float
        The sum over the window, in nats.
    gradient_centers : ndarray, shape (V, d)
        dJ/dV, in the dtype of the vectors.
    gradient_outsides : ndarray, shape (V, d)
        dJ/dU, in the dtype of the vectors.

    Raises
    ------
    ValueError
        A wrong shape or dtype, an index out of range, an unknown loss, a NaN or an infinity.
    """
    name = validation.one_of("loss", loss, COMPILED_LOSSES)
    V, U = validation.matrix_pair(
        "center_vectors", center_vectors, "outside_vectors", outside_vectors
    )
    c = validation.index("center_index", center_index, V.shape[0])
    outside = validation.index_array("outside_indices", outside_indices, U.shape[0], axes=("m",))
    if name == "naive_softmax":
        terms = naive_softmax.window_terms(V[c], np.ascontiguousarray(outside, dtype=np.int64), U)
    else:
        negatives = validation.negative_index_rows(
            "negative_indices", negative_indices, U.shape[0], outside.shape[0]
        )
        terms = negative_sampling.window_terms(
            V[c], negative_sampling.named_rows(outside, negatives), U
        )
    window_loss, gradient_center, gradient_outsides = terms
    gradient_centers = np.zeros_like(V)
    gradient_centers[c] = gradient_center
    return validation.check_loss_finite(window_loss), gradient_centers, gradient_outsides
