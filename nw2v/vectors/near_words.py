"""What to say about a word that the vocabulary lacks, quickly even among a million words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from nw2v.errors import InputError
from nw2v.vectors.table import shown

MOST_CANDIDATES = 5_000
LONGEST_COMPARED = 50  # characters; nobody misspells more, and difflib is quadratic


class UnknownWordError(InputError, KeyError):
    """A word without a vector was asked for.

    The near matches are looked for when the message is read, so a loop that catches this error
    for thousands of words does not pay for them.

    Parameters
    ----------
    word : str
        The unknown word.
    words : sequence of str
        The words there are, the frequent ones first.
    size : int, optional
        How many words there are, if `words` is only some of them.
    """

    def __init__(self, word: object, words: Sequence[str] = (), size: int | None = None) -> None:
        super().__init__(word)
        self.word = word
        self._words = words
        self._size = len(words) if size is None else size

    def __str__(self) -> str:  # KeyError's own would show the repr of the message
        if not isinstance(self.word, str):
            return f"a word is a string, not {type(self.word).__name__}"
        near = near_words(self.word, self._words)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"unknown word {shown(self.word)}: it is not among the {self._size:,} words{hint}"

    def __reduce__(self) -> tuple[type, tuple[object, list[str], int]]:
        near = near_words(self.word, self._words) if isinstance(self.word, str) else []
        return type(self), (self.word, near, self._size)


def near_words(word: str, words: Iterable[str], most: int = 3) -> list[str]:
    """Return up to `most` words that `word` was perhaps meant to be, the likeliest first.

    The same word in another case comes first. Else only words of nearly its length that share
    its first letter or its last two are compared, the first 5,000 of them: a bounded effort
    whatever the vocabulary.
    """
    if not word or len(word) > LONGEST_COMPARED:
        return []
    folded = word.casefold()
    first, last = folded[0], folded[-2:]
    shortest, longest = len(word) - 2, len(word) + 2
    same: list[str] = []
    candidates: dict[str, str] = {}
    for candidate in words:
        if not shortest <= len(candidate) <= longest:
            continue
        spelling = candidate.casefold()
        if spelling == folded:
            same.append(candidate)
        elif (spelling.startswith(first) or spelling.endswith(last)) and len(
            candidates
        ) < MOST_CANDIDATES:
            candidates.setdefault(spelling, candidate)
    near = difflib.get_close_matches(folded, candidates, n=most, cutoff=0.7)
    return (same + [candidates[spelling] for spelling in near])[:most]
