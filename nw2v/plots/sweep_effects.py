"""What a sweep's parameters do: alone, line by line with another, and as tables of colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.plots.figure import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    dress,
    explain_lines,
    new_figure,
    plain_text,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_PANELS = 15
"""Pairs of parameters that one picture shows: those of six."""
_PARAMETERS_ABREAST = 3
_LEAST_GAP = 0.07
_LETTERED_CELLS = 60
_LABELLED_LEVELS = 12


def main_effects(
    effects: pd.DataFrame, points: pd.DataFrame, better: dict[str, str], *, jobs: int = 0
) -> Figure:
    """Draw the mean at each level of each parameter over the single jobs, a row for a metric.

    Parameters
    ----------
    effects : DataFrame
        Columns metric, parameter, level, place, is_number, is_binned, mean (NaN: none).
    points : DataFrame
        Columns metric, parameter, level, value (of the parameter, NaN if it is no number), score.
    better : dict of str to str
        For each metric "maximize" or "minimize"; the best level is marked.
    jobs : int
        How many jobs there are, for the title.
    """
    metrics = list(dict.fromkeys(effects["metric"]))
    parameters = list(dict.fromkeys(effects["parameter"]))
    # Many parameters go down the page, so that each is large enough to be read.
    is_tall = len(parameters) > _PARAMETERS_ABREAST
    if is_tall:
        figure = new_figure(0.6 + 4.2 * len(metrics), 0.5 + 2.3 * len(parameters))
        grid = figure.subplots(len(parameters), len(metrics), squeeze=False, sharey="col").T
    else:
        figure = new_figure(max(4.0, 0.6 + 2.9 * len(parameters)), 0.5 + 2.5 * len(metrics))
        grid = figure.subplots(len(metrics), len(parameters), squeeze=False, sharey="row")
    for row, metric in zip(grid, metrics, strict=True):
        for axes, parameter in zip(row, parameters, strict=True):
            here = _rows(effects, metric=metric, parameter=parameter)
            dots = _rows(points, metric=metric, parameter=parameter)
            is_first, is_last = axes is row[0], metric == metrics[-1]
            dress(
                axes, "", parameter if is_tall or is_last else "",
                metric if is_tall or is_first else "",
            )  # fmt: skip
            axes.xaxis.label.set_parse_math(False)
            axes.yaxis.label.set_parse_math(False)
            _draw_effect(axes, here, dots, better[metric])
    pale = f"; pale: the {jobs} jobs" if jobs else ""
    _head(figure, f"Mean at each value of a parameter, the others in equal parts{pale}")
    return figure


def interaction_lines(cells: pd.DataFrame, metric: str) -> Figure:
    """Draw, for each two parameters, the mean by the one with a line for each level of the other.

    Parameters
    ----------
    cells : DataFrame
        Columns first, second, first_level, second_level, first_place, second_place, mean. Not
        empty; the first `LARGEST_PANELS` pairs are drawn.
    metric : str
        What the means are of.
    """
    pairs = _pairs(cells)
    figure, grid = _panels(len(pairs), 3.9, 3.0, sharey=True)
    _head(figure, "Mean by one parameter, a line for each value of another")
    for axes, (first, second) in zip(grid, pairs, strict=False):
        here = _rows(cells, first=first, second=second)
        # The one with more levels makes the axis: fewer lines are easier to follow.
        across, along = "first", "second"
        if here["first_level"].nunique() < here["second_level"].nunique():
            across, along = along, across
        levels = here[[f"{across}_level", f"{across}_place"]].drop_duplicates()
        positions = _axis(
            axes, levels[f"{across}_level"].tolist(), levels[f"{across}_place"].tolist()
        )
        names = list(dict.fromkeys(here[f"{along}_level"]))
        for name, colour in zip(names, _shades(len(names)), strict=True):
            line = here[here[f"{along}_level"] == name].dropna(subset=["mean"])
            x = [positions[level] for level in line[f"{across}_level"]]
            axes.plot(x, line["mean"], "o-", color=colour, markersize=4, linewidth=1.4, label=name)
        across_key, along_key = (first, second) if across == "first" else (second, first)
        dress(axes, "", across_key, metric if axes in grid[:: _columns(len(pairs))] else "")
        axes.xaxis.label.set_parse_math(False)
        axes.yaxis.label.set_parse_math(False)
        if len(names) <= _LABELLED_LEVELS:
            explain_lines(axes, title=along_key)
        else:
            axes.set_title(f"lines: {along_key}", fontsize=8, color=GREY, parse_math=False)
    return figure


def heatmaps(cells: pd.DataFrame, metric: str, better: str) -> Figure:
    """Draw a table of colours for each two parameters: the better a mean, the darker.

    Parameters
    ----------
    cells, metric
        As for `interaction_lines`.
    better : {"maximize", "minimize"}
    """
    from matplotlib.colors import Normalize

    pairs = _pairs(cells)
    shown = cells[[pair in pairs for pair in zip(cells["first"], cells["second"], strict=True)]]
    figure, grid = _panels(len(pairs), 3.9, 3.0)
    _head(figure, "Mean at each two values; darker is better")
    values = shown["mean"].to_numpy(dtype=float)
    low, high = (np.nanmin(values), np.nanmax(values)) if (~np.isnan(values)).any() else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    norm = Normalize(low, high)
    colours = "Blues" if better == "maximize" else "Blues_r"
    image, rows = None, -(-len(pairs) // _columns(len(pairs)))
    digits = int(np.clip(2 - np.floor(np.log10(high - low)), 0, 5))
    for axes, (first, second) in zip(grid, pairs, strict=False):
        here = _rows(cells, first=first, second=second)
        down, right = (list(dict.fromkeys(here[f"{side}_level"])) for side in ("first", "second"))
        table = here["mean"].to_numpy(dtype=float).reshape(len(down), len(right))
        dress(axes, "", second, first)
        axes.grid(False)
        axes.set_facecolor(PALE)  # where no job has both levels
        image = axes.imshow(
            np.ma.masked_invalid(table), aspect="auto", cmap=colours, norm=norm, origin="lower"
        )
        _name_ticks(axes.xaxis, right)
        _name_ticks(axes.yaxis, down)
        axes.xaxis.label.set_parse_math(False)
        axes.yaxis.label.set_parse_math(False)
        if table.size <= _LETTERED_CELLS:
            for (i, j), value in np.ndenumerate(table):
                if not np.isnan(value):
                    share = float(norm(value)) if better == "maximize" else 1 - float(norm(value))
                    colour = "white" if share > 0.55 else INK
                    plain_text(
                        axes, j, i, f"{value:.{digits}f}", ha="center", va="center", fontsize=7,
                        color=colour,
                    )  # fmt: skip
    if image is not None:
        bar = figure.colorbar(image, ax=list(grid), shrink=0.8, aspect=25 * rows)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, colors=GREY, length=0)
        bar.set_label(metric, fontsize=9, color=GREY, parse_math=False)
    return figure


def _head(figure: Figure, title: str) -> None:
    figure.suptitle(title, fontsize=10, color=INK, x=0.01, ha="left", parse_math=False)


def _draw_effect(axes: Axes, levels: pd.DataFrame, points: pd.DataFrame, better: str) -> None:
    if bool(levels["is_binned"].any()):
        x = levels["place"].tolist()
        where = points["value"].to_numpy(dtype=float)
        if where.min() > 0 and where.max() / where.min() > 20:
            axes.set_xscale("log")
            axes.tick_params(which="minor", length=0)
    else:
        positions = _axis(
            axes, levels["level"].tolist(),
            levels["place"].tolist() if bool(levels["is_number"].all()) else None,
        )  # fmt: skip
        x = [positions[level] for level in levels["level"]]
        where = np.array([positions[level] for level in points["level"]], dtype=float)
    axes.plot(where, points["score"], "o", color=GREY, alpha=0.3, markersize=3, markeredgewidth=0)
    means = levels["mean"].to_numpy(dtype=float)
    there = ~np.isnan(means)
    axes.plot(np.array(x)[there], means[there], "o-", color=BLUE, markersize=5, linewidth=1.5)
    if there.any():
        best = int(np.nanargmax(means) if better == "maximize" else np.nanargmin(means))
        axes.plot([x[best]], [means[best]], "o", color=ORANGE, markersize=7)
    axes.margins(x=0.12, y=0.12)


def _axis(axes: Axes, levels: list[str], places: list[float] | None) -> dict[str, float]:
    """Lay levels along an axis; return where each is.

    Numbers lie where they are, on a logarithmic axis where that parts them better, and at equal
    distances where neither parts them.
    """
    numbers = np.arange(len(levels), dtype=float) if places is None else np.array(places)
    if places is not None and len(levels) > 2:
        if numbers.min() > 0 and _gap(np.log(numbers)) > max(_LEAST_GAP, _gap(numbers)):
            axes.set_xscale("log")
        elif _gap(numbers) < _LEAST_GAP:
            numbers = np.arange(len(levels), dtype=float)
    elif places is not None:
        numbers = np.arange(len(levels), dtype=float)
    if len(levels) <= _LABELLED_LEVELS:
        turn = 30 if sum(map(len, levels)) > 30 else 0
        axes.set_xticks(
            numbers, levels, parse_math=False, rotation=turn, ha="right" if turn else "center"
        )
        axes.minorticks_off()
    elif places is None or (np.diff(numbers) == 1).all():
        _name_ticks(axes.xaxis, levels)
    return dict(zip(levels, numbers.tolist(), strict=True))


def _gap(numbers: np.ndarray) -> float:
    """Return the smallest distance of neighbours, as a part of the whole."""
    ordered = np.sort(numbers)
    whole = ordered[-1] - ordered[0]
    return float(np.diff(ordered).min() / whole) if whole > 0 else 1.0


def _name_ticks(axis: Any, levels: Sequence[str]) -> None:
    """Name the places 0, 1, 2 and so on, every so many where there are many."""
    step = -(-len(levels) // _LABELLED_LEVELS)
    chosen = list(range(0, len(levels), step))
    axis.set_ticks(chosen, [levels[number] for number in chosen], parse_math=False)
    if axis.axis_name == "x" and sum(len(levels[number]) for number in chosen) > 30:
        for label in axis.get_ticklabels():
            label.set(rotation=30, ha="right")


def _pairs(cells: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(cells["first"], cells["second"], strict=True)))[:LARGEST_PANELS]


def _columns(panels: int) -> int:
    return min(3, panels)


def _panels(number: int, width: float, height: float, **shared: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure with so many panels; those that are left over are not seen."""
    columns = _columns(number)
    rows = -(-number // columns)
    figure = new_figure(0.6 + width * columns, height * rows)
    grid = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for axes in grid[number:]:
        axes.set_visible(False)
    return figure, list(grid[:number])


def _shades(number: int) -> list[Any]:
    if number <= len(PALETTE):
        return list(PALETTE[:number])
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 0.9, number)))


def _rows(table: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """Return the rows with these values."""
    for name, value in columns.items():
        table = table[table[name] == value]
    return table
