"""A command as it is shown and kept: to be typed again, without passwords."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def command_text(command: str, words: Iterable[str]) -> str:
    """Return a command with its overrides and flags, quoted for a shell.

    Parameters
    ----------
    command : str
        Such as `train`.
    words : iterable of str
        What follows it. In an address, three stars stand for the password.
    """
    from nw2v.tracking.store_address import without_password

    shown = []
    for word in words:
        key, equals, value = word.partition("=")
        shown.append(f"{key}{equals}{without_password(value)}")
    return shlex.join(("nw2v", command, *shown))
