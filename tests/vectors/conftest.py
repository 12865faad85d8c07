"""Small tables of word vectors, and words as odd as text can bring them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nw2v.vectors import WordVectors

WORDS = ["king", "queen", "Köln", "дом", "家", "🦆", "don't"]


@pytest.fixture
def vectors() -> WordVectors:
    rng = np.random.default_rng(3)
    counts = np.arange(len(WORDS), 0, -1)
    return WordVectors(WORDS, rng.normal(0, 0.3, (len(WORDS), 5)).astype(np.float32), counts)


@pytest.fixture(scope="session")
def tables() -> Any:
    """Strategy: (words, vectors), any float32 numbers, any words without ASCII white space."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\r\v\f")
    words = st.lists(st.text(letters, max_size=8), min_size=1, max_size=8, unique=True)
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return words.flatmap(
        lambda w: st.tuples(
            st.just(w),
            st.integers(1, 6).flatmap(
                lambda d: arrays.arrays(np.float32, (len(w), d), elements=numbers)
            ),
        )
    )
