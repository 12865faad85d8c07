"""One look for every picture: colours, sizes and axes, set on the figure and nowhere else."""

from __future__ import annotations

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
