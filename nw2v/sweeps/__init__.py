"""Sweeps, read back: tables of jobs, what they say, their pictures and reports."""

from nw2v.sweeps.conclusions import conclusions
from nw2v.sweeps.configurations import against_best, configurations
from nw2v.sweeps.effects import interactions, main_effects
from nw2v.sweeps.load import histories, load
from nw2v.sweeps.ranking import nondominated, ranked
from nw2v.sweeps.report import write_report

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
