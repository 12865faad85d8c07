"""Tests of `nw2v.sweeps.objectives`."""

from __future__ import annotations

import pytest

from nw2v.errors import InputError
from nw2v.sweeps.objectives import Objective, pruning_objective, read_objectives

ACCURACY = Objective("analogy/accuracy", "maximize")


def test_one_metric_or_several_with_their_directions() -> None:
    assert read_objectives("analogy/accuracy", "maximize") == (ACCURACY,)
    assert read_objectives(["analogy/accuracy", "train/seconds"], ["maximize", "minimize"]) == (
        ACCURACY,
        Objective("train/seconds", "minimize"),
    )


@pytest.mark.parametrize(
    ("metric", "direction", "message"),
    [
        (["a", "b"], "maximize", "sweep.metric has 2 metrics and sweep.direction 1 directions"),
        ("a", ["maximize", "minimize"], "sweep.metric has 1 metrics and sweep.direction 2"),
        (["a", "a"], ["maximize", "minimize"], r"sweep.metric=\[a,a\]: a metric is named twice"),
        ("a", "up", "sweep.direction=up: expected maximize or minimize"),
        ([], [], r"sweep.metric=\[\]"),
    ],
)
def test_what_does_not_go_together(
    metric: str | list[str], direction: str | list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_objectives(metric, direction)


def test_trainings_are_pruned_by_what_is_measured_at_epochs() -> None:
    seconds = Objective("train/seconds", "minimize")
    cross_entropy = Objective("valid/cross_entropy", "minimize")
    assert pruning_objective(None, ACCURACY) == ACCURACY
    assert pruning_objective(None, seconds) == cross_entropy
    assert pruning_objective("valid/cross_entropy", ACCURACY) == cross_entropy
    assert pruning_objective("similarity/men/spearman", seconds).direction == "maximize"
    # A user's own direction counts for the metric that is optimised.
    odd = Objective("valid/perplexity", "maximize")
    assert pruning_objective("valid/perplexity", odd) == odd
    with pytest.raises(InputError, match="prune_metric=train/loss: not measured at epochs"):
        pruning_objective("train/loss", ACCURACY)
