"""Compiled: what drawing and scoring held-out pairs does for every token and every pair."""

from __future__ import annotations

import numpy as np

from nw2v.jit import exact_kernel, kernel
from nw2v.kernels.stream import draw_windows


@exact_kernel
def candidates_per_sentence(text, law, key, windows, candidates):  # type: ignore[no-untyped-def]
    """Add to `candidates`, (S,), each sentence's kept words that have at least one outside word.

    `windows` needs room for the longest sentence.
    """
    for sentence in range(candidates.size):
        kept = draw_windows(text, law, key, sentence, sentence + 1, windows)
        for position in range(kept):
            if windows.last[position] - windows.first[position] > 1:
                candidates[sentence] += 1


@kernel
def pair_scores(center_vectors, outside_vectors, centers, outsides, scores):  # type: ignore[no-untyped-def]
    """Score u_o . v_c of each pair, in float64."""
    for pair in range(scores.size):
        v_c, u_o = center_vectors[centers[pair]], outside_vectors[outsides[pair]]
        score = 0.0
        for i in range(v_c.size):
            score += np.float64(v_c[i]) * np.float64(u_o[i])
        scores[pair] = score
