"""The compiled pass against its plain twin, and against the expectation it estimates."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.corpus import EncodedText
from nw2v.jit import COMPILED
from nw2v.jit.random import stream_key
from nw2v.kernels.negative_sampling import (
    LARGEST_DRIFT,
    LARGEST_POOL,
    Negatives,
    merging,
    negative_sampling_pass,
    pool_size,
    workspace_for,
)
from nw2v.kernels.noise import noise_counts, noise_probabilities, noise_table
from nw2v.kernels.stream import Piece, Text, window_law
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer
from nw2v.training.trainer import Progress
from tests import naive
from tests.kernels.texts import random_text


def parameters_for(vocabulary, dim, portable, seed=0):
    parameters = Parameters(vocabulary, dim, seed=seed, initial_scale=dim, portable=portable)
    generator = np.random.default_rng(seed)
    parameters.outside_vectors[:] = generator.uniform(-0.5, 0.5, (vocabulary, dim))
    return parameters


def run(parameters, text, law, negatives, key, rate):
    length = parameters.centers.shape[1]
    workspace = workspace_for(len(text.tokens), law.window, negatives.pool, length)
    return negative_sampling_pass(
        parameters.lanes,
        parameters.centers,
        parameters.outsides,
        text,
        law,
        negatives,
        Piece(0, len(text.offsets) - 1, key, rate, rate),
        workspace,
    )


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(
    ("dim", "window", "subsample", "shrink", "pool", "merged_every", "merged_words", "K"),
    [
        (5, 2, 0.0, True, 8, 1, 30, 1),
        (20, 5, 0.05, True, 24, 2, 3, 5),
        (33, 3, 0.0, False, 13, 3, 0, 7),
    ],
)
def test_a_pass_equals_the_plain_twin(
    portable, dim, window, subsample, shrink, pool, merged_every, merged_words, K
):
    sentences, text, counts = random_text(dim, sentences=20)
    law = window_law(counts, window=window, subsample=subsample, shrink=shrink)
    entries = noise_counts(counts / counts.sum())
    negatives = Negatives(noise_table(entries, 1), pool, merged_every, merged_words, float(K))
    key = stream_key(1, 0, "stream")
    comp = parameters_for(len(counts), dim, portable)
    V, U = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    ref_loss, ref_pairs = naive.negative_sampling_pass(
        V, U, sentences, law.keep_thresholds, window, shrink, int(key), negatives.table, pool,
        merged_every, merged_words, K, rate=0.05,
    )  # fmt: skip
    loss, pairs, _ = run(comp, text, law, negatives, key, 0.05)
    assert pairs == ref_pairs
    assert loss == pytest.approx(ref_loss, rel=1e-5)
    np.testing.assert_allclose(comp.center_vectors, V, atol=2e-5)
    np.testing.assert_allclose(comp.outside_vectors, U, atol=2e-5)
    assert (comp.centers[:, dim:] == 0).all() and (comp.outsides[:, dim:] == 0).all()


def test_a_learning_rate_of_zero_changes_nothing():
    _, text, counts = random_text(3)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = Negatives(
        noise_table(noise_counts(counts / counts.sum()), 1), 8, 2, len(counts), 5.0
    )
    parameters = parameters_for(len(counts), 10, portable=False)
    before = parameters.centers.copy(), parameters.outsides.copy()
    loss, pairs, kept = run(parameters, text, law, negatives, stream_key(1), 0.0)
    assert loss > 0 and pairs > 0 and kept == len(text.tokens)
    np.testing.assert_array_equal(parameters.centers, before[0])
    np.testing.assert_array_equal(parameters.outsides, before[1])


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
def test_the_mean_gradient_is_that_of_k_negatives_for_each_pair():
    """One window, many pools: mean step and mean loss against the exact expectation."""
    vocabulary, dim, K, pool = 12, 6, 3, 8
    center, outside_words = 4, [1, 1, 7]
    text = Text(np.array([1, center, 1, 7], dtype=np.int32), np.array([0, 4], dtype=np.int64))
    counts = np.arange(1, vocabulary + 1)
    law = window_law(counts, window=3, subsample=0.0, shrink=False)
    entries = noise_counts(counts / counts.sum())
    P = noise_probabilities(entries)
    start = parameters_for(vocabulary, dim, portable=False, seed=3)
    V, U = (x.astype(np.float64) for x in (start.center_vectors, start.outside_vectors))
    # The exact expectation over the four centers of the sentence, at fixed parameters.
    expected_loss, gradient_V, gradient_U = 0.0, np.zeros_like(V), np.zeros_like(U)
    words = [1, center, 1, 7]
    for i, c in enumerate(words):
        for j, o in enumerate(words):
            if i == j:
                continue
            s = naive.sigmoid(U[o] @ V[c])
            expected_loss -= np.log(s)
            gradient_V[c] += (s - 1) * U[o]
            gradient_U[o] += (s - 1) * V[c]
            for w in range(vocabulary):
                s = naive.sigmoid(U[w] @ V[c])
                expected_loss -= K * P[w] * np.log(1 - s)
                gradient_V[c] += K * P[w] * s * U[w]
                gradient_U[w] += K * P[w] * s * V[c]
    assert outside_words == [w for k, w in enumerate(words) if k != 1]
    rate, draws = 1e-3, 20_000
    negatives = Negatives(noise_table(entries, 1), pool, 1, vocabulary, float(K))
    losses = np.zeros(draws)
    steps_V, steps_U = np.zeros_like(V), np.zeros_like(U)
    for n in range(draws):
        start.center_vectors[:], start.outside_vectors[:] = V, U
        losses[n] = run(start, text, law, negatives, stream_key(n), rate)[0]
        steps_V += (start.center_vectors - V) / draws
        steps_U += (start.outside_vectors - U) / draws
    # The parameters move a little between the four windows: terms of the order of the rate.
    assert losses.mean() == pytest.approx(expected_loss, abs=5 * losses.std() / draws**0.5 + 0.02)
    for steps, gradient in ((steps_V, gradient_V), (steps_U, gradient_U)):
        error = np.linalg.norm(-steps / rate - gradient) / np.linalg.norm(gradient)
        assert error < 0.02


def test_the_pool_grows_with_the_negatives_of_a_window():
    sizes = [pool_size(n) for n in (3, 30, 320, 10**6)]
    assert sizes == sorted(sizes)
    # On average a negative weighs less than an outside word, even for the widest windows.
    assert all(n / pool_size(n) < 1 for n in (3, 30, 320, 2000))
    assert sizes[-1] == LARGEST_POOL


def test_copies_are_merged_the_more_often_the_harder_they_are_pushed():
    P = np.arange(1, 10_001) ** -0.75
    P /= P.sum()
    one, two = (merging(0.05, 30, P, 48, threads) for threads in (1, 2))
    assert 1 < two[0] < one[0] < 48 and one[1] < two[1] < 1000
    assert merging(0.05, 320, P, 512, threads=2)[0] == 1
    for every, words in (one, merging(0.025, 6, P, 10, 1)):
        drift = (0.05 if every == one[0] else 0.025) * (30 if every == one[0] else 6) * P
        assert (drift[:words] * every <= LARGEST_DRIFT).all()
        assert (drift[words:] * (48 if every == one[0] else 10) <= LARGEST_DRIFT).all()
    assert merging(0.001, 6, P, 10, 1) == (10, 0)


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
@pytest.mark.parametrize(("window", "negatives"), [(15, 20), (5, 50)])
def test_wide_windows_and_many_negatives_train_stably(window, negatives):
    """A skewed vocabulary, whose most frequent word is in the pool many times over."""
    _, text, counts = random_text(6, vocabulary=300, sentences=1000, longest=40)
    settings = TrainingSettings(
        window=window, negatives=negatives, subsample=0.0, dim=20, epochs=2, threads=1
    )
    parameters = Parameters(len(counts), 20, seed=1, initial_scale=8.0)
    trainer = StreamTrainer(EncodedText(*text), counts, parameters, settings.resolved(counts))
    trainer.prepare()
    reports: list[Progress] = []
    for epoch in range(2):
        trainer.run_epoch(epoch, reports.append)
    knows_nothing = (1 + negatives) * np.log(2)
    assert all(report.loss / report.pairs < 1.01 * knows_nothing for report in reports)
    assert reports[-1].loss / reports[-1].pairs < 0.9 * knows_nothing


def test_training_lowers_the_loss():
    _, text, counts = random_text(5, sentences=60)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = Negatives(
        noise_table(noise_counts(counts / counts.sum()), 1), 12, 2, len(counts), 2.0
    )
    parameters = Parameters(len(counts), 10, seed=1, initial_scale=1.0)
    losses = []
    for epoch in range(20 if COMPILED else 5):
        loss, pairs, _ = run(parameters, text, law, negatives, stream_key(1, epoch), 0.1)
        losses.append(loss / pairs)
    assert losses[0] == pytest.approx(3 * np.log(2), abs=0.2)
    assert losses[-1] < losses[0] - (0.05 if COMPILED else 0.01)
