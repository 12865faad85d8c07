"""Which overrides set a value, and which do more: choose a group, add, delete, or set up Hydra."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from hydra.core.override_parser.types import Override, OverrideType


class OverrideKinds:
    """Tells overrides apart, asking Hydra once for each key.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    config_name : str
        The primary configuration, which may name more folders to search.
    overrides : sequence of str
        What may name more of them.
    """

    def __init__(self, loader: Any, config_name: str | None, overrides: Sequence[str]) -> None:
        self._loader, self._name, self._overrides = loader, config_name, list(overrides)
        self._is_group: dict[str, bool] = {}

    def is_group(self, key: str) -> bool:
        """Whether a key names a group of configurations."""
        if key not in self._is_group:
            options = self._loader.get_group_options(
                key, config_name=self._name, overrides=self._overrides
            )
            self._is_group[key] = bool(options)
        return self._is_group[key]

    def sets_value(self, override: Override, of_hydra: Collection[str] = ()) -> bool:
        """Whether an override changes a value, of the application or of these keys of Hydra's."""
        key = override.key_or_group
        return (
            override.type == OverrideType.CHANGE
            and override.package is None
            and (key in of_hydra or not override.is_hydra_override())
            and not self.is_group(key)
        )
