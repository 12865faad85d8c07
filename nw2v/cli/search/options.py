"""The keys of `conf/hydra/sweeper/optuna.yaml`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nw2v.cli.one_of_several import jobs_at_once
from nw2v.cli.settings import TEXT, Kind, choice, leaves, optional, whole
from nw2v.errors import InputError
from nw2v.sweeps.objectives import Objective, pruning_objective, read_objectives
from nw2v.sweeps.samplers import PRUNERS, SAMPLERS, SamplerSettings
from nw2v.sweeps.study_storage import JOURNAL_FILE

_PREFIX = "hydra.sweeper."


def _read_rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError
    return float(value)


def _read_resource(value: Any) -> int | str:
    return "auto" if value == "auto" else whole(1).read(value)


_KINDS: dict[str, Kind] = {
    "n_trials": whole(1),
    "n_jobs": optional(whole(1)),
    "sampler": choice(*SAMPLERS),
    "seed": optional(whole(0)),
    "tpe.n_startup_trials": whole(0),
    "cmaes.population_size": optional(whole(2)),
    "nsgaii.population_size": whole(2),
    "pruner": choice(*PRUNERS),
    "prune_metric": optional(TEXT),
    "median.n_startup_trials": whole(0),
    "median.n_warmup_steps": whole(0),
    "successive_halving.min_resource": Kind("auto or a whole number from 1 up", _read_resource),
    "successive_halving.reduction_factor": whole(2),
    "successive_halving.min_early_stopping_rate": whole(0),
    "storage": optional(TEXT),
    "study_name": optional(TEXT),
    "max_failure_rate": Kind("a number from 0 to 1", _read_rate),
}


@dataclass(frozen=True)
class SearchOptions:
    """What a search was asked to do.

    Attributes
    ----------
    n_trials, n_jobs : int
        Trials in all, and at a time.
    sampler : SamplerSettings
    pruner : {"none", "median", "successive_halving"}
    pruner_parameters : dict
        Under Optuna's names.
    objectives : tuple of Objective
    pruning : Objective or None
        The metric to prune by, where there is a pruner.
    storage, study_name : str
    folder : Path
        The sweep's, absolute.
    max_failure_rate : float
    params : dict
        Searched keys of the configuration, as right-hand sides of overrides.
    """

    n_trials: int
    n_jobs: int
    sampler: SamplerSettings
    pruner: str
    pruner_parameters: dict[str, Any]
    objectives: tuple[Objective, ...]
    pruning: Objective | None
    storage: str
    study_name: str
    folder: Path
    max_failure_rate: float
    params: dict[str, str]


def read_options(hydra: Any, application: DictConfig) -> SearchOptions:
    """Check the sweeper's configuration.

    Parameters
    ----------
    hydra : DictConfig
        Hydra's node, of the sweep or of one of its jobs.
    application : DictConfig
        The application's own configuration: its `sweep` and `seed`.

    Raises
    ------
    InputError
        A value of the wrong type or out of range, or two that exclude each other.
    """
    sweeper = OmegaConf.to_container(hydra.sweeper, resolve=True)
    assert isinstance(sweeper, dict)
    params = sweeper.pop("params", None) or {}
    given = _read(leaves({str(key): value for key, value in sweeper.items()}))
    metric, direction = (
        _plain(OmegaConf.select(application, f"sweep.{key}")) for key in ("metric", "direction")
    )
    objectives = read_objectives(metric, direction)
    if given["pruner"] != "none" and len(objectives) > 1:
        raise InputError(
            f"hydra.sweeper.pruner={given['pruner']} needs one metric to compare trainings by, "
            "and sweep.metric has several: use pruner=none"
        )
    pruning = pruning_objective(given["prune_metric"], objectives[0])
    start = f"{given['pruner']}."
    here = OmegaConf.select(hydra, "runtime.cwd", throw_on_missing=False) or Path.cwd()
    folder = Path(here, str(hydra.sweep.dir))
    seed = given["seed"]
    if seed is None:
        seed = int(OmegaConf.select(application, "seed", default=0))
    return SearchOptions(
        n_trials=given["n_trials"],
        n_jobs=given["n_jobs"] or _launchers_jobs(hydra.launcher),
        sampler=SamplerSettings(
            name=given["sampler"],
            seed=seed,
            startup_trials=given["tpe.n_startup_trials"],
            cmaes_population=given["cmaes.population_size"],
            nsgaii_population=given["nsgaii.population_size"],
        ),
        pruner=given["pruner"],
        pruner_parameters={
            key.removeprefix(start): value for key, value in given.items() if key.startswith(start)
        },
        objectives=objectives,
        pruning=None if given["pruner"] == "none" else pruning,
        storage=given["storage"] or str(folder / JOURNAL_FILE),
        # A journal of the sweep's own may be moved with its folder.
        study_name=given["study_name"] or ("search" if given["storage"] is None else str(folder)),
        folder=folder,
        max_failure_rate=given["max_failure_rate"],
        params={str(key): _as_text(value) for key, value in params.items()},
    )


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    read = {}
    for key, kind in _KINDS.items():
        value = given.get(key)
        try:
            read[key] = kind.read(value)
        except ValueError:
            shown = "null" if value is None else value
            raise InputError(f"{_PREFIX}{key}={shown}: expected {kind.accepts}") from None
    return read


def _launchers_jobs(launcher: Any) -> int:
    """Give the number of jobs that a launcher runs at a time, 1 where it does not say."""
    jobs = OmegaConf.select(launcher, "n_jobs", default=None) if launcher else None
    return 1 if jobs is None else jobs_at_once(jobs)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node) if OmegaConf.is_config(node) else node


def _as_text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
