"""A comparison with scores and tests as a case needs them, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from nw2v.comparison import Comparison, System
from nw2v.comparison.divergence import Diverged, diverged_table
from nw2v.comparison.runs import CROSS_ENTROPY

EXACT = System("naive_softmax", "cooccurrence")
FEW = System("negative_sampling", "stream", 5)
MANY = System("negative_sampling", "stream", 15)


def comparison(
    means: Mapping[tuple[str, str], Mapping[System, float]],
    better: Mapping[tuple[str, str], Sequence[tuple[System, System]]],
    *,
    seeds: int = 5,
    best: Mapping[System, tuple[float, int]] | None = None,
    diverged: Sequence[Diverged] = (),
    known: Mapping[str, tuple[int, int]] | None = None,
) -> Comparison:
    """Make one, of means by metric and vectors, and who was told to be better than whom.

    `best` are the lowest cross-entropies and the passes after which they were reached, of 20.
    """
    systems = list(dict.fromkeys(system for by_system in means.values() for system in by_system))
    summary = pd.DataFrame(
        [
            (system.name, vectors, metric, mean, mean - 0.01, mean + 0.01)
            for (metric, vectors), by_system in means.items()
            for system, mean in by_system.items()
        ],
        columns=["system", "vectors", "metric", "mean", "low", "high"],
    )
    tests = pd.DataFrame(
        [
            (a.name, b.name, vectors, metric, "a")
            for (metric, vectors), several in better.items()
            for a, b in several
        ],
        columns=["system_a", "system_b", "vectors", "metric", "better"],
    )
    entropies = means.get((CROSS_ENTROPY, "model"), {})
    reached = {system: (mean, 20) for system, mean in entropies.items()} | dict(best or {})
    costs = pd.DataFrame(
        [(system.name, 20, *reached[system]) for system in entropies],
        columns=["system", "passes", "best_cross_entropy", "best_pass"],
    )
    lost = diverged_table(diverged)
    names = {system.name for system in systems}
    others = [s for s in (EXACT, FEW, MANY) if s.name in set(lost["system"]) - names]
    empty = pd.DataFrame()
    return Comparison(
        systems=[*systems, *others], seeds=list(range(1, seeds + 1)), scores=empty, curves=empty,
        summary=summary, tests=tests, costs=costs, settings=empty, spaces=empty,
        space_pairs=empty, norms=empty, diverged=lost,
        facts={"unigram": 8.5, "known": dict(known or {})},
    )  # fmt: skip
