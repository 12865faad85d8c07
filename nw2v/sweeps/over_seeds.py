"""Configurations: jobs that differ in their seed alone, what they score, and how surely."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.evaluation.comparison import (
    Difference,
    holm,
    interval_over_seeds,
    paired_difference_over_seeds,
    pooled_difference_over_seeds,
    unpaired_difference_over_seeds,
)
from nw2v.sweeps.design import (
    SEED,
    effective,
    finished,
    goal,
    named,
    shadows,
    swept_keys,
    text_of,
    varying_settings,
)
from nw2v.sweeps.objectives import CROSS_ENTROPY
from nw2v.sweeps.ranking import TRAINING_SECONDS

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANCE = 0.05
POOLED_FROM = 3
"""Configurations of several seeds, from which on they are taken to vary alike between seeds."""
_ALL_DIGITS = 17


def configurations(
    frame: pd.DataFrame, metric: str | None = None, direction: str | None = None
) -> pd.DataFrame:
    """Average over seeds: one row for the jobs that differ in `seed` and in nothing else.

    Parameters
    ----------
    frame : DataFrame
        As `nw2v.sweeps.load` returns it. Only jobs that came to an end count.
    metric, direction : str, optional
        By default sweep.metric and sweep.direction.

    Returns
    -------
    DataFrame
        Best first: ``configuration`` (in words), the swept settings but the seed, ``seeds`` (how
        many), ``mean``, ``standard_deviation`` (between seeds, n - 1), ``low`` and ``high`` (95 %,
        Student's t; NaN for one seed), the means of the other metrics that rank, of the held-out
        cross-entropy and of the seconds of training, ``jobs`` (their numbers).
    """
    import pandas as pd

    name, way = goal(frame, metric, direction)
    keys = [key for key in swept_keys(frame) if key != SEED]
    beside = [*frame.attrs.get("metrics", ()), CROSS_ENTROPY, TRAINING_SECONDS]
    beside = [other for other in dict.fromkeys(beside) if other in frame.columns and other != name]
    # What another setting determines, as the learning rate its loss, need not be in the name.
    hidden = shadows(finished(frame, name))
    names = [key for key in keys if key not in hidden]
    rows: list[dict[str, Any]] = []
    for group in _groups(frame, name):
        scores = np.array([*_by_seed(group, name).values()])
        interval = interval_over_seeds(scores)
        values = {key: effective(group, key)[0] for key in keys}
        rows.append(
            {
                "configuration": named(names, [values[key] for key in names]),
                **values,
                "seeds": len(scores),
                "mean": interval.mean,
                "standard_deviation": scores.std(ddof=1) if len(scores) > 1 else math.nan,
                "low": interval.low,
                "high": interval.high,
                **{other: group[other].mean() for other in beside},
                "jobs": " ".join(map(str, sorted(group["job"]))),
            }
        )
    columns = ["configuration", *keys, "seeds", "mean", "standard_deviation", "low", "high"]
    table = pd.DataFrame(rows, columns=[*columns, *beside, "jobs"])
    table = table.sort_values("mean", ascending=way == "minimize", kind="stable", ignore_index=True)
    table.attrs = {**frame.attrs, "metric": name, "direction": way}
    return table


def against_best(
    frame: pd.DataFrame, metric: str | None = None, direction: str | None = None
) -> pd.DataFrame:
    """Test each configuration against the best one.

    By the t-test of the analysis of variance, with the deviation between seeds pooled over all
    configurations, where three or more have several seeds: two seeds alone tell hardly anything
    of how much a configuration varies. With fewer such configurations, Student's paired t-test
    over the seeds that both have, or Welch's where these are fewer than two. The best one is
    chosen by the scores that it is tested on, so that it looks somewhat better than it is: what
    cannot be told apart from it may well be as good or better.

    Returns
    -------
    DataFrame
        In the order of `configurations`, without the best: ``configuration``, ``test`` ("pooled",
        "paired" or "Welch"), ``seeds`` (its own), ``difference`` (the best minus it), ``low``,
        ``high`` (95 %), ``p_value``, ``holm`` (after Holm's correction for all rows),
        ``is_apart`` (``holm`` is below 0.05). NaN and False where there are too few seeds to tell.
    """
    import pandas as pd

    name, way = goal(frame, metric, direction)
    table = configurations(frame, name, way)
    scores = {
        " ".join(map(str, sorted(group["job"]))): _by_seed(group, name)
        for group in _groups(frame, name)
    }
    several = table["seeds"] > 1
    pool = None
    if several.sum() >= POOLED_FROM:
        pool = seed_deviation(table), int((table["seeds"][several] - 1).sum())
    rows = []
    for row in table.iloc[1:].to_dict("records"):
        test, difference = _difference(scores[table["jobs"].iloc[0]], scores[row["jobs"]], pool)
        rows.append((row["configuration"], test, row["seeds"], *difference))
    columns = ["configuration", "test", "seeds"]
    columns += ["difference", "standard_error", "low", "high", "p_value"]
    result = pd.DataFrame(rows, columns=columns).drop(columns="standard_error")
    result["holm"] = holm(result["p_value"].to_numpy(dtype=float))
    result["is_apart"] = result["holm"] < SIGNIFICANCE
    return result


def seed_deviation(table: pd.DataFrame) -> float:
    """Return the standard deviation between seeds of one configuration, pooled over all.

    Parameters
    ----------
    table : DataFrame
        As `configurations` returns it.

    Returns
    -------
    float
        NaN if no configuration has two seeds.
    """
    several = table[table["seeds"] > 1]
    freedom = several["seeds"].to_numpy(dtype=float) - 1
    if not len(several):
        return math.nan
    squares = several["standard_deviation"].to_numpy(dtype=float) ** 2
    return float(math.sqrt((squares * freedom).sum() / freedom.sum()))


def _groups(frame: pd.DataFrame, metric: str) -> list[pd.DataFrame]:
    done = finished(frame, metric).copy()
    varying = dict.fromkeys([*swept_keys(done), *varying_settings(done)])
    keys = [key for key in varying if key != SEED]
    columns = [[text_of(value, _ALL_DIGITS) for value in effective(done, key)] for key in keys]
    done.attrs = {}  # which pandas would copy, deeply, with every group
    names = list(zip(*columns, strict=True)) if columns else [()] * len(done)
    places: dict[tuple[str, ...], list[int]] = {}
    for place, one in enumerate(names):
        places.setdefault(one, []).append(place)
    return [done.iloc[where] for where in places.values()]


def _by_seed(group: pd.DataFrame, metric: str) -> dict[Any, float]:
    """Return a configuration's score by seed; a seed that was run twice counts with its mean."""
    if SEED not in group.columns:
        return dict(enumerate(group[metric].tolist()))
    return dict(group.groupby(SEED)[metric].mean())


def _difference(
    a: dict[Any, float], b: dict[Any, float], pool: tuple[float, int] | None
) -> tuple[str, Difference]:
    if pool is not None:
        return "pooled", pooled_difference_over_seeds(list(a.values()), list(b.values()), *pool)
    common = sorted(set(a) & set(b))
    if len(common) > 1:
        pairs = np.array([(a[seed], b[seed]) for seed in common])
        return "paired", paired_difference_over_seeds(pairs[:, 0], pairs[:, 1])
    return "Welch", unpaired_difference_over_seeds(list(a.values()), list(b.values()))
