"""The compiled passes, by one thread and by several, against the plain twin and the losses."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from nw2v.jit import COMPILED
from nw2v.jit.random import stream_key
from nw2v.kernels import naive_softmax
from nw2v.kernels.crew import members_of
from nw2v.kernels.naive_softmax import BLOCK_ROWS, BLOCKS_A_MEMBER, begin_piece, team_for, with_room
from nw2v.kernels.stream import Piece, Text, window_law
from nw2v.losses.batch import batch_loss_and_gradient
from nw2v.training.parameters import Parameters
from tests import naive
from tests.kernels.texts import random_text

MANY_WORDS = 3 * BLOCKS_A_MEMBER * BLOCK_ROWS + 5
"""A vocabulary that gives work to three threads, and whose last block is not a full one."""


def run(parameters, text, law, key, rate, windows=1, threads=1, piece=None):
    """Train on a text: the team's first member, and the others beside it until it is done."""
    team = team_for(*parameters.outsides.shape, windows=windows, threads=threads)
    team = with_room(team, len(text.tokens))
    matrices = parameters.lanes, parameters.centers, parameters.outsides
    done = threading.Event()

    def help_with(member):
        while not done.is_set():
            naive_softmax.work(*matrices, team, member)

    helpers = [
        threading.Thread(target=help_with, args=(member,))
        for member in range(1, members_of(team.crew))
    ]
    for helper in helpers:
        helper.start()
    piece = piece or Piece(0, len(text.offsets) - 1, key, rate, rate)
    kept = begin_piece(parameters.centers, text, law, piece, team)
    while not naive_softmax.work(*matrices, team, 0):
        time.sleep(0)
    done.set()
    for helper in helpers:
        helper.join()
    return (*naive_softmax.result(team), kept)


def parameters_for(words, dim, *, portable=False):
    found = Parameters(words, dim, seed=1, initial_scale=dim, portable=portable)
    found.outside_vectors[:] = np.random.default_rng(0).uniform(-0.5, 0.5, (words, dim))
    return found


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("windows", [1, 3, 7, 20])
@pytest.mark.parametrize(
    ("dim", "window", "subsample", "shrink"), [(5, 2, 0.0, True), (33, 4, 0.05, False)]
)
def test_a_pass_equals_the_plain_twin(portable, windows, dim, window, subsample, shrink):
    # Sentences of one word have windows without outside words; frequent words come back within a
    # batch, as centers and as outside words; the last batch is not full.
    sentences, text, counts = random_text(dim, sentences=6, longest=8)
    law = window_law(counts, window=window, subsample=subsample, shrink=shrink)
    key = stream_key(1, 0, "stream")
    comp = parameters_for(len(counts), dim, portable=portable)
    V, U = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    ref_loss, ref_pairs = naive.naive_softmax_pass(
        V, U, sentences, law.keep_limits, window, shrink, int(key), 0.05, windows
    )
    loss, pairs, _ = run(comp, text, law, key, 0.05, windows)
    assert pairs == ref_pairs
    assert loss == pytest.approx(ref_loss, rel=1e-5)
    np.testing.assert_allclose(comp.center_vectors, V, atol=2e-5)
    np.testing.assert_allclose(comp.outside_vectors, U, atol=2e-5)


def drawn_batch(sentences, law, key):
    """All windows of a text as `batch_loss_and_gradient` takes them."""
    found = naive.windows(sentences, law.keep_limits, law.window, law.shrink, int(key))
    found = [(center, outsides) for center, outsides in found if outsides]
    centers = np.array([center for center, _ in found])
    outsides = np.array([o for _, listed in found for o in listed])
    return centers, outsides, np.cumsum([0, *(len(listed) for _, listed in found)])


@pytest.mark.parametrize("words", [50, 2 * BLOCK_ROWS + 1])
@pytest.mark.parametrize("windows", [16, 100])
def test_one_step_is_the_rate_times_the_exact_summed_gradient(words, windows):
    sentences, text, counts = random_text(1, vocabulary=words, sentences=3, longest=6)
    sentences = [sentence[:12] for sentence in sentences]
    tokens = np.array([w for sentence in sentences for w in sentence], dtype=np.int32)
    text = Text(tokens, np.cumsum([0, *map(len, sentences)]).astype(np.int64))
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    key, rate = stream_key(3), 2.0**-6
    batch = drawn_batch(sentences, law, key)
    if len(batch[0]) > windows:
        windows = len(batch[0])
    comp = parameters_for(words, 20)
    V, U = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    loss, gradient_centers, gradient_outsides = batch_loss_and_gradient(
        batch[0], batch[1], batch[2], V, U
    )
    comp_loss, pairs, _ = run(comp, text, law, key, rate, windows)
    assert pairs == len(batch[1])
    assert comp_loss == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose((V - comp.center_vectors) / rate, gradient_centers, atol=3e-5)
    np.testing.assert_allclose((U - comp.outside_vectors) / rate, gradient_outsides, atol=3e-5)


def test_one_step_follows_the_slope_of_the_loss():
    sentences, text, counts = random_text(1, sentences=4, longest=5)
    law = window_law(counts, window=3, subsample=0.0, shrink=True)
    key, rate, small = stream_key(3), 2.0**-10, 1e-5
    batch = drawn_batch(sentences, law, key)
    comp = parameters_for(len(counts), 8)
    matrices = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    run(comp, text, law, key, rate, windows=len(batch[0]))
    steps = matrices[0] - comp.center_vectors, matrices[1] - comp.outside_vectors
    generator = np.random.default_rng(5)
    for which in (0, 1):
        direction = generator.normal(size=matrices[which].shape)
        losses = []
        for sign in (1, -1):
            moved = list(matrices)
            moved[which] = moved[which] + sign * small * direction
            losses.append(batch_loss_and_gradient(*batch, *moved)[0])
        slope = (losses[0] - losses[1]) / (2 * small)
        assert (steps[which] / rate * direction).sum() == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("windows", [1, 5, 17])
def test_any_number_of_threads_gives_the_same_bits(windows):
    words = MANY_WORDS if COMPILED else 40
    _, text, counts = random_text(3, vocabulary=words, sentences=20)
    text = Text(text.tokens[:190], np.array([0, 3, 90, 190], dtype=np.int64))
    law = window_law(counts, window=4, subsample=0.0, shrink=True)
    found = []
    for threads in (1, 2, 3):
        parameters = parameters_for(words, 20)
        # Without compilation one thread does the work of all.
        team_size = threads if COMPILED else 1
        loss, pairs, kept = run(parameters, text, law, stream_key(1), 0.05, windows, team_size)
        found.append((loss, pairs, kept, parameters))
    for loss, pairs, kept, parameters in found[1:]:
        assert (loss, pairs, kept) == found[0][:3]
        np.testing.assert_array_equal(parameters.centers, found[0][3].centers)
        np.testing.assert_array_equal(parameters.outsides, found[0][3].outsides)


def test_any_member_of_a_team_can_do_the_work_of_all():
    words = MANY_WORDS if COMPILED else 40
    _, text, counts = random_text(3, vocabulary=words, sentences=5)
    text = Text(text.tokens[:30], np.array([0, 30], dtype=np.int64))
    law = window_law(counts, window=4, subsample=0.0, shrink=True)
    found = []
    for threads in (1, 3):
        parameters = parameters_for(words, 8)
        team = with_room(
            team_for(words, parameters.outsides.shape[1], windows=4, threads=threads), 30
        )
        piece = Piece(0, 1, stream_key(1), 0.05, 0.05)
        begin_piece(parameters.centers, text, law, piece, team)
        last = members_of(team.crew) - 1
        arguments = parameters.lanes, parameters.centers, parameters.outsides, team
        assert naive_softmax.work(*arguments, last)
        found.append(parameters)
    np.testing.assert_array_equal(found[0].centers, found[1].centers)


def test_pieces_may_begin_and_end_inside_a_sentence():
    _, text, counts = random_text(4, sentences=6)
    total = len(text.tokens)
    text = Text(text.tokens, np.array([0, 4, total - 30, total], dtype=np.int64))
    law = window_law(counts, window=4, subsample=0.05, shrink=True)
    key = stream_key(2)
    # At a rate of zero the sum over the pieces is that of the whole.
    whole = run(parameters_for(30, 8), text, law, key, 0.0, windows=3)
    cuts = [0, 2, total - 40, total - 39, total]
    sums = np.zeros(3)
    for first, last in pairwise(cuts):
        sentences = (
            int(np.searchsorted(text.offsets, first, side="right")) - 1,
            int(np.searchsorted(text.offsets, last, side="left")),
        )
        piece = Piece(*sentences, key, 0.0, 0.0, first, last)
        sums += run(parameters_for(30, 8), text, law, key, 0.0, windows=3, piece=piece)
    assert sums == pytest.approx(whole, rel=1e-6)


def test_a_piece_without_pairs_changes_nothing():
    parameters = parameters_for(30, 8)
    before = parameters.centers.copy(), parameters.outsides.copy()
    text = Text(np.arange(5, dtype=np.int32), np.arange(6, dtype=np.int64))
    law = window_law(np.ones(30, dtype=np.int64), window=2, subsample=0.0, shrink=True)
    assert run(parameters, text, law, stream_key(1), 0.1) == (0.0, 0, 5)
    np.testing.assert_array_equal(parameters.centers, before[0])
    np.testing.assert_array_equal(parameters.outsides, before[1])


def test_the_rate_falls_from_window_to_window():
    """Two windows of the same words, far apart: the second step is as much smaller as its rate."""
    text = Text(np.array([0, 1, 0, 1], dtype=np.int32), np.array([0, 2, 4], dtype=np.int64))
    law = window_law(np.array([2, 2, 1]), window=1, subsample=0.0, shrink=False)
    steps = []
    for first, last in ((0, 1), (1, 2)):
        parameters = parameters_for(3, 4)
        before = parameters.outsides.copy()
        piece = Piece(first, last, stream_key(1), 0.0, 0.0)
        assert run(parameters, text, law, 0, 0, windows=4, piece=piece)[1] == 2
        np.testing.assert_array_equal(parameters.outsides, before)
    for rates in ((1e-3, 1e-3), (2e-3, 0.0)):
        parameters = parameters_for(3, 4)
        before = parameters.centers.copy()
        run(parameters, text, law, 0, 0, windows=4, piece=Piece(0, 1, stream_key(1), *rates))
        steps.append(before - parameters.centers)
    np.testing.assert_allclose(steps[1][0], 2 * steps[0][0], rtol=1e-3)
    np.testing.assert_allclose(steps[1][1], steps[0][1], rtol=1e-3)


def test_the_first_loss_of_zero_outside_vectors_is_the_log_of_the_vocabulary():
    _, text, counts = random_text(2, sentences=5)
    law = window_law(counts, window=2, subsample=0.0, shrink=True)
    parameters = Parameters(len(counts), 8, seed=1, initial_scale=1.0)
    loss, pairs, _ = run(parameters, text, law, stream_key(1), 0.0)
    assert loss / pairs == pytest.approx(np.log(len(counts)), rel=1e-6)


@pytest.mark.parametrize("windows", [1, 16])
def test_a_nan_among_the_vectors_reaches_the_loss(windows):
    _, text, counts = random_text(2, sentences=5)
    law = window_law(counts, window=2, subsample=0.0, shrink=True)
    parameters = Parameters(len(counts), 8, seed=1, initial_scale=1.0)
    parameters.outside_vectors[3] = np.nan
    with np.errstate(invalid="ignore"):  # Python warns where compiled code does not.
        loss, _, _ = run(parameters, text, law, stream_key(1), 0.05, windows)
    assert np.isnan(loss)
