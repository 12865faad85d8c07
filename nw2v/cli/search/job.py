"""What a job does of a search: it may be stopped when others do better."""

from __future__ import annotations

from functools import partial

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from nw2v.cli.planning import OPTUNA_SWEEPER
from nw2v.cli.search.options import read_options
from nw2v.sweeps.pruning import PruningCallback
from nw2v.sweeps.samplers import make_pruner


def pruning_callbacks(
    trial: int | None, metric: str | list[str], direction: str | list[str]
) -> list[PruningCallback]:
    """Give the callbacks by which a job takes part in pruning.

    Parameters
    ----------
    trial : int or None
        `sweep.trial`: the number of the trial, which the search sets where it prunes.
    metric, direction : str or list of str
        `sweep.metric` and `sweep.direction`.

    Returns
    -------
    list of PruningCallback
        One; none outside a search, as when a job's command line is run again by itself.
    """
    hydra = HydraConfig.get()
    in_search = hydra.mode == RunMode.MULTIRUN and hydra.sweeper["_target_"] == OPTUNA_SWEEPER
    if trial is None or not in_search:
        return []
    sweep = OmegaConf.create({"sweep": {"metric": metric, "direction": direction}})
    options = read_options(hydra, sweep)
    if options.pruning is None:
        return []
    return [
        PruningCallback(
            storage=options.storage,
            study_name=options.study_name,
            trial=trial,
            objective=options.pruning,
            study_direction=options.objectives[0].direction,
            make_pruner=partial(make_pruner, options.pruner, options.pruner_parameters),
        )
    ]
