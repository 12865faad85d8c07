"""Texts to run on: the words of a corpus as all systems read them, or made by Zipf's law."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from nw2v import Corpus, InputError

LONGEST_WORD = 90
"""Bytes; word2vec.c and pWord2Vec cut words at 99."""
SENTENCE_LENGTH = 20
SEED = 1


def open_corpus(path: str | None, min_count: int) -> Corpus:
    """Open the text of the user, or the bundled one."""
    if path is None:
        return Corpus.from_name("docstrings", min_count=min_count)
    return Corpus.from_file(path, min_count=min_count)


def write_text(corpus: Corpus, path: Path, most_words: int | None = None) -> None:
    """Write the words of a corpus, a sentence a line: what all systems read, word for word.

    Left out are words that some system would change: longer than `LONGEST_WORD`, or "</s>", which
    stands for the end of a line in word2vec.c. With `most_words`, the text ends with the sentence
    that reaches so many.
    """
    words = np.array(corpus.words[:], dtype=object)
    same_for_all = np.array(
        [word != "</s>" and len(word.encode()) <= LONGEST_WORD for word in words], dtype=bool
    )
    last = corpus.sentence_count
    if most_words is not None:
        last = min(int(np.searchsorted(corpus.offsets, most_words)), last)
    write_sentences(path, words, corpus.tokens, corpus.offsets[: last + 1], same_for_all)


def write_sentences(
    path: Path,
    words: np.ndarray,
    tokens: np.ndarray,
    offsets: np.ndarray,
    is_kept: np.ndarray | None = None,
) -> None:
    """Write sentences of word ids, those of some words alone; empty ones are left out."""
    with path.open("w", encoding="utf-8") as file:
        for first, end in itertools.pairwise(offsets):
            sentence = np.asarray(tokens[first:end])
            if is_kept is not None:
                sentence = sentence[is_kept[sentence]]
            if len(sentence):
                file.write(" ".join(words[sentence]) + "\n")


def zipf_counts(vocabulary: int, words: int, least: int) -> np.ndarray:
    """How often each word of a text by Zipf's law occurs: in proportion to 1 / rank.

    Parameters
    ----------
    vocabulary : int
        Different words.
    words : int
        About how many words the text has; more where `least` asks for it.
    least : int
        No word occurs less often.

    Returns
    -------
    (vocabulary,) int64 array
    """
    if vocabulary < 2 or words < 1:
        raise InputError("a text by Zipf's law needs two words and more, and a length")
    shares = 1.0 / np.arange(1, vocabulary + 1)
    return np.maximum(least, np.round(words * shares / shares.sum())).astype(np.int64)


def write_zipf_text(path: Path, counts: np.ndarray) -> None:
    """Write a text of the words w0, w1, ... with these counts, in random order, 20 a sentence."""
    tokens = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(SEED).shuffle(tokens)
    words = np.array([f"w{rank}" for rank in range(len(counts))], dtype=object)
    with path.open("w", encoding="utf-8") as file:
        for first in range(0, len(tokens), SENTENCE_LENGTH):
            file.write(" ".join(words[tokens[first : first + SENTENCE_LENGTH]]) + "\n")
