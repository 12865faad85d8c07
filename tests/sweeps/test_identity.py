"""Tests of `nw2v.sweeps.identity`."""

from __future__ import annotations

from typing import Any

import pytest

from nw2v.sweeps.identity import training_identity

GIVEN: dict[str, Any] = {
    "loss.name": "negative_sampling",
    "loss.negatives": 5,
    "model.dim": 100,
    "seed": 1,
    "tracking.name": "mlflow",
    "sweep.trial": 3,
}


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"sweep.trial": 4, "tracking.name": "none"}, True),
        ({"model.dim": 100.0}, True),
        ({"model.dim": 50}, False),
        ({"seed": 2}, False),
        ({"loss.negatives": 6}, False),
    ],
)
def test_configurations_that_train_the_same_have_one_name(
    changed: dict[str, Any], same: bool
) -> None:
    assert (training_identity(GIVEN | changed) == training_identity(GIVEN)) is same


def test_the_naive_softmax_draws_no_negatives() -> None:
    names = {
        training_identity(GIVEN | {"loss.name": "naive_softmax", "loss.negatives": negatives})
        for negatives in (None, 5, 20)
    }
    assert len(names) == 1
