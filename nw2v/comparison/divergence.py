"""The trainings of a comparison that diverged, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from nw2v.comparison.systems import System
from nw2v.reports.words import counted

if TYPE_CHECKING:
    import pandas as pd


class Diverged(NamedTuple):
    """One training that came to no end."""

    system: str
    seed: int
    learning_rate: float
    """At the beginning."""
    problem: str


def diverged_table(diverged: Sequence[Diverged]) -> pd.DataFrame:
    """Give the trainings that diverged as a table, which may be empty."""
    import pandas as pd

    return pd.DataFrame(diverged, columns=list(Diverged._fields))


def divergence_sentences(
    diverged: pd.DataFrame, systems: Sequence[System], seeds: int
) -> list[str]:
    """Say of each system that diverged with which seeds and what learning rate it did.

    Parameters
    ----------
    diverged : DataFrame
        As of `diverged_table`.
    systems : sequence of System
    seeds : int
        How many each was trained with.
    """
    trainers = {system.name: system.trainer for system in systems}
    sentences = []
    for name in dict.fromkeys(diverged["system"]):
        rows = diverged[diverged["system"] == name]
        numbers = ", ".join(str(seed) for seed in rows["seed"])
        sentences.append(
            f"{name} diverged at learning rate {rows['learning_rate'].iloc[0]:g} with "
            f"{len(rows)} of {counted(seeds, 'seed')} ({numbers}) and is left out: "
            f"lower compare.learning_rate.{trainers[name]}."
        )
    return sentences
