"""Many windows at once, on all cores: the sum of the skip-gram loss over a batch of centers.

The batch is cut into tiles whose size depends on the shapes alone, never on the threads, so that
the memory beside the two gradients is bounded. Within a tile the work is parallel twice: first
over windows (each writes what is its own), then over blocks of rows of U (each row adds what the
windows left for it, in the order of the batch). No two threads add to one number, so that the
result has the same bits for any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nw2v.jit import kernel, parallel_kernel, prange
from nw2v.losses import validation
from nw2v.losses.naive_softmax import naive_softmax_window_kernel
from nw2v.losses.negative_sampling import named_rows, negative_sampling_window_kernel
from nw2v.losses.skipgram import COMPILED_LOSSES
from nw2v.losses.validation import FloatArray, IndexArray

# Bounds of a tile: residuals (windows x V) of the softmax, named rows (pairs x (1 + K)) of
# negative sampling, and windows. Below them, threads would wait for one another more than work.
_RESIDUALS_PER_TILE = 2**22
_FEWEST_SOFTMAX_WINDOWS = 16
_NAMED_ROWS_PER_TILE = 2**18
_WINDOWS_PER_TILE = 2**12
_ROW_BLOCKS = 64


@parallel_kernel
def _naive_softmax_windows_kernel(
    centers: IndexArray,
    outside_indices: IndexArray,
    offsets: IndexArray,
    center_vectors: FloatArray,
    outside_vectors: FloatArray,
    residuals: FloatArray,
    gradients: FloatArray,
    losses: FloatArray,
) -> None:
    """For each window, its loss, its residuals m y-hat - one-hots, and dJ/dv_c."""
    for b in prange(centers.shape[0]):
        losses[b] = naive_softmax_window_kernel(
            center_vectors[centers[b]],
            outside_indices[offsets[b] : offsets[b + 1]],
            outside_vectors,
            residuals[b],
            gradients[b],
        )


@kernel
def _add_residual_rows_kernel(
    first: int,
    last: int,
    residuals: FloatArray,
    centers: IndexArray,
    center_vectors: FloatArray,
    row: FloatArray,
    gradient_outsides: FloatArray,
) -> None:
    """Rows first to last of dJ/dU += residuals^T (center vectors); `row` (d,) is scratch."""
    for w in range(first, last):
        row[:] = 0.0
        for b in range(centers.shape[0]):
            # Views of rows, here and below: with an index inside the loop it is not vectorised.
            v_c = center_vectors[centers[b]]
            residual = residuals[b, w]
            for i in range(row.shape[0]):
                row[i] += residual * v_c[i]
        for i in range(row.shape[0]):
            gradient_outsides[w, i] += row[i]


@parallel_kernel
def _add_residuals_kernel(
    bounds: IndexArray,
    residuals: FloatArray,
    centers: IndexArray,
    center_vectors: FloatArray,
    scratch: FloatArray,
    gradient_outsides: FloatArray,
) -> None:
    """dJ/dU += residuals^T (center vectors), in parallel over blocks of rows."""
    for block in prange(bounds.shape[0] - 1):
        _add_residual_rows_kernel(
            bounds[block],
            bounds[block + 1],
            residuals,
            centers,
            center_vectors,
            scratch[block],
            gradient_outsides,
        )


@parallel_kernel
def _negative_sampling_windows_kernel(
    centers: IndexArray,
    rows: IndexArray,
    offsets: IndexArray,
    center_vectors: FloatArray,
    outside_vectors: FloatArray,
    coefficients: FloatArray,
    gradients: FloatArray,
    losses: FloatArray,
) -> None:
    """For each window, its loss, its coefficients dJ/d(u.v_c), and dJ/dv_c."""
    for b in prange(centers.shape[0]):
        losses[b] = negative_sampling_window_kernel(
            center_vectors[centers[b]],
            rows[offsets[b] : offsets[b + 1]],
            outside_vectors,
            coefficients[offsets[b] : offsets[b + 1]],
            gradients[b],
        )


@kernel
def _group_by_row_kernel(rows: IndexArray, starts: IndexArray, order: IndexArray) -> None:
    """Counting sort: order[starts[w]:starts[w + 1]] are the places that name w, in their order.

    `starts` has V + 2 entries, the last one scratch.
    """
    starts[:] = 0
    for place in range(rows.shape[0]):
        starts[rows[place] + 2] += 1
    for w in range(2, starts.shape[0]):
        starts[w] += starts[w - 1]
    for place in range(rows.shape[0]):
        order[starts[rows[place] + 1]] = place
        starts[rows[place] + 1] += 1


@kernel
def _add_places_kernel(
    places: IndexArray,
    rows: IndexArray,
    centers_of_places: IndexArray,
    coefficients: FloatArray,
    center_vectors: FloatArray,
    gradient_outsides: FloatArray,
) -> None:
    """dJ/du_w += coefficient * v_c at the given places."""
    for place in places:
        v_c = center_vectors[centers_of_places[place]]
        gradient = gradient_outsides[rows[place]]
        coefficient = coefficients[place]
        for i in range(v_c.shape[0]):
            gradient[i] += coefficient * v_c[i]


@parallel_kernel
def _add_coefficients_kernel(
    bounds: IndexArray,
    order: IndexArray,
    rows: IndexArray,
    centers_of_places: IndexArray,
    coefficients: FloatArray,
    center_vectors: FloatArray,
    gradient_outsides: FloatArray,
) -> None:
    """dJ/du_w += coefficient * v_c for every named row, in parallel over blocks of rows."""
    for block in prange(bounds.shape[0] - 1):
        _add_places_kernel(
            order[bounds[block] : bounds[block + 1]],
            rows,
            centers_of_places,
            coefficients,
            center_vectors,
            gradient_outsides,
        )


@kernel
def _add_window_gradients_kernel(
    centers: IndexArray, gradients: FloatArray, gradient_centers: FloatArray
) -> None:
    """dJ/dv_c += the gradient of each window whose center is c, in the order of the batch."""
    for b in range(centers.shape[0]):
        gradient_center, gradient = gradient_centers[centers[b]], gradients[b]
        for i in range(gradient.shape[0]):
            gradient_center[i] += gradient[i]


def _tiles(offsets: IndexArray, most_windows: int, most_pairs: int) -> Iterator[tuple[int, int]]:
    """Ranges of windows with no more windows and pairs than given, but one window at least."""
    first, windows = 0, offsets.shape[0] - 1
    while first < windows:
        last = int(np.searchsorted(offsets, offsets[first] + most_pairs, side="right")) - 1
        last = max(first + 1, min(last, first + most_windows, windows))
        yield first, last
        first = last


def _naive_softmax_batch(
    centers: IndexArray,
    outside_indices: IndexArray,
    offsets: IndexArray,
    center_vectors: FloatArray,
    outside_vectors: FloatArray,
    gradient_centers: FloatArray,
    gradient_outsides: FloatArray,
) -> float:
    vocabulary_size, dim = outside_vectors.shape
    fit = max(_FEWEST_SOFTMAX_WINDOWS, _RESIDUALS_PER_TILE // vocabulary_size)
    most_windows = min(fit, _WINDOWS_PER_TILE, centers.shape[0])
    residuals = np.empty((most_windows, vocabulary_size))
    gradients = np.empty((most_windows, dim))
    losses = np.empty(most_windows)
    bounds = np.linspace(0, vocabulary_size, _ROW_BLOCKS + 1).astype(np.int64)
    scratch = np.empty((_ROW_BLOCKS, dim))
    loss = 0.0
    for first, last in _tiles(offsets, most_windows, _NAMED_ROWS_PER_TILE):
        tile_centers = centers[first:last].astype(np.int64)
        tile_outside = outside_indices[offsets[first] : offsets[last]].astype(np.int64)
        tile_offsets = offsets[first : last + 1] - offsets[first]
        size = last - first
        _naive_softmax_windows_kernel(
            tile_centers,
            tile_outside,
            tile_offsets,
            center_vectors,
            outside_vectors,
            residuals[:size],
            gradients[:size],
            losses[:size],
        )
        _add_residuals_kernel(
            bounds, residuals[:size], tile_centers, center_vectors, scratch, gradient_outsides
        )
        _add_window_gradients_kernel(tile_centers, gradients[:size], gradient_centers)
        loss += float(losses[:size].sum())
    return loss


def _negative_sampling_batch(
    centers: IndexArray,
    outside_indices: IndexArray,
    negative_indices: IndexArray,
    offsets: IndexArray,
    center_vectors: FloatArray,
    outside_vectors: FloatArray,
    gradient_centers: FloatArray,
    gradient_outsides: FloatArray,
) -> float:
    vocabulary_size, dim = outside_vectors.shape
    width = 1 + negative_indices.shape[1]
    most_windows = min(_WINDOWS_PER_TILE, centers.shape[0])
    most_pairs = max(1, _NAMED_ROWS_PER_TILE // width)
    gradients = np.empty((most_windows, dim))
    losses = np.empty(most_windows)
    starts = np.empty(vocabulary_size + 2, dtype=np.int64)
    loss = 0.0
    for first, last in _tiles(offsets, most_windows, most_pairs):
        pairs = slice(offsets[first], offsets[last])
        tile_centers = centers[first:last].astype(np.int64)
        tile_offsets = offsets[first : last + 1] - offsets[first]
        rows = named_rows(outside_indices[pairs], negative_indices[pairs])
        coefficients = np.empty(rows.shape)
        size = last - first
        _negative_sampling_windows_kernel(
            tile_centers,
            rows,
            tile_offsets,
            center_vectors,
            outside_vectors,
            coefficients,
            gradients[:size],
            losses[:size],
        )
        order = np.empty(rows.size, dtype=np.int64)
        _group_by_row_kernel(rows.reshape(-1), starts, order)
        # Blocks of rows that are named about equally often; a row is in one block only.
        goals = np.linspace(0, rows.size, _ROW_BLOCKS + 1).astype(np.int64)
        bounds = starts[np.searchsorted(starts[: vocabulary_size + 1], goals)]
        _add_coefficients_kernel(
            bounds,
            order,
            rows.reshape(-1),
            np.repeat(tile_centers, np.diff(tile_offsets) * width),
            coefficients.reshape(-1),
            center_vectors,
            gradient_outsides,
        )
        _add_window_gradients_kernel(tile_centers, gradients[:size], gradient_centers)
        loss += float(losses[:size].sum())
    return loss


def batch_loss_and_gradient(
    center_indices: npt.ArrayLike,
    outside_indices: npt.ArrayLike,
    offsets: npt.ArrayLike,
    center_vectors: npt.ArrayLike,
    outside_vectors: npt.ArrayLike,
    loss: str = "naive_softmax",
    negative_indices: npt.ArrayLike | None = None,
) -> tuple[float, FloatArray, FloatArray]:
    """Skip-gram loss of many windows at once, on all cores: the sum of J over the whole batch.

    The same sums as `skipgram_loss_and_gradient` called for each window and added up. The result
    has the same bits for any number of threads (`numba.set_num_threads`). Beside the two
    gradients, memory is bounded whatever the length of the batch: at most about 32 MB (or
    16 V float64, if that is more) and 4,096 d float64, unless a single window has more than
    2^18 / (1 + K) outside words.

    Parameters
    ----------
    center_indices : array_like of int, shape (B,)
        The center word of each window, from 0 to V - 1; a word may be the center of several.
    outside_indices : array_like of int, shape (P,)
        The outside words of all windows, one window after the other.
    offsets : array_like of int, shape (B + 1,)
        Window b has the outside words offsets[b] to offsets[b + 1]; offsets[0] is 0, the last one
        is P, and a window may be empty.
    center_vectors, outside_vectors : array_like, shape (V, d)
        V and U, of one shape and dtype (float32 or float64).
    loss : {"naive_softmax", "negative_sampling"}
        The loss of a pair.
    negative_indices : array_like of int, shape (P, K), optional
        For negative sampling, the negatives drawn for each outside word. Naive softmax has no use
        for them and ignores them.

    Returns
    -------
    loss : float
        The sum over the batch, in nats, accumulated in float64.
    gradient_centers : ndarray, shape (V, d)
        dJ/dV, in the dtype of the vectors.
    gradient_outsides : ndarray, shape (V, d)
        dJ/dU, in the dtype of the vectors.

    Raises
    ------
    ValueError
        A wrong shape or dtype, an index out of range, offsets that do not part the outside words,
        an unknown loss, a NaN or an infinity.
    """
    name = validation.one_of("loss", loss, COMPILED_LOSSES)
    V, U = validation.matrix_pair(
        "center_vectors", center_vectors, "outside_vectors", outside_vectors
    )
    centers = validation.index_array("center_indices", center_indices, V.shape[0], axes=("B",))
    outside = validation.index_array("outside_indices", outside_indices, U.shape[0], axes=("P",))
    window_offsets = _check_offsets(offsets, centers.shape[0], outside.shape[0])
    gradient_centers, gradient_outsides = np.zeros_like(V), np.zeros_like(U)
    if name == "naive_softmax":
        batch_loss = _naive_softmax_batch(
            centers, outside, window_offsets, V, U, gradient_centers, gradient_outsides
        )
    else:
        negatives = validation.negative_index_rows(
            "negative_indices", negative_indices, U.shape[0], outside.shape[0]
        )
        batch_loss = _negative_sampling_batch(
            centers, outside, negatives, window_offsets, V, U, gradient_centers, gradient_outsides
        )
    return validation.check_loss_finite(batch_loss), gradient_centers, gradient_outsides


def _check_offsets(value: npt.ArrayLike, windows: int, pairs: int) -> npt.NDArray[np.int64]:
    offsets = validation.index_array("offsets", value, pairs + 1, axes=("B + 1",)).astype(np.int64)
    if offsets.shape[0] != windows + 1:
        raise ValueError(
            f"offsets: expected shape ({windows + 1},), one more than center_indices has, "
            f"got shape {offsets.shape}"
        )
    falls = np.flatnonzero(np.diff(offsets) < 0)
    if falls.size:
        b = int(falls[0])
        raise ValueError(
            f"offsets: expected numbers that never fall, got {offsets[b]} before {offsets[b + 1]} "
            f"at [{b}]"
        )
    if offsets[0] != 0 or offsets[-1] != pairs:
        raise ValueError(
            f"offsets: expected to go from 0 to {pairs}, the length of outside_indices, "
            f"got {offsets[0]} to {offsets[-1]}"
        )
    return offsets
