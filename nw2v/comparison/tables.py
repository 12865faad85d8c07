"""Scores, curves, costs and settings of a comparison as tidy tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.comparison.runs import Runs
from nw2v.comparison.systems import System

if TYPE_CHECKING:
    import pandas as pd


def scores_table(runs: Runs) -> pd.DataFrame:
    """Every score of every training."""
    import pandas as pd

    return pd.DataFrame(
        [
            (system.name, seed, vectors, metric, value)
            for system, several in runs.items()
            for seed, run in several.items()
            for (vectors, metric), value in run.scores.items()
        ],
        columns=["system", "seed", "vectors", "metric", "value"],
    )


def summary_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with their intervals."""
    import pandas as pd

    from nw2v.evaluation.comparison import interval_over_seeds

    groups = scores.groupby(["system", "vectors", "metric"], sort=False)["value"]
    return pd.DataFrame(
        [(*key, *interval_over_seeds(values.to_numpy())) for key, values in groups],
        columns=["system", "vectors", "metric", "mean", "low", "high"],
    )


def curves_table(runs: Runs) -> pd.DataFrame:
    """Each pass's cross-entropy, with the words and seconds of training until then."""
    import pandas as pd

    rows = []
    for system, several in runs.items():
        for seed, run in several.items():
            history = run.history.sort_values("step", kind="stable")
            history["train/seconds"] = history["train/seconds"].ffill().fillna(0.0)
            measured = history[history["valid/cross_entropy"].notna()]
            columns = measured[["step", "train/seconds", "valid/cross_entropy"]].to_numpy(float)
            for epoch, (step, seconds, entropy) in enumerate(columns):
                rows.append((system.name, seed, epoch, int(step), seconds, entropy))
    return pd.DataFrame(
        rows, columns=["system", "seed", "epoch", "words", "seconds", "cross_entropy"]
    )


def settings_table(
    resolved: Mapping[System, Mapping[str, Any]], shared: Mapping[str, Any]
) -> pd.DataFrame:
    """What is not the same for all systems, or does not concern all."""
    import pandas as pd

    return pd.DataFrame(
        [
            (system.name, name, value)
            for system, settings in resolved.items()
            for name, value in settings.items()
            if value is not None and name not in {*shared, "loss", "trainer", "seed"}
        ],
        columns=["system", "setting", "value"],
    )


def costs_table(runs: Runs) -> pd.DataFrame:
    """Time, passes and words of the systems, and how far they came in them."""
    import pandas as pd

    mean = (
        curves_table(runs)
        .groupby(["system", "epoch"], sort=False)[["words", "seconds", "cross_entropy"]]
        .mean()
    )
    lowest = mean["cross_entropy"].groupby(level="system", sort=False).min()
    reached = float(lowest.max())
    rows = []
    for system in runs:
        words, seconds, entropy = mean.loc[system.name].to_numpy(float).T
        best, first = int(entropy.argmin()), int(np.argmax(entropy <= reached))
        rows.append(
            (
                system.name, seconds[-1], len(seconds) - 1, int(words[-1]), entropy[best], best,
                seconds[first],
            )
        )  # fmt: skip
    return pd.DataFrame(
        rows,
        columns=[
            "system", "seconds", "passes", "words", "best_cross_entropy", "best_pass",
            "seconds_to_reach",
        ],
    )  # fmt: skip
