"""Words that reports have in common."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """Write how many of something there are."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
