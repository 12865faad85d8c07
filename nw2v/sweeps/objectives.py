"""What a sweep optimises: metrics, and which way each is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nw2v.errors import InputError

DIRECTIONS = ("maximize", "minimize")
# Beginnings of the names of metrics that are measured after every pass.
_HIGHER_IS_BETTER = ("analogy/", "similarity/")
_LOWER_IS_BETTER = ("valid/",)
_LESS_OF_OTHERS = ("train/loss", "train/seconds", "seconds/")
CROSS_ENTROPY = "valid/cross_entropy"


@dataclass(frozen=True)
class Objective:
    """A metric by its MLflow name, and its direction, "maximize" or "minimize"."""

    metric: str
    direction: str


def read_objectives(
    metric: str | Sequence[str], direction: str | Sequence[str]
) -> tuple[Objective, ...]:
    """Pair the metrics of `sweep.metric` with the directions of `sweep.direction`.

    Parameters
    ----------
    metric, direction : str or sequence of str
        One, or as many of the one as of the other; the first metric ranks.

    Raises
    ------
    InputError
        Another number of directions than of metrics, a metric named twice, no such direction.
    """
    metrics = [metric] if isinstance(metric, str) else list(metric)
    directions = [direction] if isinstance(direction, str) else list(direction)
    for each in directions:
        if each not in DIRECTIONS:
            raise InputError(f"sweep.direction={each}: expected maximize or minimize")
    if not metrics:
        raise InputError("sweep.metric=[]: expected a metric, or a list of metrics")
    if len(metrics) != len(directions):
        raise InputError(
            f"sweep.metric has {len(metrics)} metrics and sweep.direction {len(directions)} "
            f"directions: give one for each, as in sweep.metric=[a,b] "
            "sweep.direction=[maximize,minimize]"
        )
    if len(set(metrics)) < len(metrics):
        raise InputError(f"sweep.metric=[{','.join(metrics)}]: a metric is named twice")
    return tuple(map(Objective, metrics, directions))


def usual_direction(metric: str) -> str:
    """Return which way a metric, by its name, is better."""
    return "minimize" if metric.startswith((*_LOWER_IS_BETTER, *_LESS_OF_OTHERS)) else "maximize"


def is_measured_at_epochs(metric: str) -> bool:
    """Whether a metric, by its name, is measured after every pass and not only at the end."""
    return metric.startswith((*_HIGHER_IS_BETTER, *_LOWER_IS_BETTER))


def pruning_objective(prune_metric: str | None, objective: Objective) -> Objective:
    """Choose the metric by which unpromising trainings are stopped, and its direction.

    Parameters
    ----------
    prune_metric : str or None
        What the user asks for. None: the objective's own metric where it is measured at epochs,
        else the held-out cross-entropy.
    objective : Objective
        What the search optimises.

    Raises
    ------
    InputError
        A metric that is not measured at epochs.
    """
    if prune_metric is None:
        prune_metric = CROSS_ENTROPY
        if is_measured_at_epochs(objective.metric):
            prune_metric = objective.metric
    if prune_metric == objective.metric:
        return objective
    if prune_metric.startswith(_HIGHER_IS_BETTER):
        return Objective(prune_metric, "maximize")
    if prune_metric.startswith(_LOWER_IS_BETTER):
        return Objective(prune_metric, "minimize")
    raise InputError(
        f"hydra.sweeper.prune_metric={prune_metric}: not measured at epochs; "
        "valid/..., analogy/... and similarity/... are"
    )
