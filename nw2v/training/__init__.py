"""Training loops; they know nothing of Hydra or MLflow.

The names below are imported when first used: settings can be checked without a compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nw2v.training.callbacks import Callback, Report, TrainingStart
    from nw2v.training.loop import DivergenceError, fit
    from nw2v.training.parameters import Parameters
    from nw2v.training.settings import CONFIGURATION_KEYS, TrainingSettings

__all__ = [
    "CONFIGURATION_KEYS",
    "Callback",
    "DivergenceError",
    "Parameters",
    "Report",
    "TrainingSettings",
    "TrainingStart",
    "fit",
]

_HOMES = {
    "CONFIGURATION_KEYS": "settings",
    "Callback": "callbacks",
    "DivergenceError": "loop",
    "Parameters": "parameters",
    "Report": "callbacks",
    "TrainingSettings": "settings",
    "TrainingStart": "callbacks",
    "fit": "loop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
