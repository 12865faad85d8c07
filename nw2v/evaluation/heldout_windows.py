"""Compiled: what drawing and scoring held-out pairs does for every token and every logit."""

from __future__ import annotations

import numpy as np

from nw2v.jit import exact_kernel, kernel
from nw2v.kernels.stream import draw_windows


@exact_kernel
def candidates_per_sentence(text, law, key, windows):  # type: ignore[no-untyped-def]
    """Count the kept words of each sentence that have at least one outside word, (S,) int64.

    `windows` needs room for the longest sentence.
    """
    sentences = text.offsets.size - 1
    candidates = np.zeros(sentences, dtype=np.int64)
    for sentence in range(sentences):
        kept = draw_windows(text, law, key, sentence, sentence + 1, windows)
        for position in range(kept):
            if windows.last[position] - windows.first[position] > 1:
                candidates[sentence] += 1
    return candidates


@kernel
def sum_in_float64(values):  # type: ignore[no-untyped-def]
    """Sum of float32 numbers, accumulated in float64."""
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total
