"""The compiled pass against its plain twin, and against the expectation it estimates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nw2v.corpus import EncodedText
from nw2v.jit import COMPILED
from nw2v.jit.atomics import LINE_BYTES
from nw2v.jit.batches import BATCH
from nw2v.jit.random import stream_key
from nw2v.kernels.batch_sizes import LONGEST_MEMORY
from nw2v.kernels.control_variate import OF_CENTERS, OF_NEGATIVES
from nw2v.kernels.negative_sampling import negative_sampling_pass, new_workspace
from nw2v.kernels.noise import TABLE_REPEATS, noise_counts, noise_probabilities
from nw2v.kernels.piece_plans import COUNTERS
from nw2v.kernels.stream import Text, window_law
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer
from nw2v.training.trainer import Progress
from tests import naive
from tests.kernels.texts import (
    PORTABLE,
    batch_law_for,
    parameters_for,
    pieces_of,
    random_text,
    sums,
    vectors_of,
)


def workspace_of(parameters, text, law, batch_law):
    rows, length = parameters.center_rows.shape
    return new_workspace(len(text.tokens), rows, law.window, batch_law.local_pool, length)


def run(parameters, text, law, batch_law, key, rate, bounds=None, workspace=None, last_rate=None):
    workspace = workspace or workspace_of(parameters, text, law, batch_law)
    pieces, ledger = pieces_of(text, key, rate, bounds, last_rate)
    negative_sampling_pass(vectors_of(parameters), text, law, batch_law, pieces, ledger, workspace)
    assert ledger.done.all()
    return sums(ledger)


def assert_equals_twin(sentences, text, law, batch_law, *, dim, portable):
    """Train by the kernel and by the plain twin: all must be equal."""
    # Large steps would make much of what rounding changes.
    key, rate = stream_key(1, 0, "stream"), min(0.05, 1 / batch_law.negatives_a_pair)
    comp = parameters_for(len(law.keep_limits), dim, portable)
    V, U = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    once = batch_law._replace(table=batch_law.table[:-TABLE_REPEATS])
    sigmas = np.zeros(len(V))
    ref_loss, ref_pairs = naive.negative_sampling_pass(
        V, U, sentences, law, int(key), once, sigmas, rate, rate / 3
    )
    workspace = workspace_of(comp, text, law, batch_law)
    loss, pairs, _ = run(
        comp, text, law, batch_law, key, rate, workspace=workspace, last_rate=rate / 3
    )
    assert pairs == ref_pairs
    assert loss == pytest.approx(ref_loss, rel=1e-5)
    np.testing.assert_allclose(comp.center_vectors, V, atol=2e-5)
    np.testing.assert_allclose(comp.outside_vectors, U, atol=2e-5)
    np.testing.assert_allclose(workspace.memory.sigmas[: len(V)], sigmas, atol=2e-5)
    assert (comp.centers[:, dim:] == 0).all() and (comp.outsides[:, dim:] == 0).all()


SETTINGS = [
    # dim, window, subsample, shrink, pool, K, windows of a batch, parts, alike, pairs alike,
    # memory, most changes, concentration
    (5, 2, 0.0, True, 8, 1, 32, 1, 2, 1e6, 100, 80.0, 0.0),
    (20, 5, 0.05, True, 16, 5, 3, 1, 2, 1e6, 50, 1e9, 1.0),
    (33, 3, 0.0, False, 24, 7, 32, 4, 2, 2.0, 256, 1e9, 1.0),
    (8, 12, 0.0, True, 8, 2, 5, 3, 1, 1e6, 100, 1.0, 0.0),
    (9, 9, 0.0, False, 4, 5, 32, 2, 9, 1e6, 100, 1e3, 0.0),
    (4, 1, 0.0, False, 8, 1, 1, 2, 2, 1e6, 0, 1e9, 1.0),
    (6, 2, 0.0, True, 8, 90, 16, 7, 1, 0.6, 100, 1e9, 1.0),
    (6, 2, 0.0, True, 8, 1, 16, 1, 2, 0.001, 100, 1e9, 1.0),
]


@pytest.mark.parametrize("portable", PORTABLE)
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
        "memory",
        "most_changes",
        "concentration",
    ),
    SETTINGS,
)
def test_a_pass_equals_the_plain_twin(
    portable, dim, window, subsample, shrink, pool, K, windows, parts, alike, pairs_alike,
    memory, most_changes, concentration,
):  # fmt: skip
    sentences, text, counts = random_text(dim, sentences=20 if COMPILED else 6)
    law = window_law(counts, window=window, subsample=subsample, shrink=shrink)
    batch_law = batch_law_for(
        counts, pool=pool, K=K, windows=windows, parts=parts, alike=alike, pairs_alike=pairs_alike,
        memory=memory, most_changes=most_changes, concentration=concentration,
        local_pool=pool + 4,
    )  # fmt: skip
    assert_equals_twin(sentences, text, law, batch_law, dim=dim, portable=portable)


@pytest.mark.parametrize("portable", PORTABLE)
@pytest.mark.parametrize("pool", [4, 12])
def test_full_batches_and_short_ones_in_turn_equal_the_plain_twin(portable, pool):
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
    batch_law = batch_law_for(counts, pool=pool, K=2, alike=4)
    text = Text(tokens, np.array([0, len(tokens)]))
    assert_equals_twin([tokens.tolist()], text, law, batch_law, dim=9, portable=portable)


def test_pieces_in_one_call_are_those_of_a_call_each():
    """Some of the pieces have no words."""
    _, text, counts = random_text(6, vocabulary=50, sentences=60)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    batch_law, end = batch_law_for(counts), len(text.offsets) - 1
    bounds = [0, 0, 0, 20, 45, 45, end, end]

    def train(parameters, *calls):
        of_text = parameters, text, law, batch_law
        workspace = workspace_of(*of_text)
        for bounds in calls:
            yield run(*of_text, stream_key(2), 0.05, bounds, workspace)

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
    arguments = parameters_for(30, 4, False), text, law, batch_law_for(counts)
    assert run(*arguments, stream_key(1), 0.1) == (0.0, 0, 0)


def test_a_learning_rate_of_zero_changes_nothing():
    _, text, counts = random_text(3)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    batch_law = batch_law_for(counts)
    parameters = parameters_for(len(counts), 10, portable=False)
    before = parameters.centers.copy(), parameters.outsides.copy()
    loss, pairs, kept = run(parameters, text, law, batch_law, stream_key(1), 0.0)
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
        batch_law = batch_law_for(counts, pool=pool, K=K)
        workspace = workspace_of(start, text, law, batch_law)
        losses = np.zeros(draws)
        steps_V, steps_U, squares = np.zeros_like(V), np.zeros_like(U), 0.0
        for n in range(draws):
            start.center_vectors[:], start.outside_vectors[:] = V, U
            workspace.memory.sigmas[:vocabulary] = sigmas
            # All four windows have three outside words.
            remember(workspace, pool, (P * sigmas) @ U, 3 * K / pool * V[words].mean(axis=0))
            losses[n] = run(start, text, law, batch_law, stream_key(n), rate, None, workspace)[0]
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


def remember(workspace, pool, mean_of_outsides, mean_of_centers):
    """Let means be known as well as can be."""
    memory, dim = workspace.memory, len(mean_of_centers)
    memory.known[:] = LONGEST_MEMORY, LONGEST_MEMORY, pool
    for row, mean in ((OF_NEGATIVES, mean_of_outsides), (OF_CENTERS, mean_of_centers)):
        memory.sums[row, :dim] = LONGEST_MEMORY * mean


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
    batch_law = batch_law_for(counts, K=K, windows=4, parts=3)
    draws = 2000 if COMPILED else 50
    losses = [run(parameters, text, law, batch_law, stream_key(n), 0.0)[0] for n in range(draws)]
    assert np.mean(losses) == pytest.approx(expected, abs=5 * np.std(losses) / draws**0.5)


def losses_of(text, counts, settings):
    """Train, and give the loss a pair of each piece."""
    parameters = Parameters(len(counts), settings.dim, seed=1, initial_scale=8.0)
    encoded = EncodedText(text.tokens, text.offsets)
    trainer = StreamTrainer(encoded, counts, parameters, settings.resolved(counts))
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
@pytest.mark.parametrize("words", [10, 40, 160])
@pytest.mark.parametrize("window", [5, 15])
@pytest.mark.parametrize(("sentence", "threads"), [(100, 1), (10_000, 1), (10_000, 2)])
def test_a_text_that_repeats_a_few_words_for_pages_trains_stably(words, window, sentence, threads):
    generator = np.random.default_rng(1)
    pages, page = 30, 10_000
    tokens = np.concatenate([
        number * words + generator.integers(0, words, page) for number in range(pages)
    ])  # fmt: skip
    text = Text(tokens.astype(np.int32), np.arange(0, len(tokens) + 1, sentence))
    counts = np.bincount(tokens)
    settings = TrainingSettings(window=window, dim=20, subsample=0.0, epochs=5, threads=threads)
    # Training stops at three times the loss of vectors that know nothing.
    assert max(losses_of(text, counts, settings)) < 2 * 6 * np.log(2)


@pytest.mark.skipif(not COMPILED, reason="takes minutes uncompiled")
def test_a_large_vocabulary_whose_words_share_counters():
    sentences, text, counts = random_text(6, vocabulary=3 * COUNTERS, sentences=40)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    batch_law = batch_law_for(counts**0.75, alike=1)
    assert_equals_twin(sentences, text, law, batch_law, dim=8, portable=False)


def test_training_lowers_the_loss():
    _, text, counts = random_text(5, sentences=60)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    batch_law = batch_law_for(counts, pool=16, K=2)
    parameters = Parameters(len(counts), 10, seed=1, initial_scale=1.0)
    losses = []
    for epoch in range(20 if COMPILED else 5):
        loss, pairs, _ = run(parameters, text, law, batch_law, stream_key(1, epoch), 0.1)
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
    batch_law = batch_law_for(counts, K=3, memory=200.0)
    parameters = parameters_for(12, 6, portable=False, seed=3)
    workspace = workspace_of(parameters, text, law, batch_law)
    memory, calls = workspace.memory, 400
    memory.sigmas[:] = 0.5
    means, sigmas = np.zeros((2, 6)), np.zeros(12)
    for n in range(calls):
        run(parameters, text, law, batch_law, stream_key(n), 0.0, None, workspace)
        if n >= calls // 2:
            means += memory.sums[[OF_NEGATIVES, OF_CENTERS], :6] / [[200], [400]] / (calls // 2)
            sigmas += memory.sigmas[:12] / (calls // 2)
    known = memory.known[[OF_NEGATIVES, OF_CENTERS]]
    assert known == pytest.approx([200, 400], rel=0.02)
    P = noise_probabilities(noise_counts(counts / counts.sum()))
    expected = [(P * sigmas) @ parameters.outside_vectors, np.zeros(6)]
    for sentence in np.split(text.tokens, text.offsets[1:-1]):
        for i, word in enumerate(sentence):
            outside_words = min(i, 2) + min(len(sentence) - 1 - i, 2)
            weight = outside_words * 3 / batch_law.pool
            expected[1] += weight * parameters.center_vectors[word] / len(text.tokens)
    np.testing.assert_allclose(means, expected, atol=0.02)

    alone = Text(text.tokens, np.arange(len(text.tokens) + 1))
    before = memory.sigmas.copy()
    run(parameters, alone, law, batch_law, stream_key(0), 0.1, None, workspace)
    np.testing.assert_array_equal(memory.sigmas, before)


def test_means_are_forgotten_where_a_piece_names_few_words_and_begin_anew_after_it():
    few = Text(np.tile(np.arange(5, dtype=np.int32), 40), np.array([0, 200]))
    many = Text(np.arange(200, dtype=np.int32), np.array([0, 200]))
    parameters, counts = parameters_for(200, 6, portable=False), np.ones(200, dtype=int)
    law = window_law(counts, window=2, subsample=0.0, shrink=False)
    batch_law = batch_law_for(counts, memory=256.0, most_changes=120.0, concentration=0.005)
    workspace = workspace_of(parameters, many, law, batch_law)
    memory, expectation, known = workspace.memory, workspace.scratch.expectation, []
    for text in (many, few, many):
        run(parameters, text, law, batch_law, stream_key(1), 0.0, None, workspace)
        known.append(memory.known[[OF_NEGATIVES, OF_CENTERS]].tolist())
        assert memory.sums.any() == expectation.sigmas.any() == (text is many)
    assert known[0] == known[2] and known[0][0] > 40 and known[0][1] > 100
    assert known[1] == [0, 0]


def test_what_a_thread_writes_shares_no_cache_line_with_what_another_needs():
    def lines_of(room):
        if isinstance(room, int):
            return set()
        if isinstance(room, tuple):
            return set().union(*map(lines_of, room))
        return {(room.ctypes.data + byte) // LINE_BYTES for byte in range(room.nbytes)}

    spaces = [new_workspace(40, 50, 2, 4, 24) for _ in range(2)]
    first, second = map(lines_of, spaces)
    assert first and not first & second
