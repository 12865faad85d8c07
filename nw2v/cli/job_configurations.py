"""The configurations of a sweep's jobs: those that differ only in values, from one that Hydra made.

Hydra takes a sixth of a second to compose a configuration, more than anything else around a job.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nw2v.cli.override_kinds import OverrideKinds
from nw2v.cli.settings import leaves

_JOBS_FOLDER = "hydra.sweep.subdir"  # the one key below hydra that jobs are given one by one
_MOST_KEPT = 16


def quick_context(context: HydraContext) -> HydraContext:
    """Return Hydra's context for a sweep, with a loader that composes its jobs sooner."""
    return HydraContext(JobConfigurations(context.config_loader), context.callbacks)


class JobConfigurations(ConfigLoaderImpl):
    """Hydra's loader, for the jobs of one sweep: gives what Hydra's own would, sooner.

    In each process that it comes to, it keeps what Hydra has composed of the overrides that do
    more than set a value, and sets the values in copies of that. What it is not sure to get right
    it leaves to Hydra.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._sweep = uuid.uuid4().hex

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> DictConfig:
        """Return the configuration of a job.

        Parameters
        ----------
        master_config : DictConfig
            The sweep's, the same in each call.
        sweep_overrides : sequence of str
            The job's.
        """
        if self._sweep not in _composers:
            _composers.clear()
            loader = ConfigLoaderImpl(self.get_search_path())
            _composers[self._sweep] = _Composer(loader, master_config)
        return _composers[self._sweep].configuration(list(sweep_overrides))


class _Composer:
    """What one process knows of the configurations of a sweep."""

    def __init__(self, loader: ConfigLoaderImpl, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        of_hydra: Any = OmegaConf.to_container(master.hydra.overrides.hydra, resolve=False)
        self._overrides_of_hydra: list[str] = of_hydra
        name = master.hydra.job.config_name
        self._kinds = OverrideKinds(loader, name, self._overrides_of_hydra)
        # By the overrides that do more than set a value; None: not to be relied on.
        self._composed: dict[tuple[str, ...], _Composed | None] = {}

    def configuration(self, texts: list[str]) -> DictConfig:
        try:
            config = self._with_values(texts)
        except (HydraException, OmegaConfBaseException):
            config = None  # Hydra shall say itself what is wrong
        return self._by_hydra(texts) if config is None else config

    def _by_hydra(self, texts: list[str]) -> DictConfig:
        return self._loader.load_sweep_config(self._master, texts)

    def _with_values(self, texts: list[str]) -> DictConfig | None:
        """Return a configuration, None if it takes more than setting values in one that is kept."""
        overrides = OverridesParser.create(self._loader).parse_overrides(texts)
        values = [each for each in overrides if self._sets_value(each)]
        others = [each for each in overrides if not self._sets_value(each)]
        if any(self._may_affect(other, value.key_or_group) for other in others for value in values):
            return None
        composed = self._without_values(others)
        if composed is None or not {value.key_or_group for value in values} <= composed.keys:
            return None
        config = copy.deepcopy(composed.config)
        for value in values:
            OmegaConf.update(config, value.key_or_group, value.value(), merge=True)
        self._note_overrides(config, overrides)
        OmegaConf.copy_cache(from_config=self._master, to_config=config)
        return config

    def _without_values(self, others: Sequence[Override]) -> _Composed | None:
        texts = tuple(str(other.input_line) for other in others)
        if texts not in self._composed:
            if len(self._composed) == _MOST_KEPT:
                del self._composed[next(iter(self._composed))]
            self._composed[texts] = self._reliable(others)
        return self._composed[texts]

    def _reliable(self, others: Sequence[Override]) -> _Composed | None:
        """Let Hydra compose; None if some of it is not known to be the same for another job."""
        config = self._by_hydra([str(other.input_line) for other in others])
        noted = copy.deepcopy(config)
        self._note_overrides(noted, others)
        if config.hydra.job.env_copy or noted != config:
            return None
        return _Composed(config)

    def _note_overrides(self, config: DictConfig, overrides: Sequence[Override]) -> None:
        """Write into a configuration what it was composed from, as Hydra does."""
        own = [each for each in overrides if not each.is_hydra_override()]
        of_hydra = [str(each.input_line) for each in overrides if each.is_hydra_override()]
        config.hydra.overrides.task = [str(each.input_line) for each in own]
        config.hydra.overrides.hydra = [*self._overrides_of_hydra, *of_hydra]
        style = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides=own,
            kv_sep=style.kv_sep,
            item_sep=style.item_sep,
            exclude_keys=style.exclude_keys,
        )

    def _sets_value(self, override: Override) -> bool:
        """Whether an override changes a single value."""
        is_single = isinstance(override.value(), str | int | float | None)
        return is_single and self._kinds.sets_value(override, of_hydra=(_JOBS_FOLDER,))

    def _may_affect(self, other: Override, key: str) -> bool:
        """Whether an override that is no value may have to do with a key, wherever it stands."""
        if other.key_or_group == "hydra.searchpath":
            return True  # there may be other groups
        if self._kinds.is_group(other.key_or_group) and not isinstance(other.value(), dict):
            return False  # Hydra sets values when all groups are chosen
        one, two = f"{other.key_or_group}.", f"{key}."
        return one.startswith(two) or two.startswith(one)


class _Composed:
    """A configuration that Hydra composed, and the keys that hold a single value in it."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        container: Any = OmegaConf.to_container(config, resolve=False)
        self.keys = leaves(container).keys()


# Of the sweep that this process works for, by its mark.
_composers: dict[str, _Composer] = {}
