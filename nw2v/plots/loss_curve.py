"""How training and held-out loss fell, from the history of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nw2v.errors import InputError
from nw2v.plots.figure import BLUE, GREY, INK, ORANGE, dress, new_figure, plain_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAIN = "train/loss"
_VALID = "valid/loss"
_ENTROPY = "valid/cross_entropy"
_ERROR = "valid/cross_entropy_standard_error"
_UNIGRAM = "valid/cross_entropy_unigram"


def loss_curve(history: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw the loss by tokens processed, and beside it the held-out cross-entropy.

    Parameters
    ----------
    history : DataFrame
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
    if "step" not in history.columns:
        raise InputError(
            f"the history has no column 'step', only {', '.join(map(str, history.columns))}"
        )
    has_entropy = not _measured(history, _ENTROPY).empty
    figure = new_figure(10.0 if has_entropy else 6.0, 3.9)
    panels = figure.subplots(1, 2 if has_entropy else 1, squeeze=False)[0]
    last_step = float(history["step"].max()) if len(history) else 0.0
    divisor, unit = _unit(last_step)
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
    if last_step > 0:
        for axes in panels:
            axes.set_xlim(-0.03 * last_step / divisor, 1.04 * last_step / divisor)
    if title:
        figure.suptitle(title, fontsize=11, color=INK, x=0.01, ha="left", parse_math=False)
    return figure


def _measured(history: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows in which a metric has a finite value, by step."""
    import numpy as np

    if column not in history.columns:
        return history.iloc[:0]
    finite = np.isfinite(history[column].to_numpy(dtype=float, na_value=np.nan))
    return history[finite].sort_values("step", kind="stable")


def _unit(largest: float) -> tuple[float, str]:
    for divisor, name in ((1e9, ", billions"), (1e6, ", millions"), (1e3, ", thousands")):
        if largest >= 2 * divisor:
            return divisor, name
    return 1.0, ""


def _draw_loss(axes: Axes, history: pd.DataFrame, divisor: float) -> None:
    import numpy as np

    train, valid = _measured(history, _TRAIN), _measured(history, _VALID)
    if len(train):
        step, loss = train["step"].to_numpy() / divisor, train[_TRAIN].to_numpy(dtype=float)
        width = 2 * (len(train) // 80) + 1  # odd, so that the mean stays where it belongs
        if width > 1:  # Many reports: the single ones pale, their mean on top.
            axes.plot(step, loss, color=BLUE, linewidth=0.8, alpha=0.3)
            kernel = np.ones(width)
            mean = np.convolve(loss, kernel, "same") / np.convolve(
                np.ones_like(loss), kernel, "same"
            )
            axes.plot(step, mean, color=BLUE, linewidth=1.8, label="training")
        else:
            marker = "o" if len(train) < 12 else ""
            axes.plot(
                step, loss, color=BLUE, linewidth=1.8, marker=marker, markersize=4, label="training"
            )
        # The first reports, from before anything is learnt, would press the rest flat.
        settled = loss[len(loss) // 50 :]
        margin = 0.08 * (float(settled.max() - settled.min()) or 1.0)
        top = float(settled.max()) + margin
        if len(valid):
            top = max(top, float(valid[_VALID].max()) + margin)
        if loss.max() > top + 4 * margin:
            axes.set_ylim(top=top)
    if len(valid):
        axes.plot(
            valid["step"] / divisor,
            valid[_VALID],
            color=ORANGE,
            linewidth=1.5,
            marker="o",
            markersize=4,
            label="held out",
        )
    if len(train) and len(valid):
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    if not len(train) and not len(valid):
        plain_text(
            axes,
            0.5,
            0.5,
            "no loss was reported",
            color=GREY,
            ha="center",
            transform=axes.transAxes,
        )


def _draw_entropy(axes: Axes, history: pd.DataFrame, divisor: float) -> None:
    rows = _measured(history, _ENTROPY)
    step = rows["step"] / divisor
    errors = rows[_ERROR] if _ERROR in rows.columns and rows[_ERROR].notna().all() else None
    axes.errorbar(
        step,
        rows[_ENTROPY],
        yerr=errors,
        color=ORANGE,
        linewidth=1.8,
        marker="o",
        markersize=4,
        capsize=3,
        elinewidth=1,
        label="this run" if errors is None else "this run, ± its standard error",
    )
    last = rows.iloc[-1]
    above = float(last[_ENTROPY]) + (0.0 if errors is None else float(errors.iloc[-1]))
    axes.annotate(
        f"{last[_ENTROPY]:.3f}",
        (float(last["step"]) / divisor, above),
        xytext=(0, 6),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=ORANGE,
    )
    unigram = _measured(history, _UNIGRAM)
    if len(unigram):
        level = float(unigram[_UNIGRAM].iloc[-1])
        axes.axhline(
            level,
            color=GREY,
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            label=f"knows only word frequencies: {level:.3f}",
        )
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    axes.margins(y=0.14)
