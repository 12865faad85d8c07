"""The pictures of a sweep's report, from its table and its curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.sweeps.design import Factor, direction_of, effective, factors, finished
from nw2v.sweeps.effects import main_effects
from nw2v.sweeps.findings import Findings
from nw2v.sweeps.objectives import CROSS_ENTROPY
from nw2v.sweeps.ranking import TRAINING_SECONDS, nondominated
from nw2v.sweeps.wording import factor_of, titled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

EFFECTS, TOGETHER, TABLES, CURVES, TIME = (
    *("What each parameter does", "What two parameters do together", "Pairs of values"),
    *("How the jobs learnt", "Quality against time"),
)
MOST_PARAMETERS = 6
"""So many have pictures, those with the largest effects; all of them are in the tables."""


def draw(found: Findings, curves_of_jobs: pd.DataFrame) -> dict[tuple[str, str], Figure]:
    """Draw a sweep.

    Parameters
    ----------
    found : Findings
    curves_of_jobs : DataFrame
        As `nw2v.sweeps.histories` returns it.

    Returns
    -------
    dict of (str, str) to Figure
        By file name (without its ending) and title; what there is nothing of is left out.
    """
    drawn: dict[tuple[str, str], Any] = {
        ("main_effects", EFFECTS): _effects(found),
        **_together(found),
        ("curves", CURVES): _curves(found, curves_of_jobs),
        ("time_and_quality", TIME): _time(found),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _effects(found: Findings) -> Figure | None:
    import pandas as pd

    from nw2v.plots import sweep_effects

    frame, metric = found.frame, found.metric
    tables, dots, better = [], [], {}
    chosen = None
    for name in dict.fromkeys([metric, CROSS_ENTROPY]):
        done = finished(frame, name)
        effects = found.effects if name == metric else main_effects(frame, name)
        if not len(effects):
            continue
        chosen = _strongest(effects) if chosen is None else chosen
        shown = titled(name)
        better[shown] = direction_of(frame, name)
        effects = effects[effects["parameter"].isin(chosen)]
        tables.append(effects.assign(metric=shown, mean=effects["mean"] * factor_of(name)))
        scores = done[name].to_numpy(dtype=float) * factor_of(name)
        for factor in factors(done):
            if factor.key in chosen:
                dots.append(_points(done, factor, scores).assign(metric=shown))
    if not tables:
        return None
    return sweep_effects.main_effects(
        pd.concat(tables), pd.concat(dots), better, jobs=len(finished(frame, metric))
    )


def _points(done: pd.DataFrame, factor: Factor, scores: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    has = factor.codes >= 0
    values = [
        float(value) if factor.is_number and value is not None else np.nan
        for value in effective(done, factor.key)
    ]
    return pd.DataFrame(
        {
            "parameter": factor.key,
            "level": [factor.labels[code] for code in factor.codes[has]],
            "value": np.array(values)[has],
            "score": scores[has],
        }
    )


def _strongest(effects: pd.DataFrame) -> list[str]:
    """Return the parameters with the largest effects, in the sweep's order."""
    groups = effects.groupby("parameter", sort=False)["mean"]
    sizes = (groups.max() - groups.min()).fillna(0.0)
    largest = set(sizes.sort_values(ascending=False, kind="stable").index[:MOST_PARAMETERS])
    return [key for key in sizes.index if key in largest]


def _together(found: Findings) -> dict[tuple[str, str], Figure]:
    from nw2v.plots.sweep_effects import heatmaps, interaction_lines

    chosen, cells, metric = _strongest(found.effects), found.cells, found.metric
    cells = cells[cells["first"].isin(chosen) & cells["second"].isin(chosen)]
    if not len(cells):
        return {}
    cells = cells.assign(mean=cells["mean"] * factor_of(metric))
    shown = titled(metric)
    return {
        ("interactions", TOGETHER): interaction_lines(cells, shown),
        ("heatmaps", TABLES): heatmaps(cells, shown, found.direction),
    }


def _curves(found: Findings, curves_of_jobs: pd.DataFrame) -> Figure | None:
    from nw2v.plots.sweep_jobs import curves

    panels = [
        panel
        for panel in (
            ("step", "train/loss", "Training loss, each its own units"),
            (TRAINING_SECONDS, CROSS_ENTROPY, "Held-out cross-entropy"),
        )
        if len(_measured(curves_of_jobs, panel[0], panel[1]))
    ]
    if not panels:
        return None
    names: dict[int, str] = {}
    for row in found.table.to_dict("records"):
        names |= {int(job): str(row["configuration"]) for job in str(row["jobs"]).split()[:1]}
    return curves(curves_of_jobs, panels, names)


def _measured(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    if not set(columns) <= set(table.columns):
        return table.iloc[:0]
    return table.dropna(subset=list(columns))


def _time(found: Findings) -> Figure | None:
    import pandas as pd

    from nw2v.plots.sweep_jobs import time_and_quality

    table, metric = found.table, found.metric
    if metric == TRAINING_SECONDS or TRAINING_SECONDS not in table.columns:
        return None
    table = table.dropna(subset=[TRAINING_SECONDS])
    if len(table) < 2:
        return None
    seconds, quality = table[TRAINING_SECONDS].to_numpy(float), table["mean"].to_numpy(float)
    sign = -1.0 if found.direction == "maximize" else 1.0
    shown = pd.DataFrame(
        {
            "name": table["configuration"],
            "seconds": seconds,
            "quality": quality * factor_of(metric),
            "is_front": nondominated(np.column_stack([seconds, sign * quality])),
        }
    )
    return time_and_quality(shown, titled(metric))
