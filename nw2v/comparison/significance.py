"""Which differences between systems stand: tests over the material and over seeds, corrected."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nw2v.comparison.runs import CROSS_ENTROPY, Runs

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.evaluation import AnalogySet, SimilaritySet
    from nw2v.evaluation.comparison import Difference
    from nw2v.evaluation.heldout import HeldoutPairs

SIGNIFICANCE = 0.05
RESAMPLES = 10_000
"""Of the bootstraps, at least."""

Tests = Callable[[Sequence[np.ndarray]], "list[Difference]"]


def tests_table(
    runs: Runs,
    pairs: HeldoutPairs,
    analogies: Mapping[str, AnalogySet],
    similarity: Mapping[str, SimilaritySet],
) -> pd.DataFrame:
    """Test the difference of each two systems on each metric, all of them as one family.

    Parameters
    ----------
    runs : mapping
        Each system with the same seeds.
    pairs : HeldoutPairs
    analogies, similarity : mapping of str to set

    Returns
    -------
    DataFrame
        `Comparison.tests`.
    """
    import pandas as pd

    from nw2v.evaluation.comparison import paired_difference_over_seeds

    found = {}
    if len(runs) > 1:
        of_system = {system.name: [*several.values()] for system, several in runs.items()}
        everything = [run for several in of_system.values() for run in several]
        keys = dict.fromkeys(key for run in everything for key in run.scores)
        # What a system does not have with each seed cannot be compared.
        having = {
            key: [n for n, several in of_system.items() if all(key in r.scores for r in several)]
            for key in keys
        }
        count = sum(math.comb(len(names), 2) for names in having.values())
        tests = _tests(everything[0].known, pairs, analogies, similarity, resamples_for(count))
        for key, names in having.items():
            details = [np.array([run.details[key] for run in of_system[name]]) for name in names]
            both = itertools.combinations(names, 2)
            for (a, b), difference in zip(both, tests[key[1]](details), strict=True):
                scores = ([run.scores[key] for run in of_system[name]] for name in (a, b))
                seeds = paired_difference_over_seeds(*scores)
                found[a, b, key] = (
                    a, b, *key, difference.difference, difference.low, difference.high,
                    difference.p_value, seeds.low, seeds.high,
                )  # fmt: skip
        two = itertools.combinations(of_system, 2)
        found = {k: found[k] for k in ((*ab, key) for ab in two for key in keys) if k in found}
    return judged(
        pd.DataFrame(
            found.values(),
            columns=[
                "system_a", "system_b", "vectors", "metric", "difference", "low", "high",
                "p_value", "seeds_low", "seeds_high",
            ],
        )
    )  # fmt: skip


def judged(tests: pd.DataFrame) -> pd.DataFrame:
    """Correct p-values for all tests of a table together, and say which system is better.

    Every row may be read as a finding, so all rows are one family: that any finding among them is
    false has a probability of at most `SIGNIFICANCE`.

    Parameters
    ----------
    tests : DataFrame
        Columns metric, difference, p_value, seeds_low, seeds_high, and any others.

    Returns
    -------
    DataFrame
        With the columns holm, behind p_value, and better ("a", "b" or "").
    """
    from nw2v.evaluation.comparison import holm

    adjusted = holm(tests["p_value"].to_numpy(float))
    columns = ("metric", "difference", "seeds_low", "seeds_high")
    rows = zip(*(tests[column] for column in columns), adjusted, strict=True)
    table = tests.assign(better=[_better(*row) for row in rows])
    table.insert(list(table.columns).index("p_value") + 1, "holm", adjusted)
    return table


def resamples_for(tests: int) -> int:
    """Give the resamples with which a bootstrap's least p-value stands in a family of `tests`.

    That is 2 / (resamples + 1), multiplied by `tests`: half of `SIGNIFICANCE` at most.
    """
    return max(RESAMPLES, math.ceil(4 * tests / SIGNIFICANCE))


def _better(
    metric: str, difference: float, seeds_low: float, seeds_high: float, holm: float
) -> str:
    """Which of two systems is better, "" where that cannot be told.

    Both must say so: the test over the material, after Holm's correction, and the seeds, of which
    one alone says nothing.
    """
    if not holm < SIGNIFICANCE or not (seeds_low > 0 or seeds_high < 0):
        return ""
    return "a" if (difference < 0) == (metric == CROSS_ENTROPY) else "b"


def _tests(
    known: Mapping[str, np.ndarray],
    pairs: HeldoutPairs,
    analogies: Mapping[str, AnalogySet],
    similarity: Mapping[str, SimilaritySet],
    resamples: int,
) -> dict[str, Tests]:
    """Give the test of each metric: of the systems' details, (seeds, n) each, each two of them."""
    from nw2v.evaluation.bootstrap import (
        analogy_differences,
        question_pairs,
        similarity_differences,
    )
    from nw2v.evaluation.comparison import cross_entropy_difference

    def cross_entropies(details: Sequence[np.ndarray]) -> list[Difference]:
        sizes = np.diff(pairs.offsets)
        return [
            cross_entropy_difference(a, b, sizes, pairs.sentences)
            for a, b in itertools.combinations(details, 2)
        ]

    tests: dict[str, Tests] = {CROSS_ENTROPY: cross_entropies}
    for name, questions in analogies.items():
        tests[f"analogies {name}"] = functools.partial(
            analogy_differences,
            pairs=question_pairs(questions),
            answerable=known[f"analogies {name}"],
            resamples=resamples,
        )
    for name, rated in similarity.items():
        judgements = np.array([judged for _, _, judged in rated.pairs])
        tests[f"similarity {name}"] = functools.partial(
            similarity_differences, judgements=judgements, resamples=resamples
        )
    return tests
