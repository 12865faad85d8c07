"""Which relations vectors answer, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nw2v.errors import InputError
from nw2v.plots.figure import BLUE, GREY, INK, PALE, dress, new_figure, plain_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def analogy_bars(sections: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw a bar a section: the part of its questions that was answered rightly, best first.

    Behind it, pale, the part that could be answered at all; in figures, the accuracy over those.

    Parameters
    ----------
    sections : DataFrame
        Columns `section` and `accuracy` (0 to 1; NaN where no question could be answered), and
        if known `coverage` (0 to 1) and `questions` (how many could be answered).
    title : str
        A line over the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If a column is missing or there is no section.
    """
    missing = [name for name in ("section", "accuracy") if name not in sections.columns]
    if missing or not len(sections):
        what = f"columns {' and '.join(missing)}" if missing else "sections"
        raise InputError(f"the table of analogy scores has no {what}")
    rows = sections.sort_values("accuracy", kind="stable", na_position="first")
    names = [str(name) for name in rows["section"]]
    accuracy = rows["accuracy"].to_numpy(dtype=float, na_value=np.nan)
    figure = new_figure(7.5, 1.2 + 0.27 * len(rows))
    axes = figure.subplots()
    place = np.arange(len(rows))
    right = np.nan_to_num(accuracy)
    if "coverage" in rows.columns:
        coverage = rows["coverage"].to_numpy(dtype=float, na_value=np.nan)
        axes.barh(place, coverage, height=0.72, color=PALE, label="all words known")
        right = right * np.nan_to_num(coverage)
    axes.barh(place, right, height=0.72, color=BLUE, label="answered rightly")
    for y, value in zip(place, accuracy, strict=True):
        text = "not covered" if np.isnan(value) else f"{value:.1%}"
        if "questions" in rows.columns and not np.isnan(value):
            text += f"  of {int(rows['questions'].iloc[y]):,}"
        plain_text(axes, 1.02, float(y), text, fontsize=8, color=GREY, va="center")
    part = "part of all questions" if "coverage" in rows.columns else "accuracy"
    dress(axes, title or "Analogies by section", part)
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_yticks(place, names, fontsize=8, color=INK, parse_math=False)
    if "coverage" in rows.columns:
        axes.legend(
            frameon=False,
            fontsize=8,
            labelcolor=INK,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
            borderaxespad=0.2,
        )
    return figure
