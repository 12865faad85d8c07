"""One look for every picture: colours, sizes and axes, set on the figure and nowhere else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), Color universal design: told apart with any kind of colour vision.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREEN = "#009E73"
GREY = "#6B7280"
PALE = "#E5E7EB"
INK = "#1F2937"
# For many lines: the other colours of Okabe and Ito come after the usual ones.
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", INK, GREY)

DOTS_PER_INCH = 150


def new_figure(width: float, height: float, *, has_layout: bool = True) -> Figure:
    """Return an empty figure of a size in inches that needs no window system and no pyplot.

    With `has_layout`, what labels need around the axes is found out when the figure is drawn,
    which takes longer than drawing; without, the caller gives the axes their place.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    figure.set_layout_engine("constrained" if has_layout else "none")
    FigureCanvasAgg(figure)
    return figure


PNG_OPTIONS = {"compress_level": 3}
"""Of Pillow, whose own level takes a third longer for files that are no smaller."""


def png(figure: Figure) -> bytes:
    """Return a figure that `new_figure` made as a PNG file, byte for byte as its `savefig` would.

    That goes through the whole figure twice to lay it out before it draws it.
    """
    buffer = io.BytesIO()
    canvas: Any = figure.canvas
    canvas.print_png(buffer, pil_kwargs=dict(PNG_OPTIONS))
    return buffer.getvalue()


def dress(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """Give axes their title and labels, a quiet grid and no box."""
    axes.set_title(title, loc="left", fontsize=10, color=INK, pad=8, parse_math=False)
    axes.set_xlabel(x, fontsize=9, color=GREY)
    axes.set_ylabel(y, fontsize=9, color=GREY)
    axes.tick_params(labelsize=8, colors=GREY, length=0)
    axes.grid(True, color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GREY)


def plain_text(axes: Axes, x: float, y: float, text: str, **style: Any) -> Any:
    """Write a text as it is: a dollar sign in a word is not the start of a formula."""
    return axes.text(x, y, text, parse_math=False, **style)


def explain_lines(axes: Axes, title: str | None = None) -> None:
    """Name the lines in a legend; a dollar sign in a name is not the start of a formula."""
    legend = axes.legend(
        fontsize=8, labelcolor=INK, title=title, facecolor="white", edgecolor="none",
        framealpha=0.0 if title is None else 0.75,
    )  # fmt: skip
    legend.get_title().set(fontsize=8, color=GREY, parse_math=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def token_unit(largest: float) -> tuple[float, str]:
    """Return by what a number of tokens is divided on an axis, and how that is said."""
    for divisor, name in ((1e9, ", billions"), (1e6, ", millions"), (1e3, ", thousands")):
        if largest >= 2 * divisor:
            return divisor, name
    return 1.0, ""
