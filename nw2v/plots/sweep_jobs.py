"""The jobs of a sweep: all their loss curves, and quality against time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nw2v.plots.figure import (
    GREY,
    INK,
    ORANGE,
    PALETTE,
    dress,
    new_figure,
    plain_text,
    token_unit,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED_CURVES = 5
"""So many jobs have a colour and a name, the best; the others are grey."""
NAMED_POINTS = 10
_POINTS_A_CURVE = 150
_CHARACTERS_AN_INCH = 12


def curves(
    histories: pd.DataFrame, panels: Sequence[tuple[str, str, str]], names: dict[int, str]
) -> Figure:
    """Draw curves of all jobs over each other.

    Parameters
    ----------
    histories : DataFrame
        Columns job, step and one a metric, as `nw2v.sweeps.histories` returns it.
    panels : sequence of (str, str, str)
        For each panel the columns of its two axes, and its title.
    names : dict of int to str
        The jobs that have a colour and a name, best first; `NAMED_CURVES` at most are taken.
    """
    figure = new_figure(5.2 * len(panels), 4.3)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    divisor, unit = token_unit(float(histories["step"].max()) if len(histories) else 0.0)
    histories = histories.assign(step=histories["step"] / divisor)
    named = list(names)[:NAMED_CURVES]
    for axes, (x, y, title) in zip(grid, panels, strict=True):
        lines = _lines(histories, x, y)
        _draw_quiet(axes, [line for job, line in lines.items() if job not in named])
        for place in range(len(named) - 1, -1, -1):  # the best on top
            if named[place] in lines:
                line = lines[named[place]]
                axes.plot(
                    line[:, 0], line[:, 1], "o-" if len(line) == 1 else "-", color=PALETTE[place],
                    linewidth=1.5, markersize=5, zorder=3,
                    label=_short(f"job {named[place]}: {names[named[place]]}", 5.2 * len(panels)),
                )  # fmt: skip
        dress(axes, title, _axis_name(x, unit), _axis_name(y))
        _limit(axes, list(lines.values()))
    handles, labels = next(
        (pair for axes in grid if (pair := axes.get_legend_handles_labels())[0]), ([], [])
    )
    if handles:
        legend = figure.legend(
            handles[::-1], labels[::-1], loc="outside lower left", frameon=False, fontsize=8,
            labelcolor=INK,
        )  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def time_and_quality(table: pd.DataFrame, metric: str) -> Figure:
    """Draw a metric by seconds of training, and the front that nothing is both faster and better.

    Parameters
    ----------
    table : DataFrame
        Columns name, seconds, quality, is_front.
    metric : str
        What the quality is.
    """
    front = table[table["is_front"]].sort_values("seconds", kind="stable")
    named = min(len(front), NAMED_POINTS)
    figure = new_figure(7.5, 4.0 + 0.17 * named)
    axes = figure.subplots()
    others = table[~table["is_front"]]
    axes.plot(others["seconds"], others["quality"], "o", color=GREY, alpha=0.5, markersize=4,
              markeredgewidth=0)  # fmt: skip
    axes.plot(front["seconds"], front["quality"], "o-", color=ORANGE, markersize=6, linewidth=1.2,
              drawstyle="steps-post")  # fmt: skip
    # More than can be named: those spread evenly along the front.
    chosen = np.unique(np.linspace(0, len(front) - 1, named).round().astype(int)).tolist()
    lines = []
    for number, place in enumerate(chosen, start=1):
        point = front.iloc[place]
        axes.annotate(
            str(number), (point["seconds"], point["quality"]), xytext=(5, 5),
            textcoords="offset points", fontsize=8, color=INK,
        )  # fmt: skip
        name = _short(str(point["name"]), 7.5)
        lines.append(f"{number}  {name}")
    seconds = table["seconds"].to_numpy(dtype=float)
    if len(seconds) and seconds.min() > 0 and seconds.max() / seconds.min() >= 10:
        axes.set_xscale("log")
    axes.margins(0.08)
    title = "Quality against time; orange: nothing is both faster and better"
    dress(axes, title, "seconds of training", metric)
    axes.yaxis.label.set_parse_math(False)
    if lines:
        below = figure.supxlabel(
            "\n".join(lines), fontsize=8, color=INK, x=0.02, ha="left", linespacing=1.4
        )
        below.set_parse_math(False)
    return figure


def _lines(histories: pd.DataFrame, x: str, y: str) -> dict[int, np.ndarray]:
    """Return each job's curve, shape (points, 2), thinned by averaging neighbours."""
    if x not in histories.columns or y not in histories.columns:
        return {}
    lines = {}
    columns = list(dict.fromkeys(["job", x, y]))
    for job, rows in histories[columns].dropna().groupby("job", sort=False):
        points = rows[[x, y]].to_numpy(dtype=float)
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            continue
        group = np.arange(len(points)) // -(-len(points) // _POINTS_A_CURVE)
        sizes = np.bincount(group)
        lines[int(str(job))] = np.column_stack(
            [np.bincount(group, weights=points[:, side]) / sizes for side in (0, 1)]
        )
    return lines


def _draw_quiet(axes: Axes, lines: list[np.ndarray]) -> None:
    from matplotlib.collections import LineCollection

    alpha = max(0.15, 0.6 / (1 + len(lines) / 20))
    axes.add_collection(LineCollection(lines, colors=GREY, linewidths=0.7, alpha=alpha))
    ends = [line[0] for line in lines if len(line) == 1]  # a line of one point cannot be seen
    if ends:
        axes.plot(*np.array(ends).T, "o", color=GREY, markersize=2, alpha=0.5)


def _limit(axes: Axes, lines: list[np.ndarray]) -> None:
    """Choose what is seen: not the beginnings, and not the jobs that went astray."""
    if not lines:
        plain_text(
            axes, 0.5, 0.5, "not measured", ha="center", transform=axes.transAxes, color=GREY
        )
        return
    everything = np.concatenate(lines)
    later = np.concatenate(
        [line[line[:, 0] >= 0.1 * line[-1, 0]] if len(line) > 2 else line for line in lines]
    )[:, 1]
    low, most = float(everything[:, 1].min()), float(np.quantile(later, 0.75))
    high = min(float(later.max()), most + 3 * (most - low))
    margin = 0.06 * (high - low) or max(0.05 * abs(low), 0.01)
    axes.set_ylim(low - margin, high + margin)
    right = float(everything[:, 0].max()) or 1.0
    axes.set_xlim(-0.02 * right, 1.03 * right)


def _axis_name(column: str, unit: str = "") -> str:
    return {
        "step": f"tokens processed{unit}",
        "train/seconds": "seconds of training",
        "train/loss": "mean a pair",
        "valid/cross_entropy": "nats a pair",
    }.get(column, column)


def _short(name: str, inches: float) -> str:
    """Cut a name that is longer than the picture is wide."""
    longest = int(_CHARACTERS_AN_INCH * inches)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
