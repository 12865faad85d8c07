"""How the vectors of the systems differ as spaces."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.comparison.runs import VECTORS, Runs

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.corpus import Split

MODELS_KEPT = 2
"""Models of each system that are kept in memory: the first two seeds."""


def spaces_tables(
    runs: Runs, split: Split, shared: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the spaces of each system's first seed, and the lengths of vectors in them."""
    import pandas as pd

    from nw2v.evaluation.spaces import isotropy, norms_by_frequency, shifted_pmi_agreement

    counts = split.vocabulary.counts
    rows, norms = [], []
    for system, several in runs.items():
        first = next(iter(several.values()))
        model, noise = first.model, first.noise
        assert model is not None
        for kind in VECTORS:
            even = isotropy(model.word_vectors(kind).vectors)
            rows += [
                (system.name, kind, measure, value) for measure, value in even._asdict().items()
            ]
        for kind, vectors in (
            ("center", model.center_vectors),
            ("outside", model.outside_vectors),
        ):
            table = norms_by_frequency(vectors, counts)
            norms.append(table.assign(system=system.name, vectors=kind))
        if noise is not None and system.negatives is not None:
            n_co = split.cooccurrences(
                window=shared.get("window", 5),
                subsample=shared.get("subsample", 1e-4),
                shrink_window=shared.get("shrink_window", True),
                threads=shared.get("threads"),
            )
            agreement = shifted_pmi_agreement(
                model.center_vectors, model.outside_vectors,
                n_co.offsets, n_co.words, n_co.counts, noise, system.negatives,
            )  # fmt: skip
            rows += [
                (system.name, "model", f"shifted PMI: {measure.replace('_', ' ')}", float(value))
                for measure, value in agreement._asdict().items()
            ]
    return (
        pd.DataFrame(rows, columns=["system", "vectors", "measure", "value"]),
        pd.concat(norms, ignore_index=True),
    )


def space_pairs_table(runs: Runs) -> pd.DataFrame:
    """Measure how much each two spaces, of different seeds, have in common."""
    import pandas as pd

    from nw2v.evaluation.spaces import neighbour_overlap, procrustes_distance

    items = [(system.name, [*several.values()]) for system, several in runs.items()]
    rows = []
    pairs = itertools.combinations_with_replacement(items, 2)
    for (a, of_a), (b, of_b) in pairs if len(items[0][1]) > 1 else ():
        for kind in VECTORS:
            # Of the same seed, two systems have the same initial vectors and look alike for it.
            several = [(of_a[0], of_b[1]), (of_a[1], of_b[0])][: 1 if a == b else 2]
            found = []
            for both in several:
                spaces = [run.model.word_vectors(kind).vectors for run in both if run.model]
                overlap = neighbour_overlap(*spaces, k=min(10, len(spaces[0]) - 1))
                found.append((overlap.mean, procrustes_distance(*spaces)))
            rows.append((a, b, kind, *np.mean(found, axis=0)))
    return pd.DataFrame(
        rows,
        columns=["system_a", "system_b", "vectors", "neighbour_overlap", "procrustes_distance"],
    )
