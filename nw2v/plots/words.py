"""Many words in a picture, drawn as shapes and where there is room for them.

Matplotlib lays out and draws a text in some milliseconds, hundreds of them in a second. The outline
of a word takes half a millisecond, once in a process, and hundreds of outlines are drawn as fast as
hundreds of dots.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 30  # characters; a longer word is not written
_POINTS_AN_INCH = 72.0
_AROUND = 2.0  # pixels that stay free around a word
_GAP = 0.03  # between a dot and its word, in inches

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


class WrittenWord(NamedTuple):
    """A word and where it is written.

    Attributes
    ----------
    word : str
    box : tuple of float
        Left, bottom, right and top in pixels of the figure.
    """

    word: str
    box: tuple[float, float, float, float]


def write_words(
    axes: Axes,
    words: Sequence[str],
    points: np.ndarray,
    sizes: np.ndarray,
    colors: Sequence[str],
) -> list[WrittenWord]:
    """Write words beside their dots, leaving out those that would cover another one.

    The limits and the place of the axes must be final, and its layout engine out of work.

    Parameters
    ----------
    axes : Axes
    words : sequence of str, length n
        Earlier ones get the better places.
    points : ndarray, shape (n, 2)
        The dots in the coordinates of the data.
    sizes : ndarray, shape (n,)
        Font sizes in points.
    colors : sequence of str, length n

    Returns
    -------
    list of WrittenWord
        Those for which there is a glyph for every character, and room.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    font, glyphs = _choose_font(words)
    figure = axes.get_figure()
    assert figure is not None
    dots_per_inch = figure.dpi
    bounds = axes.bbox
    pixels = axes.transData.transform(points)
    taken = np.empty((len(words), 4))  # left, bottom, right, top of the words that are written
    count = 0
    written: list[WrittenWord] = []
    paths, chosen_colors = [], []
    for word, place, size, color in zip(words, pixels, sizes, colors, strict=True):
        if len(word) > LONGEST or not all(ord(character) in glyphs for character in word):
            continue
        vertices, codes, extent = _outline(word, font)
        if not len(vertices):
            continue
        scale = float(size) * dots_per_inch / _POINTS_AN_INCH
        low, (width, height) = extent[:2] * scale, (extent[2:] - extent[:2]) * scale
        for left, bottom in _places_around(place, width, height, _GAP * dots_per_inch):
            right, top = left + width, bottom + height
            inside = (
                left >= bounds.x0
                and right <= bounds.x1
                and bottom >= bounds.y0
                and top <= bounds.y1
            )
            others = taken[:count]
            if inside and not np.any(
                (others[:, 0] < right)
                & (others[:, 2] > left)
                & (others[:, 1] < top)
                & (others[:, 3] > bottom)
            ):
                taken[count] = (left - _AROUND, bottom - _AROUND, right + _AROUND, top + _AROUND)
                count += 1
                written.append(WrittenWord(word, (left, bottom, right, top)))
                paths.append(Path(vertices * scale + ((left, bottom) - low), codes))
                chosen_colors.append(color)
                break
    collection = PathCollection(paths, facecolors=chosen_colors, linewidths=0)
    # What is a pixel now is to grow with the figure's resolution.
    per_pixel = Affine2D().scale(1.0 / dots_per_inch)
    collection.set_transform(per_pixel + figure.dpi_scale_trans)
    collection.set_clip_on(False)
    axes.add_artist(collection)
    return written


@lru_cache(maxsize=4096)  # the jobs of a sweep mostly draw the same words
def _outline(word: str, font_file: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vertices and codes of a word of one point's size, and its extent."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    found = text_to_path.get_text_path(FontProperties(fname=font_file), word, ismath=False)
    vertices = np.asarray(found[0], dtype=np.float64).reshape(-1, 2) / text_to_path.FONT_SCALE
    codes = np.asarray(found[1], dtype=np.uint8)
    if not len(vertices):
        return vertices, codes, np.zeros(4)
    return vertices, codes, np.concatenate([vertices.min(axis=0), vertices.max(axis=0)])


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
    """Return the file of the font that can write most of the words, and its characters."""
    from matplotlib import font_manager

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    best: tuple[str, Any] = ("", {})
    most = -1
    for name in _FONTS:
        if name not in installed:
            continue
        file = font_manager.findfont(name)  # the regular one of the family
        glyphs = font_manager.get_font(file).get_charmap()
        writable = sum(all(ord(c) in glyphs for c in word) for word in words)
        if writable > most:
            best, most = (file, glyphs), writable
        if writable >= 0.9 * len(words):
            break
    return best
