"""From the command line of a sweep to its jobs, each with its configuration, before any runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from nw2v.cli.configuration import (
    CommandLine,
    additional_folder,
    compose_all,
    initialized,
    parse_command_line,
    plain,
    readable_errors,
)
from nw2v.cli.override_kinds import OverrideKinds
from nw2v.cli.settings import leaves, read_settings
from nw2v.errors import InputError
from nw2v.sweeps.files import identity, without_effect

GRID_SWEEPER = "hydra_plugins.nw2v_sweepers.GridSweeper"
OPTUNA_SWEEPER = "hydra_plugins.nw2v_sweepers.OptunaSweeper"
MOST_JOBS = 100_000


@dataclass(frozen=True)
class PlannedJob:
    """A job that has not begun.

    Attributes
    ----------
    overrides : list of str
        What Hydra composes its configuration from.
    settings : dict
        That configuration, by dotted key.
    identity : str
        See `nw2v.sweeps.files.identity`.
    """

    overrides: list[str]
    settings: dict[str, Any]
    identity: str


@dataclass(frozen=True)
class Plan:
    """What a sweep will do.

    Attributes
    ----------
    config : DictConfig
        Of a job, with the node `hydra`.
    settings : list of dict
        All configurations of a grid; of another sweeper's jobs, which are chosen as it goes, one
        with each of the values given.
    jobs : list of PlannedJob or None
        Of a grid, each configuration once.
    repeated : int
        How many more combinations there are, which differ only in what has no effect.
    """

    config: DictConfig
    settings: list[dict[str, Any]]
    jobs: list[PlannedJob] | None
    repeated: int


def plan_jobs(line: CommandLine) -> Plan:
    """Plan the jobs of a sweep.

    Raises
    ------
    InputError
        A configuration that cannot be composed, or that no job could take.
    """
    with readable_errors(line.overrides), initialized(line.options):
        loader = GlobalHydra.instance().config_loader()
        parser = OverridesParser.create(loader)
        given = parser.parse_overrides(line.overrides)
        name = line.options.config_name or "train"
        constant = [str(each.input_line) for each in given if not each.is_sweep_override()]
        base = compose(name, [*constant, *additional_folder(line)], return_hydra_config=True)
        is_grid = OmegaConf.select(base, "hydra.sweeper._target_") == GRID_SWEEPER
        if is_grid:
            # Hydra itself gives each job what is set of its own; to add a key twice is an error.
            hydras = [
                str(each.input_line)
                for each in given
                if each.is_hydra_override() and not each.is_sweep_override()
            ]
            fixed = [each for each in given if not each.is_sweep_override()]
            keys = {each.get_key_element() for each in given}
            preset = parser.parse_overrides(
                [f"{key}={value}" for key, value in (base.hydra.sweeper.params or {}).items()]
            )
            given = [*(each for each in preset if each.get_key_element() not in keys), *given]
            composer = _Composer(name, additional_folder(line), base, fixed, loader)
            return _grid(composer, given, set(hydras))
        if OmegaConf.select(base, "hydra.sweeper._target_") == OPTUNA_SWEEPER:
            from nw2v.cli.search.sweep import read_search

            words = [str(each.input_line) for each in given if not each.is_hydra_override()]
            options, _, _ = read_search(base, words, loader)
            keys = {each.get_key_element() for each in given}
            searched = [f"{key}={text}" for key, text in options.params.items() if key not in keys]
            line = parse_command_line([*line.flags, *searched, *line.overrides])
    configs = compose_all(line)
    return Plan(configs[0], [read_settings(plain(config)) for config in configs], None, 0)


def _grid(composer: _Composer, given: Sequence[Override], hydras: set[str]) -> Plan:
    choices = [_choices(override) for override in given]
    number = 1
    for each in choices:
        number *= len(each)
    if number > MOST_JOBS:
        raise InputError(
            f"{number:,} combinations: more than the {MOST_JOBS:,} of the largest sweep"
        )
    jobs: dict[str, PlannedJob] = {}
    for combination in itertools.product(*choices):
        settings = read_settings(composer.configuration(combination))
        mark = identity(settings)
        if mark not in jobs:
            idle = without_effect(settings)
            texts = [
                f"{key}=null" if (key := each.key_or_group) in idle else str(each.input_line)
                for each in combination
                if each.input_line not in hydras
            ]
            settings |= dict.fromkeys(idle)
            jobs[mark] = PlannedJob(texts, settings, mark)
    planned = list(jobs.values())
    return Plan(composer.base, [job.settings for job in planned], planned, number - len(planned))


def _choices(override: Override) -> list[Override]:
    """Return the values of an override, each as an override of its own."""
    if override.is_sweep_override() and not override.is_discrete_sweep():
        raise InputError(
            f"{override.input_line}: a grid has no intervals: list values, or search with "
            "hydra/sweeper=optuna"
        )
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [override]
    texts = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not texts:
        raise InputError(f"{override.input_line}: no values to sweep over")
    return OverridesParser.create(override.config_loader).parse_overrides(texts)


class _Composer:
    """Composes configurations, those that differ only in values from one another.

    Hydra takes a fifth of a second for each; most jobs of a sweep choose the same groups.
    """

    def __init__(
        self,
        name: str,
        more: Sequence[str],
        base: DictConfig,
        fixed: Sequence[Override],
        loader: Any,
    ) -> None:
        self._name, self._more = name, more
        self._kinds = OverrideKinds(loader, name, more)
        # What has been composed without the values that are swept, by the groups chosen in it.
        self.base = base
        self._composed = {self._groups(fixed): _Composed(base)}

    def configuration(self, choices: Sequence[Override]) -> dict[str, Any]:
        """Return the application's configuration under some overrides, by dotted key."""
        groups = self._groups(choices)
        if groups not in self._composed:
            self._composed[groups] = _Composed(
                compose(self._name, [*groups, *self._more], return_hydra_config=True)
            )
        values = [each for each in choices if self._kinds.sets_value(each)]
        return self._composed[groups].with_values(values)

    def _groups(self, choices: Sequence[Override]) -> tuple[str, ...]:
        """Return the overrides that do more than change a value."""
        return tuple(str(each.input_line) for each in choices if not self._kinds.sets_value(each))


class _Composed:
    """A composed configuration whose values can be changed."""

    def __init__(self, config: DictConfig) -> None:
        self._config = config.copy()
        with open_dict(self._config):
            self._config.pop("hydra")
        container = OmegaConf.to_container(self._config)
        assert isinstance(container, dict)
        raw = leaves({str(key): value for key, value in container.items()})
        # Where no value follows from another one, changing it is all there is to do.
        self._leaves = None if any("${" in str(value) for value in raw.values()) else raw

    def with_values(self, overrides: Sequence[Override]) -> dict[str, Any]:
        known = self._leaves
        if known is not None and all(each.key_or_group in known for each in overrides):
            return known | {each.key_or_group: each.value() for each in overrides}
        config = self._config.copy()
        for override in overrides:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        return leaves(plain(config))
