"""Compiled: what drawing and scoring held-out pairs does for every token and every pair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit import exact_kernel, kernel
from nw2v.kernels.stream import draw_windows


class ChosenPairs(NamedTuple):
    """Center words that were chosen, with their outside words."""

    centers: np.ndarray  # (C,) int32
    offsets: np.ndarray  # (C + 1,) int64: where the outside words of each begin
    outsides: np.ndarray  # int32, with room for all


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


@exact_kernel
def copy_chosen(text, law, key, windows, sentences, chosen, pairs):  # type: ignore[no-untyped-def]
    """Copy the windows of some kept words that have at least one outside word: candidates.

    Parameters
    ----------
    text, law, key, windows
        As for `candidates_per_sentence`.
    sentences, chosen : (C,) int64
        The sentence of each, and its number among the candidates there: both in rising order.
    pairs : ChosenPairs
        Filled, `offsets` after its first.
    """
    drawn, number, position, copied = -1, -1, -1, 0
    for c in range(chosen.size):
        if sentences[c] != drawn:
            drawn, number, position = sentences[c], -1, -1
            draw_windows(text, law, key, drawn, drawn + 1, windows)
        while number < chosen[c]:
            position += 1
            number += windows.last[position] - windows.first[position] > 1
        for k in range(windows.first[position], windows.last[position]):
            if k != position:
                pairs.outsides[copied] = windows.words[k]
                copied += 1
        pairs.centers[c] = windows.words[position]
        pairs.offsets[c + 1] = copied


@kernel
def pair_scores(center_vectors, outside_vectors, centers, outsides, scores):  # type: ignore[no-untyped-def]
    """Score u_o . v_c of each pair, in float64."""
    for pair in range(scores.size):
        v_c, u_o = center_vectors[centers[pair]], outside_vectors[outsides[pair]]
        score = 0.0
        for i in range(v_c.size):
            score += np.float64(v_c[i]) * np.float64(u_o[i])
        scores[pair] = score
