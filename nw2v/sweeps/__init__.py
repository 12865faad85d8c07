"""Sweeps, read back: tables of jobs, what they say, their pictures and reports.

The names below are imported when first used: a job of a sweep reads none, and starts sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nw2v.lazy_names import lazy_names

if TYPE_CHECKING:
    from nw2v.sweeps.effects import interactions, main_effects
    from nw2v.sweeps.frames import histories, load
    from nw2v.sweeps.over_seeds import against_best, configurations
    from nw2v.sweeps.ranking import nondominated, ranked
    from nw2v.sweeps.report import write_report
    from nw2v.sweeps.sentences import conclusions

__all__ = [
    "against_best",
    "conclusions",
    "configurations",
    "histories",
    "interactions",
    "load",
    "main_effects",
    "nondominated",
    "ranked",
    "write_report",
]

# No module has the name of a function: it would hide the function once it is imported.
_HOMES = {
    "against_best": "over_seeds",
    "conclusions": "sentences",
    "configurations": "over_seeds",
    "histories": "frames",
    "interactions": "effects",
    "load": "frames",
    "main_effects": "effects",
    "nondominated": "ranking",
    "ranked": "ranking",
    "write_report": "report",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
