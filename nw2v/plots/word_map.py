"""The most frequent words on a plane: a first look at what vectors have learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from nw2v.errors import InputError
from nw2v.plots.figure import BLUE, GREY, INK, PALE, dress, new_figure
from nw2v.plots.words import write_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches around the axes, which hold the title and two labels.
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.35, 0.1, 0.35, 0.4


def project(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project directions onto the plane in which they differ most (principal components).

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
        Word vectors; only their directions count. A zero vector stays zero.

    Returns
    -------
    points : ndarray, shape (n, 2), float64
        Coordinates of the centered unit vectors along the first two components. The component's
        largest coefficient is positive, so that the same vectors give the same picture.
    share : ndarray, shape (2,), float64
        Part of the variance that each of the two holds.
    """
    directions = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    directions = np.divide(directions, norms, out=np.zeros_like(directions), where=norms > 0)
    directions -= directions.mean(axis=0)
    # Threads of BLAS would spend more time on waiting for each other than on so few numbers.
    with threadpool_limits(limits=1, user_api="blas"):
        _, singular, components = np.linalg.svd(directions, full_matrices=False)
    components, kept = components[:2], singular[:2]
    largest = np.argmax(np.abs(components), axis=1)
    components = components * np.sign(components[np.arange(len(components)), largest])[:, None]
    points = np.zeros((len(directions), 2))
    points[:, : len(components)] = directions @ components.T
    share = np.zeros(2)
    total = float(np.sum(singular**2))
    if total > 0:
        share[: len(kept)] = kept**2 / total
    return points, share


def word_map(
    words: Sequence[str],
    vectors: np.ndarray,
    counts: np.ndarray | None = None,
    *,
    top: int = 400,
    title: str = "",
) -> Figure:
    """Draw the most frequent words where their vectors lie on the first two components.

    Every word is a dot, larger if it is more frequent; words are written as long as there is
    room for them, the most frequent first.

    Parameters
    ----------
    words : sequence of str
        The vocabulary.
    vectors : ndarray, shape (V, d)
        A vector a word.
    counts : ndarray, shape (V,), optional
        How often each word occurs. If not given, the words are taken to be in falling order.
    top : int
        How many words are shown.
    title : str
        A line over the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the lengths differ, or there is no word, or a vector is not finite.
    """
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise InputError(
            f"a word map needs a vector a word: got {len(words)} words and vectors of shape "
            f"{vectors.shape}"
        )
    if counts is not None and np.shape(counts) != (len(words),):
        raise InputError(f"got counts of shape {np.shape(counts)} for {len(words)} words")
    if len(words) == 0 or top < 1:
        raise InputError("a word map needs at least one word")
    order = np.arange(len(words)) if counts is None else np.argsort(-counts, kind="stable")
    order = order[:top]
    if not np.isfinite(vectors[order]).all():
        raise InputError("the vectors hold NaN or infinite values")
    points, share = project(vectors[order])
    shown = [words[i] for i in order]
    frequencies = 1.0 / np.arange(1, len(order) + 1) if counts is None else counts[order]

    width, height = 9.0, 7.4
    # Words are placed by the pixel, so the place of the axes must be known before it is drawn.
    figure = new_figure(width, height, has_layout=False)
    axes = figure.add_axes(
        (
            *(_LEFT / width, _BOTTOM / height),
            *(1 - (_LEFT + _RIGHT) / width, 1 - (_BOTTOM + _TOP) / height),
        )
    )
    weight = _between_0_and_1(np.log(np.maximum(frequencies, 1e-12)))
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=6 + 44 * weight**2,
        color=BLUE,
        alpha=0.45,
        linewidths=0,
    )
    heading = title or f"The {len(order):,} most frequent words, by the direction of their vectors"
    dress(
        axes,
        heading,
        f"first principal component ({share[0]:.0%} of the variance)",
        f"second ({share[1]:.0%})",
    )
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.axhline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.margins(0.06)
    axes.autoscale_view()
    colors = [INK if strength > 0.35 else GREY for strength in weight]
    write_words(axes, shown, points, 6.0 + 4.0 * weight, colors)
    return figure


def _between_0_and_1(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.ones_like(values) if high <= low else (values - low) / (high - low)
