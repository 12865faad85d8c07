"""Small random texts for the kernels' tests, and what kernels take beside them."""

from __future__ import annotations

import numpy as np

from nw2v.jit import COMPILED
from nw2v.jit.batches import BATCH
from nw2v.kernels.negative_sampling import Vectors
from nw2v.kernels.noise import noise_counts, noise_table
from nw2v.kernels.piece_plans import BatchLaw
from nw2v.kernels.pieces import Pieces, ledger_for
from nw2v.kernels.stream import Text
from nw2v.training.parameters import Parameters

# Without compilation there is one path alone.
PORTABLE = [False, True] if COMPILED else [True]


def random_text(seed=0, vocabulary=30, sentences=40, longest=20):
    """Sentences as lists of word ids, the same as a Text, and the counts (none zero)."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, longest, sentences)
    words = [list(generator.zipf(1.5, n) % vocabulary) for n in lengths] + [list(range(vocabulary))]
    words = [[int(w) for w in sentence] for sentence in words]
    tokens = np.array([w for sentence in words for w in sentence], dtype=np.int32)
    offsets = np.cumsum([0] + [len(sentence) for sentence in words]).astype(np.int64)
    return words, Text(tokens, offsets), np.bincount(tokens, minlength=vocabulary)


def batch_law_for(
    counts,
    *,
    pool=8,
    K=5,
    windows=BATCH,
    parts=1,
    alike=2,
    pairs_alike=1e6,
    memory=100.0,
    most_changes=1e9,
    local_pool=None,
    concentration=1.0,
):
    """Negative samples by these counts, and how many windows share them."""
    table = noise_table(noise_counts(counts / counts.sum()), 1)
    return BatchLaw(
        table, pool, local_pool or pool, float(K), windows, parts, alike, pairs_alike, memory,
        most_changes, concentration,
    )  # fmt: skip


def vectors_of(parameters):
    """What the kernels train."""
    return Vectors(parameters.lanes, parameters.center_rows, parameters.outside_rows)


def parameters_for(vocabulary, dim, portable, seed=0):
    parameters = Parameters(vocabulary, dim, seed=seed, initial_scale=dim, portable=portable)
    generator = np.random.default_rng(seed)
    parameters.outside_vectors[:] = generator.uniform(-0.5, 0.5, (vocabulary, dim))
    return parameters


def pieces_of(text, key, rate, bounds=None, last_rate=None):
    """Pieces that begin and end with these sentences, by default the whole text, and a ledger."""
    bounds = np.array([0, len(text.offsets) - 1] if bounds is None else bounds)
    firsts = np.zeros(len(bounds) - 1, dtype=np.int64)
    rates, last_rates = (np.full(len(firsts), rate if r is None else r) for r in (rate, last_rate))
    lasts = np.full(len(firsts), len(text.tokens))
    pieces = Pieces(bounds[:-1], bounds[1:], key, rates, last_rates, firsts, lasts)
    return pieces, ledger_for(len(firsts))


def sums(ledger):
    return ledger.losses.sum(), ledger.pairs.sum(), ledger.centers.sum()
