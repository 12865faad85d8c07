"""The compiled textbook loop against its plain twin."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.jit.random import stream_key
from nw2v.kernels.naive_softmax import naive_softmax_pass, workspace_for
from nw2v.kernels.stream import Piece, window_law
from nw2v.training.parameters import Parameters
from tests import naive
from tests.kernels.texts import random_text


def run(parameters, text, law, key, rate):
    workspace = workspace_for(len(text.tokens), *parameters.outsides.shape)
    return naive_softmax_pass(
        parameters.lanes,
        parameters.centers,
        parameters.outsides,
        text,
        law,
        Piece(0, len(text.offsets) - 1, key, rate, rate),
        workspace,
    )


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(
    ("dim", "window", "subsample", "shrink"), [(5, 2, 0.0, True), (33, 4, 0.05, False)]
)
def test_a_pass_equals_the_plain_twin(portable, dim, window, subsample, shrink):
    sentences, text, counts = random_text(dim, sentences=6, longest=8)
    law = window_law(counts, window=window, subsample=subsample, shrink=shrink)
    key = stream_key(1, 0, "stream")
    comp = Parameters(len(counts), dim, seed=1, initial_scale=dim, portable=portable)
    comp.outside_vectors[:] = np.random.default_rng(0).uniform(-0.5, 0.5, (len(counts), dim))
    V, U = comp.center_vectors.astype(np.float64), comp.outside_vectors.astype(np.float64)
    ref_loss, ref_pairs = naive.naive_softmax_pass(
        V, U, sentences, law.keep_thresholds, window, shrink, int(key), rate=0.05
    )
    loss, pairs, _ = run(comp, text, law, key, 0.05)
    assert pairs == ref_pairs
    assert loss == pytest.approx(ref_loss, rel=1e-5)
    np.testing.assert_allclose(comp.center_vectors, V, atol=2e-5)
    np.testing.assert_allclose(comp.outside_vectors, U, atol=2e-5)


def test_the_first_loss_of_zero_outside_vectors_is_the_log_of_the_vocabulary():
    _, text, counts = random_text(2, sentences=5)
    law = window_law(counts, window=2, subsample=0.0, shrink=True)
    parameters = Parameters(len(counts), 8, seed=1, initial_scale=1.0)
    loss, pairs, _ = run(parameters, text, law, stream_key(1), 0.0)
    assert loss / pairs == pytest.approx(np.log(len(counts)), rel=1e-6)


def test_a_nan_among_the_vectors_reaches_the_loss():
    _, text, counts = random_text(2, sentences=5)
    law = window_law(counts, window=2, subsample=0.0, shrink=True)
    parameters = Parameters(len(counts), 8, seed=1, initial_scale=1.0)
    parameters.outside_vectors[3] = np.nan
    assert np.isnan(run(parameters, text, law, stream_key(1), 0.05)[0])
