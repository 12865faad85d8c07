"""The compiled pass against its plain twin, and against the expectation it estimates."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest

from nw2v.corpus import EncodedText
from nw2v.jit import COMPILED
from nw2v.jit.atomics import LINE_BYTES
from nw2v.jit.batches import COPIED
from nw2v.jit.random import stream_key
from nw2v.kernels import negative_sampling
from nw2v.kernels.crew import members_of
from nw2v.kernels.negative_sampling import (
    BATCH,
    BATCH_COUNTERS,
    COUNTERS,
    LARGEST_DRIFT,
    LEAST_REMEMBERED,
    MOST_AT_ONCE,
    MOST_CHANGES,
    MOST_NEGATIVES_A_STEP,
    MOST_REMEMBERED,
    NEGATIVE_DRIFT,
    Batch,
    Negatives,
    batch_size,
    batches_at_once,
    begin_together,
    negative_sampling_pass,
    parts_of,
    pool_size,
    remembered_negatives,
    team_for,
    windows_alike,
    with_room,
    work_together,
    workspace_for,
)
from nw2v.kernels.noise import (
    TABLE_REPEATS,
    noise_counts,
    noise_probabilities,
    noise_table,
)
from nw2v.kernels.pieces import Pieces, ledger_for
from nw2v.kernels.stream import Text, Windows, window_law
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


def negatives_for(
    counts, *, pool=8, K=5, windows=BATCH, parts=1, alike=2, pairs_alike=1e6, remembered=100.0
):
    table = noise_table(noise_counts(counts / counts.sum()), 1)
    sigmas = np.zeros(len(counts), dtype=np.float32)
    return Negatives(table, pool, float(K), windows, parts, alike, pairs_alike, remembered, sigmas)


def pieces_of(text, key, rate, bounds=None):
    """Pieces that begin and end with these sentences, by default the whole text, and a ledger."""
    bounds = np.array([0, len(text.offsets) - 1] if bounds is None else bounds)
    firsts = np.zeros(len(bounds) - 1, dtype=np.int64)
    rates, lasts = np.full(len(firsts), rate), np.full(len(firsts), len(text.tokens))
    pieces = Pieces(bounds[:-1], bounds[1:], key, rates, rates, firsts, lasts)
    return pieces, ledger_for(len(firsts))


def sums(ledger):
    return ledger.losses.sum(), ledger.pairs.sum(), ledger.centers.sum()


def workspace_of(parameters, text, law, negatives):
    vocabulary, length = parameters.centers.shape
    return workspace_for(len(text.tokens), vocabulary, law.window, negatives.pool, length)


def team_of(parameters, text, law, negatives, *, threads, at_once):
    vocabulary, length = parameters.centers.shape
    team = team_for(
        vocabulary, law.window, negatives.pool, length, threads=threads, at_once=at_once
    )
    return with_room(team, len(text.tokens), law.window)


def run(parameters, text, law, negatives, key, rate, bounds=None, workspace=None):
    workspace = workspace or workspace_of(parameters, text, law, negatives)
    pieces, ledger = pieces_of(text, key, rate, bounds)
    matrices = parameters.lanes, parameters.centers, parameters.outsides
    negative_sampling_pass(*matrices, text, law, negatives, pieces, ledger, workspace)
    assert ledger.done.all()
    return sums(ledger)


def run_together(parameters, text, law, negatives, key, rate, bounds=None, *, team):
    pieces, ledger = pieces_of(text, key, rate, bounds)
    matrices = parameters.lanes, parameters.centers, parameters.outsides
    begin_together(text, law, negatives, pieces, ledger, team)

    def work(member):
        of_pieces = text, law, negatives, pieces, ledger
        while not work_together(*matrices, *of_pieces, team, member):
            time.sleep(1e-5)

    helpers = [threading.Thread(target=work, args=(k,)) for k in range(1, members_of(team.crew))]
    for helper in helpers:
        helper.start()
    work(0)
    for helper in helpers:
        helper.join()
    assert ledger.done.all()
    return sums(ledger)


def assert_equals_twin(sentences, text, law, negatives, *, dim, portable, at_once):
    """Train by the kernel (with `at_once`, a crew's) and by the plain twin: all must be equal."""
    # Large steps would make much of what rounding changes.
    key, rate = stream_key(1, 0, "stream"), min(0.05, 1 / negatives.per_pair)
    comp = parameters_for(len(law.keep_limits), dim, portable)
    V, U = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    once = negatives._replace(
        table=negatives.table[:-TABLE_REPEATS], sigmas=negatives.sigmas.copy()
    )
    ref_loss, ref_pairs = naive.negative_sampling_pass(
        V, U, sentences, law.keep_limits, law.window, law.shrink, int(key), once, rate, at_once or 1
    )
    if at_once is None:
        loss, pairs, _ = run(comp, text, law, negatives, key, rate)
    else:
        team = team_of(comp, text, law, negatives, threads=1, at_once=at_once)
        loss, pairs, _ = run_together(comp, text, law, negatives, key, rate, team=team)
    assert pairs == ref_pairs
    assert loss == pytest.approx(ref_loss, rel=1e-5)
    np.testing.assert_allclose(comp.center_vectors, V, atol=2e-5)
    np.testing.assert_allclose(comp.outside_vectors, U, atol=2e-5)
    assert (comp.centers[:, dim:] == 0).all() and (comp.outsides[:, dim:] == 0).all()


# Without compilation there is one path alone.
PORTABLE = [False, True] if COMPILED else [True]
SETTINGS = [
    # dim, window, subsample, shrink, pool, K, windows of a batch, parts, alike, pairs alike,
    # remembered
    (5, 2, 0.0, True, 8, 1, 32, 1, 2, 1e6, 100),
    (20, 5, 0.05, True, 16, 5, 3, 1, 2, 1e6, 50),
    (33, 3, 0.0, False, 24, 7, 32, 4, 2, 2.0, 256),
    (8, 12, 0.0, True, 8, 2, 5, 3, 1, 1e6, 100),
    (4, 1, 0.0, False, 8, 1, 1, 2, 2, 1e6, 0),
    (6, 2, 0.0, True, 8, 90, 16, 7, 1, 0.6, 100),
    (6, 2, 0.0, True, 8, 1, 16, 1, 2, 0.001, 100),
]


@pytest.mark.parametrize("portable", PORTABLE)
@pytest.mark.parametrize("at_once", [None, 2, 5] if COMPILED else [None, 5])
@pytest.mark.parametrize(
    (
        "dim",
        "window",
        "subsample",
        "shrink",
        "pool",
        "K",
        "windows",
        "parts",
        "alike",
        "pairs_alike",
        "remembered",
    ),
    SETTINGS,
)
def test_a_pass_equals_the_plain_twin(
    portable, at_once, dim, window, subsample, shrink, pool, K, windows, parts, alike, pairs_alike,
    remembered,
):  # fmt: skip
    sentences, text, counts = random_text(dim, sentences=20 if COMPILED else 6)
    law = window_law(counts, window=window, subsample=subsample, shrink=shrink)
    negatives = negatives_for(
        counts, pool=pool, K=K, windows=windows, parts=parts, alike=alike, pairs_alike=pairs_alike,
        remembered=remembered,
    )  # fmt: skip
    assert_equals_twin(sentences, text, law, negatives, dim=dim, portable=portable, at_once=at_once)


@pytest.mark.parametrize("portable", PORTABLE)
@pytest.mark.parametrize("at_once", [None, 4])
@pytest.mark.parametrize("pool", [4, 12])
def test_full_batches_and_short_ones_in_turn_equal_the_plain_twin(portable, at_once, pool):
    vocabulary = 200
    generator = np.random.default_rng(pool)
    tokens = generator.integers(0, vocabulary, 600)
    # Here and there, a word that stands beside itself cuts a batch.
    for place in (100, 210, 415, 500):
        tokens[place : place + 12 : 2] = tokens[place]
    tokens = np.concatenate([tokens, np.arange(vocabulary)]).astype(np.int32)
    counts = np.bincount(tokens)
    lengths = [len(batch) for batch in naive.batches_of(tokens.tolist(), BATCH, 4)]
    assert lengths.count(BATCH) > 5 and min(lengths) < BATCH // 2
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = negatives_for(counts, pool=pool, K=2, alike=4)
    text = Text(tokens, np.array([0, len(tokens)]))
    assert_equals_twin(
        [tokens.tolist()], text, law, negatives, dim=9, portable=portable, at_once=at_once
    )


@pytest.mark.parametrize("pool", [4, 8, 12, 16])
def test_negatives_are_read_on_from_the_beginning_of_the_table(pool):
    negatives = negatives_for(np.arange(1, 50), pool=pool)
    table = negatives.table[:-TABLE_REPEATS]
    for before in (0, 2, 4, pool):
        place = (len(table) - before) % len(table)
        words = np.zeros(pool + COPIED, dtype=np.int32)
        after = negative_sampling._draw_negatives((), negatives, place, words)
        places = (place + np.arange(pool)) % len(table)
        np.testing.assert_array_equal(words[:pool], table[places])
        assert after == (place + pool) % len(table)


@pytest.mark.skipif(not COMPILED, reason="without compilation one thread does the work of all")
@pytest.mark.parametrize("portable", PORTABLE)
@pytest.mark.parametrize("parts", [1, 2])
def test_any_number_of_threads_gives_the_same_bits(portable, parts):
    _, text, counts = random_text(4, vocabulary=200, sentences=300)
    law = window_law(counts, window=4, subsample=0.0, shrink=True)
    found = []
    for threads in (1, 2, 3, 9):
        parameters = parameters_for(len(counts), 20, portable)
        negatives = negatives_for(counts**0.75, pool=16, parts=parts)
        team = team_of(parameters, text, law, negatives, threads=threads, at_once=5)
        told = run_together(parameters, text, law, negatives, stream_key(1), 0.02, team=team)
        found.append((told, parameters.centers, parameters.outsides))
    for told, centers, outsides in found[1:]:
        assert told == found[0][0]
        np.testing.assert_array_equal(centers, found[0][1])
        np.testing.assert_array_equal(outsides, found[0][2])


# Without compilation, only one thread may be at work.
@pytest.mark.parametrize("threads", [None, 1, 3] if COMPILED else [None, 1])
def test_pieces_in_one_call_are_those_of_a_call_each(threads):
    """For a thread by itself and for a crew; some of the pieces have no words."""
    _, text, counts = random_text(6, vocabulary=50, sentences=60)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    end = len(text.offsets) - 1
    bounds = [0, 0, 0, 20, 45, 45, end, end]

    def train(parameters, *calls):
        negatives = negatives_for(counts)
        of_text = parameters, text, law, negatives
        workspace = workspace_of(*of_text)
        team = team_of(*of_text, threads=threads or 1, at_once=4)
        for bounds in calls:
            arguments = *of_text, stream_key(2), 0.05, bounds
            if threads is None:
                yield run(*arguments, workspace=workspace)
            else:
                yield run_together(*arguments, team=team)

    together, apart = (parameters_for(len(counts), 12, False) for _ in range(2))
    (told,) = train(together, bounds)
    parts = list(train(apart, *itertools.pairwise(bounds)))
    assert told == pytest.approx(tuple(np.sum(parts, axis=0)))
    assert told[2] == len(text.tokens)
    np.testing.assert_array_equal(together.centers, apart.centers)
    np.testing.assert_array_equal(together.outsides, apart.outsides)


def test_a_piece_without_words_is_done_at_once():
    _, text, counts = random_text(2)
    law = window_law(counts, window=2, subsample=0.0, shrink=True)
    law = law._replace(keep_limits=np.full_like(law.keep_limits, -1), certain=len(counts) - 1)
    arguments = parameters_for(30, 4, False), text, law, negatives_for(counts)
    team = team_of(*arguments, threads=2, at_once=2)
    for told in (
        run(*arguments, stream_key(1), 0.1),
        run_together(*arguments, stream_key(1), 0.1, team=team),
    ):
        assert told == (0.0, 0, 0)


def test_a_learning_rate_of_zero_changes_nothing():
    _, text, counts = random_text(3)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = negatives_for(counts)
    parameters = parameters_for(len(counts), 10, portable=False)
    before = parameters.centers.copy(), parameters.outsides.copy()
    loss, pairs, kept = run(parameters, text, law, negatives, stream_key(1), 0.0)
    assert loss > 0 and pairs > 0 and kept == len(text.tokens)
    np.testing.assert_array_equal(parameters.centers, before[0])
    np.testing.assert_array_equal(parameters.outsides, before[1])


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
def test_the_mean_gradient_is_that_of_k_negatives_for_each_pair():
    """Windows of one step, many pools: mean step and loss against the exact expectation.

    Whatever is expected of sigma, as long as the means are right: the better, the less varies.
    """
    vocabulary, dim, K, pool = 12, 6, 3, 8
    words = [1, 4, 1, 7]
    text = Text(np.array(words, dtype=np.int32), np.array([0, 4], dtype=np.int64))
    counts = np.arange(1, vocabulary + 1)
    law = window_law(counts, window=3, subsample=0.0, shrink=False)
    P = noise_probabilities(noise_counts(counts / counts.sum()))
    start = parameters_for(vocabulary, dim, portable=False, seed=3)
    V, U = (x.astype(np.float64) for x in (start.center_vectors, start.outside_vectors))
    # The exact expectation over the four centers of the sentence, at fixed parameters.
    expected_loss, gradient_V, gradient_U = 0.0, np.zeros_like(V), np.zeros_like(U)
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
    rate, draws, vary = 1e-3, 20_000, []
    mean_sigmas = (1 / (1 + np.exp(-U @ V[words].T))).mean(axis=1)
    for sigmas in (np.zeros(vocabulary), np.linspace(0, 1, vocabulary), mean_sigmas):
        negatives = negatives_for(counts, pool=pool, K=K)
        workspace = workspace_of(start, text, law, negatives)
        losses = np.zeros(draws)
        steps_V, steps_U, squares = np.zeros_like(V), np.zeros_like(U), 0.0
        for n in range(draws):
            start.center_vectors[:], start.outside_vectors[:] = V, U
            negatives.sigmas[:] = sigmas
            # All four windows have three outside words.
            remember(workspace, (P * sigmas) @ U, 3 * K / pool * V[words].mean(axis=0))
            losses[n] = run(start, text, law, negatives, stream_key(n), rate, None, workspace)[0]
            step_V, step_U = start.center_vectors - V, start.outside_vectors - U
            steps_V += step_V / draws
            steps_U += step_U / draws
            squares += ((step_V**2).sum() + (step_U**2).sum()) / draws
        # All windows make one step, at fixed parameters: what is left is the error of the mean.
        assert losses.mean() == pytest.approx(expected_loss, abs=5 * losses.std() / draws**0.5)
        for steps, gradient in ((steps_V, gradient_V), (steps_U, gradient_U)):
            error = np.linalg.norm(-steps / rate - gradient) / np.linalg.norm(gradient)
            assert error < 0.02
        vary.append(squares - (steps_V**2).sum() - (steps_U**2).sum())
    assert vary[2] < 0.6 * vary[0]


def remember(workspace, mean_of_outsides, mean_of_centers):
    """Let means be known as well as can be."""
    batch, dim = workspace.batch, len(mean_of_centers)
    for place in (negative_sampling._NEGATIVES_KNOWN, negative_sampling._CENTERS_KNOWN):
        batch.amounts[place] = MOST_REMEMBERED
    for row, mean in (
        (negative_sampling._OUTSIDE_SUM, mean_of_outsides),
        (negative_sampling._CENTER_SUM, mean_of_centers),
    ):
        batch.means[row, :dim] = MOST_REMEMBERED * mean


def test_the_expectation_holds_for_windows_taken_in_parts():
    """At a rate of zero the loss of all parts is, on average, that of the exact expectation."""
    words = [1, 4, 1, 7, 2, 3, 5]
    text = Text(np.array(words, dtype=np.int32), np.array([0, len(words)], dtype=np.int64))
    counts = np.arange(1, 13)
    law = window_law(counts, window=3, subsample=0.0, shrink=False)
    entries = noise_counts(counts / counts.sum())
    P, K = noise_probabilities(entries), 4
    parameters = parameters_for(12, 6, portable=False, seed=3)
    scores = parameters.center_vectors.astype(np.float64) @ parameters.outside_vectors.T
    expected = 0.0
    for i, c in enumerate(words):
        for j in range(max(0, i - 3), min(len(words), i + 4)):
            if j != i:
                expected += np.logaddexp(0, -scores[c, words[j]])
                expected += K * (P * np.logaddexp(0, scores[c])).sum()
    negatives = negatives_for(counts, K=K, windows=4, parts=3)
    draws = 2000 if COMPILED else 50
    losses = [run(parameters, text, law, negatives, stream_key(n), 0.0)[0] for n in range(draws)]
    assert np.mean(losses) == pytest.approx(expected, abs=5 * np.std(losses) / draws**0.5)


def test_the_pool_grows_with_the_negatives_of_a_step_and_the_rate():
    for mean in (3, 30, 120, 320, 10**6):
        parts = parts_of(mean)
        assert mean / parts <= MOST_NEGATIVES_A_STEP < mean / (parts - 1) if parts > 1 else mean
        # How far the windows of a batch may push a negative, even where windows are wide.
        push = BATCH * 0.05 * mean / parts
        assert push / pool_size(mean / parts, 0.05, MOST_REMEMBERED) <= NEGATIVE_DRIFT
        assert push / pool_size(mean / parts, 0.05, 0.0) <= NEGATIVE_DRIFT
    for sizes in (
        [pool_size(n, 0.05, MOST_REMEMBERED) for n in (3, 30, 64)],
        [pool_size(30, rate, MOST_REMEMBERED) for rate in (1e-9, 0.05, 0.075, 1e9)],
        [pool_size(30, 0.05, remembered) for remembered in (MOST_REMEMBERED, 128, 0)],
    ):
        assert sizes == sorted(set(sizes))


def test_means_are_of_fewer_negatives_where_words_change_quickly():
    assert remembered_negatives(1e-320, 1) == MOST_REMEMBERED
    for changes in (0.1, 0.3):
        found = remembered_negatives(changes, 4)
        assert LEAST_REMEMBERED <= found < MOST_REMEMBERED
        assert 2 * found * 4 * changes == pytest.approx(MOST_CHANGES)
    assert remembered_negatives(1.0, 4) == 0


def test_batches_are_the_smaller_the_harder_a_word_is_pushed():
    assert batch_size(0.01, 2) == batch_size(1e-320, 2) == BATCH
    assert batches_at_once(1e-320) == MOST_AT_ONCE
    assert [batch_size(push, 2) for push in (0.5, 1.0, 100.0)] == [8, 4, 1]
    for push in (0.3, 0.9):
        assert push * batch_size(push, 4) * 4 <= LARGEST_DRIFT
    assert batches_at_once(1e-3) == MOST_AT_ONCE and batches_at_once(10.0) == 2
    at_once = batches_at_once(0.05)
    assert 2 < at_once < MOST_AT_ONCE and batch_size(0.05, at_once) == BATCH


def batches_by_kernel(given, most, alike):
    words = np.array(given, dtype=np.int32)
    tally = np.zeros(BATCH_COUNTERS, dtype=np.int32)
    found, first = [], 0
    while first < len(given):
        end = min(first + most, len(given))
        last = negative_sampling._end_of_batch(words, first, end, alike, tally)
        found.append(list(range(first, last)))
        first = last
    assert not tally.any()
    return found


def test_a_batch_ends_before_a_word_is_center_too_often():
    given = [3, 3, 5, 3, 3, 3, 7, 8, 9, 9]
    expected = [[0, 1, 2], [3, 4], [5, 6, 7, 8], [9]]
    assert batches_by_kernel(given, 4, 2) == naive.batches_of(given, 4, 2) == expected


def test_words_that_share_a_counter_do_not_end_a_batch():
    other = 3 + BATCH_COUNTERS
    assert batches_by_kernel([3, other, 3, other], 4, 2) == [[0, 1, 2, 3]]
    given = [3, other, 3, 3, other, other]
    assert batches_by_kernel(given, 6, 2) == naive.batches_of(given, 6, 2) == [[0, 1, 2], [3, 4, 5]]


def losses_of(text, counts, settings):
    """Train, and give the loss a pair of each piece."""
    parameters = Parameters(len(counts), settings.dim, seed=1, initial_scale=8.0)
    trainer = StreamTrainer(EncodedText(*text), counts, parameters, settings.resolved(counts))
    trainer.prepare()
    reports: list[Progress] = []
    for epoch in range(settings.epochs):
        trainer.run_epoch(epoch, reports.append)
    return [report.loss / report.pairs for report in reports]


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
@pytest.mark.parametrize(("window", "negatives"), [(15, 20), (5, 50), (2, 200)])
def test_wide_windows_and_many_negatives_train_stably(window, negatives):
    """A skewed vocabulary, whose most frequent word is in the pool many times over."""
    _, text, counts = random_text(6, vocabulary=300, sentences=1000, longest=40)
    settings = TrainingSettings(
        window=window, negatives=negatives, subsample=0.0, dim=20, epochs=2, threads=1
    )
    losses = losses_of(text, counts, settings)
    knows_nothing = (1 + negatives) * np.log(2)
    assert all(loss < 1.01 * knows_nothing for loss in losses)
    assert losses[-1] < 0.9 * knows_nothing


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
@pytest.mark.parametrize(("window", "deterministic"), [(5, True), (5, False), (50, False)])
def test_a_text_that_repeats_a_few_words_for_pages_trains_stably(window, deterministic):
    generator = np.random.default_rng(1)
    pages, words, sentence = 60, 10, 100
    tokens = np.concatenate([
        page * words + generator.integers(0, words, 100 * sentence) for page in range(pages)
    ])  # fmt: skip
    text = Text(tokens.astype(np.int32), np.arange(0, len(tokens) + 1, sentence))
    counts = np.bincount(tokens)
    settings = TrainingSettings(
        window=window, deterministic=deterministic, dim=20, epochs=1, threads=2
    )
    # Steps that overshoot grow without bound: the loss of a pair is then in the hundreds.
    assert max(losses_of(text, counts, settings)) < 20


@pytest.mark.parametrize("enough", [1, 5, 1000])
@pytest.mark.parametrize("other", [2, 1 + COUNTERS])
def test_fewer_windows_are_computed_at_once_where_one_word_has_most_pairs(other, enough):
    words = np.array([1, other, 1, 3, 1, 4], dtype=np.int32)
    windows = Windows(words, np.zeros(6, dtype=np.int32), np.array([4, 4, 4, 4, 5, 5], np.int32))
    tally = np.zeros(2 * COUNTERS, dtype=np.int32)
    # Word 1 has 3 + 3 + 4 of the pairs, 60 of 6 times the pairs that may be computed at once; with
    # the other word, which shares its counter, it has 13.
    for pairs_alike, exact in ((0.01, 1), (10.0, 6), (100.0, 60)):
        negatives = negatives_for(np.ones(5), pairs_alike=pairs_alike)
        found = negative_sampling._windows_at_once(windows, 6, negatives, tally, enough)
        assert found == exact or enough <= found < exact
        assert not tally.any()
    assert [windows_alike(push) for push in (0.1, 2.0, 4.0, 4.1, 1e3)] == [4, 4, 2, 1, 1]


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
def test_a_large_vocabulary_whose_words_share_counters():
    sentences, text, counts = random_text(6, vocabulary=3 * COUNTERS, sentences=40)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = negatives_for(counts**0.75, alike=1)
    for at_once in (None, 2):
        assert_equals_twin(sentences, text, law, negatives, dim=8, portable=False, at_once=at_once)


def test_training_lowers_the_loss():
    _, text, counts = random_text(5, sentences=60)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    negatives = negatives_for(counts, pool=16, K=2)
    parameters = Parameters(len(counts), 10, seed=1, initial_scale=1.0)
    losses = []
    for epoch in range(20 if COMPILED else 5):
        loss, pairs, _ = run(parameters, text, law, negatives, stream_key(1, epoch), 0.1)
        losses.append(loss / pairs)
    assert losses[0] == pytest.approx(3 * np.log(2), abs=0.2)
    assert losses[-1] < losses[0] - (0.05 if COMPILED else 0.01)


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
def test_running_means_are_those_of_the_last_negatives_and_centers():
    """At a rate of zero they go on from call to call, and estimate what derivations.md calls them.

    Sentences of one word, without outside words, weigh nothing and change no expected sigma.
    """
    _, text, counts = random_text(8, vocabulary=12, sentences=40)
    law = window_law(counts, window=2, subsample=0.0, shrink=False)
    negatives = negatives_for(counts, K=3, remembered=200.0)
    parameters = parameters_for(12, 6, portable=False, seed=3)
    workspace = workspace_of(parameters, text, law, negatives)
    batch, calls = workspace.batch, 400
    known = negative_sampling._NEGATIVES_KNOWN, negative_sampling._CENTERS_KNOWN
    sums = [negative_sampling._OUTSIDE_SUM, negative_sampling._CENTER_SUM]
    negatives.sigmas[:] = 0.5
    means, sigmas = np.zeros((2, 6)), np.zeros(12)
    for n in range(calls):
        run(parameters, text, law, negatives, stream_key(n), 0.0, None, workspace)
        if n >= calls // 2:
            means += batch.means[sums, :6] / [[200], [400]] / (calls // 2)
            sigmas += negatives.sigmas / (calls // 2)
    assert batch.amounts[list(known)] == pytest.approx([200, 400], rel=0.02)
    P = noise_probabilities(noise_counts(counts / counts.sum()))
    expected = [(P * sigmas) @ parameters.outside_vectors, np.zeros(6)]
    for sentence in np.split(text.tokens, text.offsets[1:-1]):
        for i, word in enumerate(sentence):
            outside_words = min(i, 2) + min(len(sentence) - 1 - i, 2)
            weight = outside_words * 3 / negatives.pool
            expected[1] += weight * parameters.center_vectors[word] / len(text.tokens)
    np.testing.assert_allclose(means, expected, atol=0.02)

    alone = Text(text.tokens, np.arange(len(text.tokens) + 1))
    before = negatives.sigmas.copy()
    run(parameters, alone, law, negatives, stream_key(0), 0.1, None, workspace)
    np.testing.assert_array_equal(negatives.sigmas, before)


def test_what_a_thread_writes_shares_no_cache_line_with_what_another_needs():
    def assert_apart(*rooms):
        first, second = map(lines_of, rooms)
        assert first and not first & second

    def lines_of(room):
        if isinstance(room, tuple):
            return set().union(*map(lines_of, room))
        return {(room.ctypes.data + byte) // LINE_BYTES for byte in range(room.nbytes)}

    def one_of(batches, g):
        return Batch(*(array[g] for array in batches))

    assert_apart(*(workspace_for(40, 50, 2, 4, 24) for _ in range(2)))
    team = team_for(50, 2, 4, 24, threads=2, at_once=2)
    for batches in (team.batches, team.mine):
        assert_apart(one_of(batches, 0), one_of(batches, 1))
    assert_apart(team.batches, team.mine)
    assert_apart(team.crew.claims, team.crew.state)
    members = team.crew.claims.reshape(2, -1)
    assert_apart(members[0], members[1])
