"""The samplers and pruners of a search, made anew for each trial from its place in the search.

A sampler that lives as long as a process would draw the same points again after a resume. Here the
random numbers of a trial follow from the seed and from how many trials stand before it, and all
else from the study, so that a search that was killed goes on as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.sweeps.search_space import SearchSpace

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

SAMPLERS = ("tpe", "random", "grid", "cmaes", "nsgaii")
PRUNERS = ("none", "median", "successive_halving")


@dataclass(frozen=True)
class SamplerSettings:
    """Which sampler, and its few parameters.

    Attributes
    ----------
    name : {"tpe", "random", "grid", "cmaes", "nsgaii"}
    seed : int
    startup_trials : int
        Of tpe: random trials before it begins to learn.
    cmaes_population, nsgaii_population : int or None, int
        Trials a generation; None follows from the number of parameters.
    """

    name: str = "tpe"
    seed: int = 0
    startup_trials: int = 10
    cmaes_population: int | None = None
    nsgaii_population: int = 50


def make_sampler(settings: SamplerSettings, position: int) -> BaseSampler:
    """Make the sampler for the trial before which `position` trials stand.

    A grid needs none: see `grid_point`.
    """
    import optuna

    seed = int(np.random.SeedSequence([settings.seed, position]).generate_state(1)[0])
    if settings.name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup_trials)
    if settings.name == "nsgaii":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=settings.nsgaii_population)
    if settings.name == "cmaes":
        from nw2v.sweeps.cmaes_sampler import CmaesSampler

        return CmaesSampler(seed, settings.cmaes_population)
    return optuna.samplers.RandomSampler(seed=seed)


def grid_size(space: SearchSpace) -> int:
    """Count the points of a grid."""
    return math.prod(len(parameter.grid or ()) for parameter in space.values())


def grid_point(space: SearchSpace, seed: int, position: int) -> dict[str, Any]:
    """Give the point of a grid that is tried after `position` others.

    The points come in an order that is drawn by `seed`, so that the first few of many lie apart.
    """
    rest = int(np.random.default_rng(seed).permutation(grid_size(space))[position])
    point = {}
    for key, parameter in reversed(list(space.items())):
        values = parameter.grid or []
        rest, index = divmod(rest, len(values))
        point[key] = values[index]
    return {key: point[key] for key in space}


def make_pruner(name: str, parameters: Mapping[str, Any]) -> BasePruner:
    """Make a pruner by its name and Optuna's own parameters of it."""
    import optuna

    if name == "median":
        return optuna.pruners.MedianPruner(**parameters)
    if name == "successive_halving":
        return optuna.pruners.SuccessiveHalvingPruner(**parameters)
    return optuna.pruners.NopPruner()
