"""Training loops; they know nothing of Hydra or MLflow.

The names below are imported when first used: settings can be checked without a compiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nw2v.lazy_names import lazy_names

if TYPE_CHECKING:
    from nw2v.training.callbacks import Callback, Pruned, Report, TrainingStart
    from nw2v.training.loop import DivergenceError, fit
    from nw2v.training.parameters import Parameters
    from nw2v.training.settings import CONFIGURATION_KEYS, TrainingSettings

__all__ = [
    "CONFIGURATION_KEYS",
    "Callback",
    "DivergenceError",
    "Parameters",
    "Pruned",
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
    "Pruned": "callbacks",
    "Report": "callbacks",
    "TrainingSettings": "settings",
    "TrainingStart": "callbacks",
    "fit": "loop",
}


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
