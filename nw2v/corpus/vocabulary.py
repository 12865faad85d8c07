"""The words that are trained, by id."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nw2v.errors import InputError
from nw2v.files import write_atomically


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words and their counts; the id of a word is its place.

    Attributes
    ----------
    words : sequence of str
        By falling count, ties by word.
    counts : (V,) int64
        How often each word occurs in the training part of the corpus.

    Raises
    ------
    InputError
        If words and counts differ in number.
    """

    words: Sequence[str]
    counts: np.ndarray
    _ids: dict[str, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=np.int64)
        object.__setattr__(self, "counts", counts)
        if counts.shape != (len(self.words),):
            raise InputError(
                f"a vocabulary needs one count a word: {len(self.words)} words, counts of shape "
                f"{counts.shape}"
            )

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.ids

    @property
    def ids(self) -> dict[str, int]:
        """Id of each word; made when first asked for."""
        if not self._ids:
            self._ids.update(zip(self.words, range(len(self.words)), strict=True))
        return self._ids

    @property
    def total(self) -> int:
        """Sum of all counts."""
        return int(self.counts.sum())

    def id(self, word: str) -> int:
        """Give the id of a word.

        Raises
        ------
        InputError
            If the vocabulary does not have it; the message names similar ones.
        """
        found = self.ids.get(word)
        if found is not None:
            return found
        near = difflib.get_close_matches(word, self.words[:50_000], n=3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise InputError(f"the word {word!r} is not in the vocabulary{hint}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ``word<TAB>count`` lines by id, UTF-8.

        Raises
        ------
        InputError
            If the file cannot be written, or a word holds a tab or a line end.
        """
        for word in self.words:
            if "\t" in word or "\n" in word or "\r" in word:
                raise InputError(f"the word {word!r} cannot be saved: it holds a tab or line end")
        with write_atomically(path, "w") as file:
            file.writelines(
                f"{word}\t{count}\n"
                for word, count in zip(self.words, self.counts.tolist(), strict=True)
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            With file and line: if the file cannot be read, is not UTF-8, a line is not
            ``word<TAB>count`` with a count of at least 0, a word comes twice, or there is none.
        """
        try:
            lines = Path(path).read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not a vocabulary: it is not UTF-8") from error
        words: list[str] = []
        counts: list[int] = []
        for number, line in enumerate(lines, 1):
            word, tab, count = line.removesuffix("\r").partition("\t")
            if not word or not tab or not (count.isascii() and count.isdigit()):
                shown = line if len(line) <= 60 else line[:60] + "..."
                raise InputError(
                    f"{path}, line {number}: expected a word, a tab and its count, got {shown!r}"
                )
            words.append(word)
            counts.append(int(count))
        try:
            vocabulary = cls(words, np.array(counts, dtype=np.int64))
        except OverflowError as error:
            raise InputError(f"{path}: a count is beyond 64 bits") from error
        if len(vocabulary.ids) != len(words):
            seen: set[str] = set()
            for number, word in enumerate(words, 1):
                if word in seen:
                    raise InputError(f"{path}, line {number}: the word {word!r} comes twice")
                seen.add(word)
        return vocabulary


def choose_types(
    counts: np.ndarray,
    words: WordTypes,
    min_count: int,
    max_vocabulary: int | None,
) -> tuple[np.ndarray, list[str]]:
    """Choose which word types make the vocabulary.

    Parameters
    ----------
    counts : (T,) int64
        Count of each type in the training part.
    words : WordTypes
    min_count : int
    max_vocabulary : int or None
        Exactly so many types are kept, if there are more.

    Returns
    -------
    types : (V,) int64
        Types by vocabulary id: by falling count, ties by word.
    words : list of str
        Their words.

    Raises
    ------
    InputError
        If fewer than two types are left.
    """
    chosen = np.flatnonzero(counts >= min_count)
    largest = int(counts.max(initial=0))
    if not len(chosen):
        raise InputError(
            f"corpus.min_count={min_count}: no word occurs that often, the most frequent one "
            f"{largest:,} times: lower corpus.min_count or give more text"
        )
    if len(chosen) == 1:
        raise InputError(
            f"corpus.min_count={min_count} leaves a vocabulary of one word, "
            f"{words[int(chosen[0])]!r}: lower corpus.min_count or give more text"
        )
    if max_vocabulary is not None and len(chosen) > max_vocabulary:
        # Only what could be among the first is sorted by word: all that reach the last count.
        place = len(chosen) - max_vocabulary
        chosen = chosen[counts[chosen] >= np.partition(counts[chosen], place)[place]]
    texts = words.texts(chosen)
    by_word = np.array(sorted(range(len(texts)), key=texts.__getitem__))
    order = by_word[np.argsort(-counts[chosen[by_word]], kind="stable")][:max_vocabulary]
    return chosen[order], [texts[place] for place in order.tolist()]


class WordTypes(Sequence[str]):
    """Words by number, decoded when asked for: UTF-8 with a newline after each.

    Parameters
    ----------
    text : (n,) uint8
    starts : (T + 1,) int64
        Word t is ``text[starts[t]:starts[t + 1] - 1]``.
    """

    def __init__(self, text: np.ndarray, starts: np.ndarray) -> None:
        self._text = text
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number):  # type: ignore[no-untyped-def]  # int -> str, slice -> list
        if isinstance(number, slice):
            return [self[at] for at in range(*number.indices(len(self)))]
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(f"word type {number} of {len(self)}")
        return self.texts(np.array([number]))[0]

    def texts(self, types: np.ndarray) -> list[str]:
        """Words of several types (n,) at once."""
        text = self._text.data
        starts, ends = self._starts[types].tolist(), (self._starts[types + 1] - 1).tolist()
        return [str(text[start:end], "utf-8") for start, end in zip(starts, ends, strict=True)]
