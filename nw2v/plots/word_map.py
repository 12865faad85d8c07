"""The most frequent words on a plane: a first look at what vectors have learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.errors import InputError
from nw2v.plots.figure import BLUE, GREY, INK, PALE, dress, new_figure, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Asked in this order for the glyphs of the words; the first comes with Matplotlib.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Arial Unicode MS",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
)


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

    figure = new_figure(9.0, 7.4)
    axes = figure.subplots()
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
    _label(figure, axes, shown, points, weight)
    return figure


def _between_0_and_1(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.ones_like(values) if high <= low else (values - low) / (high - low)


def _label(
    figure: Figure, axes: Axes, words: Sequence[str], points: np.ndarray, weight: np.ndarray
) -> None:
    """Write the words beside their dots, leaving out those that would cover another one."""
    # Where the axes lie is known only once the layout has been made.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    family, glyphs = _choose_font(words)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    bounds = axes.get_window_extent(renderer)
    pixels = axes.transData.transform(points)
    to_data = axes.transData.inverted()
    gap = 0.03 * figure.dpi
    taken = np.empty((0, 4))  # left, bottom, right, top of the words that are written
    for word, place, strength in zip(words, pixels, weight, strict=True):
        if not all(ord(character) in glyphs for character in word) or len(word) > 30:
            continue
        size = 6.0 + 4.0 * float(strength)
        text = plain_text(
            axes, 0, 0, word, fontsize=size, family=family, color=INK if strength > 0.35 else GREY
        )
        box = text.get_window_extent(renderer)
        for corner in _places_around(place, box.width, box.height, gap):
            left, bottom = corner
            right, top = left + box.width, bottom + box.height
            inside = (
                left >= bounds.x0
                and right <= bounds.x1
                and bottom >= bounds.y0
                and top <= bounds.y1
            )
            is_free = not np.any(
                (taken[:, 0] < right)
                & (taken[:, 2] > left)
                & (taken[:, 1] < top)
                & (taken[:, 3] > bottom)
            )
            if inside and is_free:
                taken = np.vstack([taken, (left - 1, bottom - 1, right + 1, top + 1)])
                # The extent of a text with descenders starts below its anchor.
                shift = np.array([left - box.x0, bottom - box.y0])
                anchor = axes.transData.transform(text.get_position())
                text.set_position(tuple(to_data.transform(anchor + shift)))
                break
        else:
            text.remove()


def _places_around(
    place: np.ndarray, width: float, height: float, gap: float
) -> list[tuple[float, float]]:
    """Return lower left corners for a text at a dot: above, below, right, left."""
    x, y = float(place[0]), float(place[1])
    return [
        (x - width / 2, y + gap),
        (x - width / 2, y - gap - height),
        (x + gap, y - height / 2),
        (x - gap - width, y - height / 2),
    ]


def _choose_font(words: Sequence[str]) -> tuple[str, Any]:
    """Return the font that can write most of the words, and the characters that it has."""
    from matplotlib import font_manager

    installed = {entry.name: entry.fname for entry in font_manager.fontManager.ttflist}
    best: tuple[str, Any] = (_FONTS[0], {})
    most = -1
    for name in _FONTS:
        if name not in installed:
            continue
        glyphs = font_manager.get_font(installed[name]).get_charmap()
        writable = sum(all(ord(c) in glyphs for c in word) for word in words)
        if writable > most:
            best, most = (name, glyphs), writable
        if writable >= 0.9 * len(words):
            break
    return best
