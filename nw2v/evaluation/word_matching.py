"""Finds the words of an evaluation set among the words of a model."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence

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

    def find(self, words: Sequence[str]) -> np.ndarray:
        """Ids of words, -1 for those that the model does not have.

        Goes through the model's words once and keeps those that are asked for: a table of all of
        them, in lower case as well, would need more memory than a small model's vectors.

        Parameters
        ----------
        words : sequence of n str

        Returns
        -------
        numpy.ndarray, shape (n,), int32
        """
        folded = self._ids_in_lower_case({word.lower() for word in words})
        as_written: dict[str, int] = {}
        if not self.fold_case:
            asked = set(words)
            as_written = {word: at for at, word in self._last_to_first() if word in asked}
        found = [as_written.get(word, folded.get(word.lower(), -1)) for word in words]
        return np.array(found, dtype=np.int32)

    def same_word(self) -> np.ndarray:
        """For each id the id that stands for its word: itself unless case is folded.

        Returns
        -------
        numpy.ndarray, shape (V,), int32
        """
        if not self.fold_case:
            return np.arange(len(self), dtype=np.int32)
        lower_case = [word.lower() for word in self.words]
        first = self._ids_in_lower_case(set(lower_case))
        return np.array([first[word] for word in lower_case], dtype=np.int32)

    def _ids_in_lower_case(self, asked: set[str]) -> dict[str, int]:
        return {low: at for at, word in self._last_to_first() if (low := word.lower()) in asked}

    def _last_to_first(self) -> Iterator[tuple[int, str]]:
        """Ids and words, the most frequent last: in a dictionary it then stays."""
        return zip(range(len(self) - 1, -1, -1), reversed(self.words), strict=True)
