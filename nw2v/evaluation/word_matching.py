"""Finds the words of an evaluation set among the words of a model."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nw2v.errors import InputError


class WordMatcher:
    """Ids of words as evaluation sets write them.

    By default a word is the entry that is written like it; where there is none, the most
    frequent entry that differs from it in case only ("Athens" finds "athens").

    Parameters
    ----------
    words : sequence of str
        The model's words by id, most frequent first.
    max_words : int or None
        Only the first so many words count.
    fold_case : bool
        Entries that differ in case only are one word, the most frequent of them: what gensim
        calls ``case_insensitive``.

    Raises
    ------
    InputError
        If `max_words` is not a positive integer.
    """

    def __init__(
        self, words: Sequence[str], *, max_words: int | None = None, fold_case: bool = False
    ) -> None:
        if max_words is not None and (
            isinstance(max_words, bool)
            or not isinstance(max_words, numbers.Integral)
            or max_words < 1
        ):
            raise InputError(f"max_words must be an integer of at least 1, got {max_words!r}")
        self.words = words if max_words is None else words[:max_words]
        self.fold_case = fold_case

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _as_written(self) -> dict[str, int]:
        return _first_ids(list(self.words))

    @cached_property
    def _lower_case(self) -> dict[str, int]:
        return _first_ids([word.lower() for word in self.words])

    def find(self, word: str) -> int:
        """Id of a word, -1 if the model does not have it."""
        if not self.fold_case:
            found = self._as_written.get(word)
            if found is not None:
                return found
        return self._lower_case.get(word.lower(), -1)

    def same_word(self) -> np.ndarray:
        """For each id the id that stands for its word: itself unless case is folded.

        Returns
        -------
        numpy.ndarray, shape (V,), int32
        """
        if not self.fold_case:
            return np.arange(len(self), dtype=np.int32)
        return np.array([self._lower_case[word.lower()] for word in self.words], dtype=np.int32)


def _first_ids(words: list[str]) -> dict[str, int]:
    return dict(zip(reversed(words), range(len(words) - 1, -1, -1), strict=True))
