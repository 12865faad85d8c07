"""Between the matrix products of exact training: logits of a tile of words become residuals.

A block of B center words c, each with its expected co-occurrence counts n_co and their sum n_c, has
the logits x_cw = u_w . v_c. A residual is the derivative of the block's loss by a logit, so that

    dJ/dV = R U        dJ/dU = R^T V

Naive softmax:      J_c = n_c log sum_w exp(x_cw) - sum_o n_co x_co
                    R_cw = n_c y-hat_cw - n_cw
Negative sampling:  J_c = sum_o n_co softplus(-x_co) + K n_c sum_w P(w) softplus(x_cw)
                    R_cw = K n_c P(w) sigma(x_cw) - n_cw sigma(-x_cw)

(docs/derivations.md.) A tile holds the logits of all centers of the block for some neighbouring
words; counts come as compressed sparse rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.compile import kernel
from nw2v.kernels.logit_sums import exp_of, largest_of, log1p_of

# Terms that are added in float32, before sums go on in float64.
_RUN = 128
_ZERO, _ONE = np.float32(0), np.float32(1)


class Counts(NamedTuple):
    """Expected co-occurrence counts of all center words, as compressed sparse rows."""

    offsets: np.ndarray  # (V + 1,) int64: the entries of word c are offsets[c] ... offsets[c + 1]
    words: np.ndarray  # int32: the outside words of each entry, rising within a row
    counts: np.ndarray  # float32: n_co
    row_sums: np.ndarray  # (V,) float64: n_c


@kernel
def _first_entry(counts, center, word):
    """Find the first entry of a center's row whose outside word is not below `word`."""
    low, high = counts.offsets[center], counts.offsets[center + 1]
    while low < high:
        middle = (low + high) >> 1
        if counts.words[middle] < word:
            low = middle + 1
        else:
            high = middle
    return low


# Loops over whole slices, which LLVM vectorises.


@kernel
def _exponentials(x, top):
    """Replace x by exp(x - top): their sum."""
    total = _ZERO
    for i in range(x.size):
        value = exp_of(x[i] - top)
        x[i] = value
        total += value
    return total


@kernel
def _expected_pushes(x, noise, weight):
    """Replace x by weight P sigma(x): the sum of P softplus(x)."""
    total = _ZERO
    for i in range(x.size):
        e = exp_of(-abs(x[i]))
        total += noise[i] * (max(x[i], _ZERO) + log1p_of(e))
        x[i] = weight * noise[i] * ((_ONE if x[i] > _ZERO else e) / (_ONE + e))
    return total


@kernel
def softmax_exponentials(logits, centers, first, counts, largest, totals, attained):
    """Turn the logits of a tile into exponentials, relative to the largest of each row.

    Parameters
    ----------
    logits : (B, n) float32
        x of words first ... first + n - 1; becomes exp(x - largest).
    centers : (B,) int32
        The center words.
    first : int
    counts : Counts
    largest : (B,) float32
        Receives the largest logit of each row.
    totals : (B,) float64
        Receives the sum of each row's exponentials.
    attained : (B,) float64
        Receives sum_o n_co x_co over the tile's words.
    """
    n = logits.shape[1]
    for b in range(logits.shape[0]):
        x = logits[b]
        score = 0.0
        for k in range(_first_entry(counts, centers[b], first), counts.offsets[centers[b] + 1]):
            place = counts.words[k] - first
            if place >= n:
                break
            score += np.float64(counts.counts[k]) * np.float64(x[place])
        attained[b] = score
        top = largest_of(x)
        largest[b] = top
        total = 0.0
        for start in range(0, n, _RUN):
            total += np.float64(_exponentials(x[start : start + _RUN], top))
        totals[b] = total


@kernel
def softmax_residuals(exponentials, centers, first, counts, factors):
    """Turn the exponentials of a tile into residuals.

    Parameters
    ----------
    exponentials : (B, n) float32
        Becomes factor * exponential - n_cw.
    centers, first, counts
        As for `softmax_exponentials`.
    factors : (B,) float32
        n_c / sum over the vocabulary, at the scale of this tile's exponentials.
    """
    n = exponentials.shape[1]
    for b in range(exponentials.shape[0]):
        row, factor = exponentials[b], factors[b]
        for i in range(n):
            row[i] *= factor
        for k in range(_first_entry(counts, centers[b], first), counts.offsets[centers[b] + 1]):
            place = counts.words[k] - first
            if place >= n:
                break
            row[place] -= counts.counts[k]


@kernel
def sampling_residuals(logits, centers, first, counts, noise, weights, pulls, losses):
    """Turn the logits of a tile into the residuals of negative sampling, in expectation.

    Parameters
    ----------
    logits : (B, n) float32
        x of words first ... first + n - 1; becomes the residuals.
    centers, first, counts
        As for `softmax_exponentials`.
    noise : (n,) float32
        P of the tile's words.
    weights : (B,) float32
        K n_c.
    pulls : (n,) float32
        Scratch memory.
    losses : (B,) float64
        Receives the part of J_c that the tile's words have.
    """
    n = logits.shape[1]
    for b in range(logits.shape[0]):
        x, weight = logits[b], weights[b]
        begin, end = _first_entry(counts, centers[b], first), counts.offsets[centers[b] + 1]
        loss = 0.0
        for k in range(begin, end):
            place = counts.words[k] - first
            if place >= n:
                end = k
                break
            y = x[place]
            e = exp_of(-abs(y))
            below = (e if y > _ZERO else _ONE) / (_ONE + e)
            pulls[k - begin] = counts.counts[k] * below
            loss += np.float64(counts.counts[k] * (max(-y, _ZERO) + log1p_of(e)))
        for start in range(0, n, _RUN):
            part = _expected_pushes(x[start : start + _RUN], noise[start : start + _RUN], weight)
            loss += np.float64(weight) * np.float64(part)
        for k in range(begin, end):
            x[counts.words[k] - first] -= pulls[k - begin]
        losses[b] = loss
