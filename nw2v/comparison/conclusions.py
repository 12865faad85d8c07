"""What can be concluded from a comparison, and what cannot, in a few plain sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nw2v.comparison.divergence import divergence_sentences
from nw2v.comparison.matrix import Standing, standings
from nw2v.comparison.runs import CROSS_ENTROPY

if TYPE_CHECKING:
    from nw2v.comparison.compare import Comparison

LITTLE = 100
"""A set of which fewer questions or pairs are known rests on little."""


def conclusions(comparison: Comparison) -> list[str]:
    """Say in sentences what can be concluded, and what cannot."""
    return [
        *divergence_sentences(comparison.diverged, comparison.systems, len(comparison.seeds)),
        *_told(comparison),
        *_other_order(comparison),
        *_worse_than_frequencies(comparison),
        *_little(comparison),
    ]


def _told(comparison: Comparison) -> Iterator[str]:
    several = standings(comparison)
    if not several:
        yield "Only one system is left: there is nothing to compare it with."
        return
    if len(comparison.seeds) == 1:
        yield (
            "Nothing can be concluded from one seed: another one may turn every difference around. "
            "Take compare.seeds=5."
        )
        return
    count = len(comparison.compared)
    others = "the other" if count == 2 else "all others"
    alone: dict[str, list[str]] = {}
    for standing in several:
        if not standing.alike:
            alone.setdefault(standing.best, []).append(standing.name)
    for name, metrics in alone.items():
        yield f"{name} is better than {others} on {_listed(metrics)}."
    shared = [standing for standing in several if standing.alike and standing.worse]
    if shared:
        groups = "; ".join(map(_group, shared))
        yield f"There is no single best, though some systems are worse than it, on {groups}."
    none = [standing.name for standing in several if not standing.worse]
    if none:
        whom = (
            "the two cannot be told apart"
            if count == 2
            else ("no system can be told apart from the best")
        )
        yield f"On {_listed(none)} {whom}. That does not show that they are equal."


def _group(standing: Standing) -> str:
    best = [standing.best, *standing.alike]
    return f"{standing.name} ({len(best)} of {len(best) + len(standing.worse)} may be the best)"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _mean_entropies(comparison: Comparison) -> dict[str, float]:
    summary = comparison.summary
    rows = summary[summary["metric"] == CROSS_ENTROPY]
    return dict(zip(rows["system"], rows["mean"], strict=True))


def _other_order(comparison: Comparison) -> Iterator[str]:
    """Say which cross-entropies would be in another order had training ended earlier."""
    last, costs = _mean_entropies(comparison), comparison.costs.set_index("system")
    best = {name: float(costs["best_cross_entropy"][name]) for name in last}
    ahead: dict[str, list[str]] = {}
    for a, b in itertools.permutations(last, 2):
        if best[a] < best[b] and last[a] > last[b]:
            ahead.setdefault(a, []).append(b)
    for name, passed in ahead.items():
        passes, best_pass = (int(costs[column][name]) for column in ("passes", "best_pass"))
        whom = passed[0] if len(passed) == 1 else f"{len(passed)} systems"
        yield (
            f"The cross-entropy of {name} was least after pass {best_pass} of {passes} "
            f"({best[name]:.4f}): at its best it is ahead of {whom} that it ends behind."
        )


def _worse_than_frequencies(comparison: Comparison) -> Iterator[str]:
    unigram = comparison.facts["unigram"]
    worse = [name for name, mean in _mean_entropies(comparison).items() if mean >= unigram]
    if worse:
        yield (
            f"No better on cross-entropy than word frequencies alone ({unigram:.4f}): "
            f"{'; '.join(worse)}."
        )


def _little(comparison: Comparison) -> Iterator[str]:
    known = comparison.facts["known"].items()
    unknown = [f"{name} ({total:,})" for name, (some, total) in known if not some]
    if unknown:
        yield f"Not scored, since no question or pair is known: {_listed(unknown)}."
    little = [
        f"{name} ({some:,} of {total:,})" for name, (some, total) in known if 0 < some < LITTLE
    ]
    if little:
        yield f"Few questions or pairs are known, so that little can be told, of {_listed(little)}."
