"""All that is computed of a sweep, once, for its sentences, pictures and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nw2v.sweeps.design import goal
from nw2v.sweeps.effects import interactions, main_effects
from nw2v.sweeps.over_seeds import against_best, configurations
from nw2v.sweeps.ranking import ranked

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Findings:
    """What a sweep shows of one metric.

    Attributes
    ----------
    frame : DataFrame
        The sweep, as `nw2v.sweeps.load` returns it.
    metric, direction : str
        What ranks, and which way is better.
    jobs, table, tests, effects, cells : DataFrame
        As `ranked`, `configurations`, `against_best`, `main_effects` and `interactions` return
        them.
    """

    frame: pd.DataFrame
    metric: str
    direction: str
    jobs: pd.DataFrame
    table: pd.DataFrame
    tests: pd.DataFrame
    effects: pd.DataFrame
    cells: pd.DataFrame

    @property
    def has_seeds(self) -> bool:
        """Whether some configuration was run with several seeds."""
        return bool((self.table["seeds"] > 1).any())


def find(frame: pd.DataFrame, metric: str | None = None, direction: str | None = None) -> Findings:
    """Compute what a sweep shows of a metric; by default of the one that it ranks by."""
    name, way = goal(frame, metric, direction)
    return Findings(
        frame,
        name,
        way,
        ranked(frame, name, way),
        configurations(frame, name, way),
        against_best(frame, name, way),
        main_effects(frame, name),
        interactions(frame, name),
    )
