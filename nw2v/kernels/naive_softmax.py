"""One pass of skip-gram with the naive softmax over a piece of text: the textbook loop, exact.

For a center word c with outside words o_1 ... o_m, y-hat = softmax(U v_c) and y_j the one-hot of
o_j, the window's loss and gradients are

    J      = m logsumexp(U v_c) - sum_j u_oj . v_c
    dJ/dv_c = U^T (m y-hat - sum_j y_j)
    dJ/dU   = (m y-hat - sum_j y_j) v_c^T

one softmax and one update of all of U a window.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nw2v.jit.compile import kernel
from nw2v.jit.rows import LANES, ROWS_IN_FLIGHT, dot_rows, exponentials, update_rows
from nw2v.kernels.stream import Windows, draw_windows, windows_for


class Workspace(NamedTuple):
    """One thread's scratch memory."""

    windows: Windows
    rows: np.ndarray  # int32: every word of the vocabulary
    scores: np.ndarray  # float32: logits, then their exponentials
    steps: np.ndarray  # float32: learning rate times minus the derivative by each logit
    gradient: np.ndarray  # (length,) float32


def workspace_for(tokens: int, vocabulary: int, length: int) -> Workspace:
    """Allocate scratch memory for pieces of at most `tokens` tokens, rows of `length` floats."""
    size = vocabulary + max(ROWS_IN_FLIGHT, LANES)
    rows = np.zeros(size, dtype=np.int32)
    rows[:vocabulary] = np.arange(vocabulary)
    return Workspace(
        windows_for(tokens),
        rows,
        np.zeros(size, dtype=np.float32),
        np.zeros(size, dtype=np.float32),
        np.zeros(length, dtype=np.float32),
    )


@kernel
def naive_softmax_pass(  # type: ignore[no-untyped-def]
    lanes, centers, outsides, text, law, piece, workspace
):
    """Train on one piece of a text.

    Parameters and results are those of
    `nw2v.kernels.negative_sampling.negative_sampling_pass`, without the negatives.
    """
    rows, scores, steps = workspace.rows, workspace.scores, workspace.steps
    gradient = workspace.gradient
    words, first, last = workspace.windows
    kept = draw_windows(
        text, law, piece.key, piece.first_sentence, piece.last_sentence, workspace.windows
    )
    vocabulary = len(outsides)
    loss, pairs = 0.0, 0
    slope = (piece.last_rate - piece.first_rate) / max(kept, 1)
    for i in range(kept):
        m = last[i] - first[i] - 1
        if m == 0:
            continue
        center = words[i]
        dot_rows(lanes, outsides, rows, vocabulary, centers, center, scores)
        outside_scores = 0.0
        for j in range(first[i], last[i]):
            if j != i:
                outside_scores += np.float64(scores[words[j]])
        largest = scores[0]
        for w in range(1, vocabulary):
            largest = max(largest, scores[w])
        total = exponentials(lanes, scores, vocabulary, largest)
        loss += m * (np.float64(largest) + math.log(total)) - outside_scores
        rate = np.float32(piece.first_rate + slope * i)
        scale = np.float32(-rate * m / total)
        for w in range(vocabulary):
            steps[w] = scale * scores[w]
        for j in range(first[i], last[i]):
            if j != i:
                steps[words[j]] += rate
        for k in range(len(gradient)):
            gradient[k] = np.float32(0)
        update_rows(lanes, outsides, rows, steps, vocabulary, centers, center, gradient)
        for k in range(len(gradient)):
            centers[center, k] += gradient[k]
        pairs += m
    return loss, pairs, kept
