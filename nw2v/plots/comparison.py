"""What a comparison of systems found: scores with intervals, loss by time, norms by frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nw2v.plots.figure import GREY, INK, PALETTE, dress, explain_lines, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COLOURS = PALETTE


def score_intervals(summary: pd.DataFrame) -> Figure:
    """Draw each system's mean of each metric with its interval, a panel for a metric.

    Parameters
    ----------
    summary : DataFrame
        Columns system, vectors, metric, mean, low, high (NaN: no interval).
    """
    panels = list(dict.fromkeys(zip(summary["metric"], summary["vectors"], strict=True)))
    systems = list(dict.fromkeys(summary["system"]))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.2 * columns, (1.1 + 0.32 * len(systems)) * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (metric, vectors) in zip(grid, panels, strict=False):
        here = summary[(summary["metric"] == metric) & (summary["vectors"] == vectors)]
        for row in here.itertuples():
            place = len(systems) - 1 - systems.index(row.system)
            colour = COLOURS[systems.index(row.system) % len(COLOURS)]
            if not np.isnan(row.low):
                axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2)
            axes.plot([row.mean], [place], "o", color=colour, markersize=5)
        where = {"model": "", "center": ", V", "sum": ", V + U"}.get(vectors, f", {vectors}")
        dress(axes, f"{metric}{where}")
        axes.set_ylim(-0.6, len(systems) - 0.4)
        axes.margins(x=0.15)
    for number, axes in enumerate(grid):
        if number >= len(panels):
            axes.set_visible(False)
        elif number % columns == 0:
            axes.set_yticks(
                np.arange(len(systems))[::-1], systems, fontsize=8, color=INK, parse_math=False
            )
        else:
            axes.set_yticks([])
    return figure


def entropy_by_time(curves: pd.DataFrame, unigram: float) -> Figure:
    """Draw the held-out cross-entropy by seconds of training, the mean over seeds of each system.

    Parameters
    ----------
    curves : DataFrame
        Columns system, seed, epoch, seconds, cross_entropy.
    unigram : float
        What word frequencies alone give: a line.
    """
    figure = new_figure(8.0, 4.2)
    axes = figure.subplots()
    names = list(dict.fromkeys(curves["system"]))
    mean = curves.groupby(["system", "epoch"], sort=False)[["seconds", "cross_entropy"]].mean()
    highest = unigram
    for name, colour in zip(names, np.resize(np.array(COLOURS), len(names)), strict=True):
        passes = mean.loc[name].sort_index().iloc[1:]
        axes.plot(
            passes["seconds"], passes["cross_entropy"], "o-", color=str(colour), markersize=3,
            linewidth=1.4, label=name,
        )  # fmt: skip
        highest = max(highest, float(passes["cross_entropy"].iloc[-1]))
    axes.axhline(unigram, color=GREY, linewidth=1, linestyle=":", label="word frequencies alone")
    lowest = float(mean["cross_entropy"].min())
    margin = 0.08 * (highest - lowest) or 0.1
    axes.set_ylim(lowest - margin, highest + 2 * margin)
    dress(axes, "Held-out cross-entropy by time", "seconds of training", "nats a pair")
    explain_lines(axes)
    return figure


def norms_by_frequency(norms: pd.DataFrame) -> Figure:
    """Draw mean lengths of vectors by the frequency of their words, V and U apart.

    Parameters
    ----------
    norms : DataFrame
        Columns system, vectors ("center", "outside"), least_count, mean_norm.
    """
    figure = new_figure(9.0, 3.6)
    panels = figure.subplots(1, 2)
    names = list(dict.fromkeys(norms["system"]))
    for axes, vectors in zip(panels, ("center", "outside"), strict=True):
        for name, colour in zip(names, np.resize(np.array(COLOURS), len(names)), strict=True):
            here = norms[(norms["system"] == name) & (norms["vectors"] == vectors)]
            axes.plot(
                here["least_count"], here["mean_norm"], "o-", color=str(colour), markersize=3,
                linewidth=1.4, label=name,
            )  # fmt: skip
        axes.set_xscale("log")
        dress(axes, f"Mean length of {vectors} vectors", "occurrences of the word", "")
    explain_lines(panels[0])
    return figure
