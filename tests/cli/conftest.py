"""A model that the commands can be tried on, and a text to train one from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nw2v.corpus.vocabulary import Vocabulary
from nw2v.vectors import save_model

WORDS = ["king", "queen", "man", "woman", "apple", "pear", "tree", "green"]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run whose center vectors know that king - man + woman = queen."""
    royal, male, female, fruit, plant = np.eye(5, dtype=np.float32)
    centers = np.stack(
        [
            royal + male,
            royal + female,
            male,
            female,
            fruit,
            fruit + 0.5 * plant,
            plant,
            plant + 0.2 * fruit,
        ]
    )
    outsides = centers[::-1].copy()
    folder = tmp_path_factory.mktemp("run")
    counts = np.arange(len(WORDS), 0, -1) * 10
    save_model(folder, centers, outsides, Vocabulary(tuple(WORDS), counts))
    return folder


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of some ten thousand words with two kinds of sentences."""
    generator = np.random.default_rng(3)
    sentences = (
        "the king and the queen rule a country with man and woman",
        "an apple and a pear grow green on the tree in summer",
    )
    kinds = [sentence.split() for sentence in sentences]
    lines = [
        " ".join(generator.choice(kinds[number % 2], size=generator.integers(5, 15)))
        for number in range(1200)
    ]
    path = tmp_path_factory.mktemp("text") / "small.txt"
    path.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is true; a minute or two is only reached when it never will be."""

    def wait(condition: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.1)
        assert condition()

    return wait
