"""What a misspelt name was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, case_sensitive: bool = True) -> str | None:
    """Return the one of `known` that `name` was probably meant to be, if any is near.

    A dotted key is also found by its last part alone: `learning_rate` for
    `trainer.learning_rate`.
    """
    known = list(known)
    spelling = str if case_sensitive else str.casefold
    by_spelling = {spelling(candidate): candidate for candidate in known}
    wanted = spelling(name)
    close = difflib.get_close_matches(wanted, by_spelling, n=1, cutoff=0.8)
    if close:
        return by_spelling[close[0]]
    by_last = {spelling(candidate).rpartition(".")[2]: candidate for candidate in reversed(known)}
    close = difflib.get_close_matches(wanted.rpartition(".")[2], by_last, n=1, cutoff=0.8)
    if close:
        return by_last[close[0]]
    close = difflib.get_close_matches(wanted, by_spelling, n=1, cutoff=0.7)
    return by_spelling[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], *, case_sensitive: bool = True) -> str:
    """Return "; did you mean X?", or nothing when no known name is near."""
    guess = nearest(name, known, case_sensitive=case_sensitive)
    return f"; did you mean {guess}?" if guess else ""
