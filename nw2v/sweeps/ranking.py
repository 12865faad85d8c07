"""The jobs of a sweep in order, and those that no other one beats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nw2v.sweeps.design import finished, goal, swept_keys
from nw2v.sweeps.objectives import CROSS_ENTROPY
from nw2v.sweeps.records import STATUSES

if TYPE_CHECKING:
    import pandas as pd

TRAINING_SECONDS = "train/seconds"


def ranked(
    frame: pd.DataFrame, metric: str | None = None, direction: str | None = None
) -> pd.DataFrame:
    """Rank the jobs of a sweep.

    Parameters
    ----------
    frame : DataFrame
        As `nw2v.sweeps.load` returns it.
    metric, direction : str, optional
        By default sweep.metric and sweep.direction.

    Returns
    -------
    DataFrame
        job, the swept settings, the metrics that rank, held-out cross-entropy and seconds of
        training where they are known, and status. Jobs that came to an end are first, best first;
        then those pruned, running, killed and failed. Jobs without the metric are last of their
        kind.
    """
    name, way = goal(frame, metric, direction)
    measures = [name, *frame.attrs.get("metrics", ()), CROSS_ENTROPY, TRAINING_SECONDS]
    columns = list(dict.fromkeys([*swept_keys(frame), *measures]))
    table = frame.reindex(columns=["job", *columns, "status"])
    table.attrs = dict(frame.attrs)
    values = table[name].to_numpy(dtype=float, na_value=np.nan)
    order = np.lexsort(
        (
            table["job"].to_numpy(),
            -values if way == "maximize" else values,  # NaN is last either way.
            np.array([STATUSES.index(status) for status in table["status"]], dtype=np.int64),
        )
    )
    known = [c for c in (CROSS_ENTROPY, TRAINING_SECONDS) if c not in frame.columns and c != name]
    return table.iloc[order].drop(columns=known).reset_index(drop=True)


def nondominated(costs: np.ndarray) -> np.ndarray:
    """Find the Pareto front: the points that no other one beats.

    Parameters
    ----------
    costs : numpy.ndarray, shape (n, k)
        Less is better; all finite.

    Returns
    -------
    numpy.ndarray, shape (n,), bool
        False where another point is at least as good in all k and better in one.
    """
    front = np.ones(len(costs), dtype=bool)
    for number, point in enumerate(costs):
        as_good = (costs <= point).all(axis=1)
        front[number] = not (as_good & (costs < point).any(axis=1)).any()
    return front


def pareto_jobs(frame: pd.DataFrame, metrics: list[str], directions: list[str]) -> pd.DataFrame:
    """Return the finished jobs that no other one beats in all of some metrics, by the first."""
    import pandas as pd

    done = frame
    for metric in metrics:
        done = finished(done, metric)
    signs = np.array([-1.0 if way == "maximize" else 1.0 for way in directions])
    costs = done.reindex(columns=metrics).to_numpy(dtype=float) * signs
    front = done[nondominated(costs)] if len(done) else done
    assert isinstance(front, pd.DataFrame)
    return front.sort_values(metrics[0], kind="stable")
