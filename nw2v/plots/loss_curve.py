"""How training and held-out loss fell, from the history of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

from nw2v.errors import InputError
from nw2v.plots.figure import BLUE, GREY, INK, ORANGE, dress, new_figure, plain_text, token_unit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History: TypeAlias = Union["pd.DataFrame", Mapping[str, Sequence[float]]]

_TRAIN = "train/loss"
_VALID = "valid/loss"
_ENTROPY = "valid/cross_entropy"
_ERROR = "valid/cross_entropy_standard_error"
_UNIGRAM = "valid/cross_entropy_unigram"

# Inches around the panels, for their labels, and between two of them.
_LEFT, _RIGHT, _BOTTOM, _TOP, _TITLE, _BETWEEN = 0.7, 0.1, 0.55, 0.35, 0.3, 0.8


def loss_curve(history: History, *, title: str = "") -> Figure:
    """Draw the loss by tokens processed, and beside it the held-out cross-entropy.

    Parameters
    ----------
    history : DataFrame, or mapping of str to columns of one length
        A column `step` (tokens processed) and any of `train/loss`, `valid/loss`,
        `valid/cross_entropy` with its `_standard_error` and `_unigram`; empty cells where a
        metric was not measured.
    title : str
        A line over the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no column `step`.
    """
    if "step" not in history:
        raise InputError(f"the history has no column 'step', only {', '.join(map(str, history))}")
    has_entropy = bool(len(_measured(history, _ENTROPY)[0]))
    width, height = 10.0 if has_entropy else 6.0, 3.9
    figure = new_figure(width, height, has_layout=False)
    figure.subplots_adjust(
        left=_LEFT / width,
        right=1 - _RIGHT / width,
        bottom=_BOTTOM / height,
        top=1 - (_TOP + (_TITLE if title else 0.0)) / height,
        wspace=_BETWEEN / ((width - _LEFT - _RIGHT - _BETWEEN) / 2),
    )
    panels = figure.subplots(1, 2 if has_entropy else 1, squeeze=False)[0]
    last_step = max(map(float, history["step"]), default=0.0)
    divisor, unit = token_unit(last_step)
    _draw_loss(panels[0], history, divisor)
    dress(panels[0], "Loss, its own units", f"tokens processed{unit}", "mean a pair")
    if has_entropy:
        _draw_entropy(panels[1], history, divisor)
        dress(
            panels[1],
            "Held-out cross-entropy of the normalised model",
            f"tokens processed{unit}",
            "nats a pair",
        )
    for axes in panels:
        axes.locator_params(nbins=6)  # each costs milliseconds
        if last_step > 0:
            axes.set_xlim(-0.03 * last_step / divisor, 1.04 * last_step / divisor)
    if title:
        figure.suptitle(
            title, fontsize=11, color=INK, x=0.01, y=0.985, va="top", ha="left", parse_math=False
        )
    return figure


def _measured(history: History, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and values, where a metric has a finite value, by step."""
    if column not in history:
        return np.empty(0), np.empty(0)
    steps = np.asarray(history["step"], dtype=float)
    values = np.asarray(history[column], dtype=float)
    finite = np.flatnonzero(np.isfinite(values))
    order = finite[np.argsort(steps[finite], kind="stable")]
    return steps[order], values[order]


def _draw_loss(axes: Axes, history: History, divisor: float) -> None:
    step, loss = _measured(history, _TRAIN)
    valid_step, valid = _measured(history, _VALID)
    if len(loss):
        step = step / divisor
        width = 2 * (len(loss) // 80) + 1  # odd, so that the mean stays where it belongs
        if width > 1:  # Many reports: the single ones pale, their mean on top.
            axes.plot(step, loss, color=BLUE, linewidth=0.8, alpha=0.3)
            kernel = np.ones(width)
            mean = np.convolve(loss, kernel, "same") / np.convolve(
                np.ones_like(loss), kernel, "same"
            )
            axes.plot(step, mean, color=BLUE, linewidth=1.8, label="training")
        else:
            marker = "o" if len(loss) < 12 else ""
            axes.plot(
                step, loss, color=BLUE, linewidth=1.8, marker=marker, markersize=4, label="training"
            )
        # The first reports, from before anything is learnt, would press the rest flat.
        settled = loss[len(loss) // 50 :]
        margin = 0.08 * (float(settled.max() - settled.min()) or 1.0)
        top = float(settled.max()) + margin
        if len(valid):
            top = max(top, float(valid.max()) + margin)
        if loss.max() > top + 4 * margin:
            axes.set_ylim(top=top)
    if len(valid):
        axes.plot(
            valid_step / divisor,
            valid,
            color=ORANGE,
            linewidth=1.5,
            marker="o",
            markersize=4,
            label="held out",
        )
    if len(loss) and len(valid):
        # Where a falling curve leaves room; looking for the best place takes long.
        axes.legend(loc="upper right", frameon=False, fontsize=8, labelcolor=INK)
    if not len(loss) and not len(valid):
        plain_text(
            axes,
            0.5,
            0.5,
            "no loss was reported",
            color=GREY,
            ha="center",
            transform=axes.transAxes,
        )


def _draw_entropy(axes: Axes, history: History, divisor: float) -> None:
    step, entropy = _measured(history, _ENTROPY)
    step = step / divisor
    error_step, errors = _measured(history, _ERROR)
    has_errors = np.array_equal(error_step / divisor, step)
    axes.errorbar(
        step,
        entropy,
        yerr=errors if has_errors else None,
        color=ORANGE,
        linewidth=1.8,
        marker="o",
        markersize=4,
        capsize=3,
        elinewidth=1,
        label="this run, ± its standard error" if has_errors else "this run",
    )
    last = float(entropy[-1])
    axes.annotate(
        f"{last:.3f}",
        (float(step[-1]), last + (float(errors[-1]) if has_errors else 0.0)),
        xytext=(0, 6),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=ORANGE,
    )
    _, unigram = _measured(history, _UNIGRAM)
    if len(unigram):
        level = float(unigram[-1])
        axes.axhline(
            level,
            color=GREY,
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            label=f"knows only word frequencies: {level:.3f}",
        )
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    axes.margins(y=0.14)
