"""Windows and subsampling against the plain twin, and against the law they follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus.subsampling import keep_probabilities
from nw2v.jit.random import stream_key
from nw2v.kernels.stream import (
    Text,
    draw_windows,
    new_windows,
    window_law,
)
from tests import naive
from tests.kernels.texts import random_text


def drawn(text, law, key, first=0, last=None):
    last = len(text.offsets) - 1 if last is None else last
    room = new_windows(len(text.tokens))
    kept = draw_windows(text, law, key, first, last, room)
    words = room.words[:kept]
    return [
        (int(words[i]), [int(words[j]) for j in range(a, b) if j != i])
        for i, (a, b) in enumerate(zip(room.first[:kept], room.last[:kept], strict=True))
    ]


@settings(max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 100),
    window=st.integers(1, 40),
    subsample=st.sampled_from([0.0, 1e-3, 0.05, 1.0]),
    shrink=st.booleans(),
)
def test_windows_equal_the_plain_twin(seed, window, subsample, shrink):
    sentences, text, counts = random_text(seed)
    law = window_law(counts, window=window, subsample=subsample, shrink=shrink)
    key = stream_key(seed, 3, "stream")
    ref = naive.windows(sentences, law.keep_limits, window, shrink, int(key))
    assert drawn(text, law, key) == ref


def test_pieces_of_a_text_draw_what_the_whole_draws():
    _, text, counts = random_text(1)
    law = window_law(counts, window=5, subsample=1e-2, shrink=True)
    key = stream_key(1)
    pieces = [drawn(text, law, key, a, b) for a, b in ((0, 7), (7, 8), (8, 41))]
    assert [pair for piece in pieces for pair in piece] == drawn(text, law, key)


def test_an_empty_piece_keeps_nothing():
    _, text, counts = random_text(1)
    assert drawn(text, window_law(counts, window=5, subsample=0, shrink=True), 1, 3, 3) == []


def test_the_law_of_large_numbers_holds_for_keeping_and_for_half_widths():
    tokens = np.tile(np.array([0, 1], dtype=np.int32), 10_000)
    text = Text(tokens, np.array([0, 20_000], dtype=np.int64))
    window = 4
    room = new_windows(20_000)
    law = window_law(np.array([10_000, 10_000]), window=window, subsample=0.02, shrink=True)
    kept = draw_windows(text, law, stream_key(5), 0, 1, room)
    probability = keep_probabilities(np.array([1, 1]), 0.02)[0]
    # Standard deviation of the share: sqrt(p (1 - p) / 20000) = 0.003.
    assert kept / 20_000 == pytest.approx(probability, abs=0.015)
    reach = room.last[window : kept - window] - np.arange(window, kept - window) - 1
    shares = np.bincount(reach, minlength=window + 1)[1:] / len(reach)
    np.testing.assert_allclose(shares, 1 / window, atol=0.04)
