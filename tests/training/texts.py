"""A small text with structure to learn, and the rooms' objects made of it."""

from __future__ import annotations

import numpy as np

from nw2v.corpus import EncodedText
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer

WORDS = 40


def topical_sentences(sentences=600, seed=0):
    """Sentences whose words come from one of four topics each."""
    generator = np.random.default_rng(seed)
    for _ in range(sentences):
        topic = generator.integers(4)
        yield [int(w) for w in topic * 10 + generator.integers(0, 10, generator.integers(4, 12))]


def encoded_text(sentences=600, seed=0, times=1):
    """The text of such sentences, so many times over."""
    listed = list(topical_sentences(sentences, seed))
    tokens = np.array([w for sentence in listed for w in sentence], dtype=np.int32)
    lengths = [len(sentence) for sentence in listed]
    offsets = np.cumsum([0, *lengths * times]).astype(np.int64)
    return EncodedText(np.tile(tokens, times), offsets)


def stream_trainer(times=1, text=None, **keywords):
    """A prepared trainer on that text, so many times, or another one of its words.

    One thread, no subsampling unless told so.
    """
    given = {"subsample": 0.0, "dim": 12, "window": 3, "threads": 1} | keywords
    settings = TrainingSettings(**given).resolved()
    if text is None:
        text = encoded_text(times=times)
    counts = np.bincount(text.tokens, minlength=WORDS)
    parameters = Parameters(WORDS, settings.dim, seed=settings.seed, initial_scale=1.0)
    trainer = StreamTrainer(text, counts, parameters, settings)
    trainer.prepare()
    return trainer
