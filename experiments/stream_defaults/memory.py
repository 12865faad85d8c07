"""How long running means of negatives may be remembered: the loss on made texts of few words.

    python experiments/stream_defaults/memory.py

Texts of a few topics, words by Zipf's law. In small vocabularies every word changes while means are
remembered, and what is expected lags behind. Prints the training loss of the last pass for several
values of `nw2v.kernels.batch_sizes.MOST_CHANGES`; 0: nothing is remembered.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import Any
from unittest.mock import patch

import numpy as np

import nw2v
from nw2v.kernels import batch_sizes

TOPICS, SENTENCE = 5, 12
CHOSEN = batch_sizes.MOST_CHANGES


def made_sentences(vocabulary: int, tokens: int) -> list[list[str]]:
    """Sentences of one topic each, in which every topic prefers words of its own."""
    draws = np.random.default_rng(1)
    frequency = 1 / np.arange(1, vocabulary + 1)
    of_topic = frequency[:, None] * draws.dirichlet(np.full(TOPICS, 0.3), vocabulary)
    of_topic /= of_topic.sum(axis=0)
    topics = draws.integers(TOPICS, size=tokens // SENTENCE)
    chosen = (draws.choice(vocabulary, SENTENCE, p=of_topic[:, topic]) for topic in topics)
    return [[f"w{word}" for word in sentence] for sentence in chosen]


def last_loss(corpus: nw2v.Corpus, learning_rate: float, changes: float) -> float:
    """Train with so short a memory: mean loss a pair in the last pass."""
    setting: dict[str, Any] = {"dim": 20, "subsample": 0.0, "threads": 1, "heldout_fraction": 0.0}
    with patch.object(batch_sizes, "MOST_CHANGES", changes):
        model = nw2v.train(corpus, learning_rate=learning_rate, **setting)
    losses = model.history["train/loss"].dropna()
    return float(losses.tail(len(losses) // 5).mean())


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--changes", nargs="+", type=float, default=[0, CHOSEN / 2, CHOSEN, 480])
    options = parser.parse_args(arguments)
    changes = " | ".join(f"{c:g}" for c in options.changes)
    print(f"| words | tokens | learning rate | {changes} |")
    print("|---:|---:|---:|" + "---:|" * len(options.changes))
    texts = (30, 6_000), (100, 20_000), (300, 20_000), (1_000, 40_000), (5_000, 200_000)
    for (words, tokens), rate in itertools.product(texts, (0.025, 0.05, 0.1)):
        corpus = nw2v.Corpus.from_sentences(made_sentences(words, tokens), min_count=1)
        losses = [f"{last_loss(corpus, rate, changes):.3f}" for changes in options.changes]
        print(f"| {words:,} | {tokens:,} | {rate} | " + " | ".join(losses) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
