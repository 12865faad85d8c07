"""Whole numbers among settings: checked in one way, told in one line."""

from __future__ import annotations

import math
import operator
from typing import Any

from nw2v.errors import InputError


def whole(key: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Return a setting that must be a whole number, within bounds if there are any.

    Raises
    ------
    InputError
        For any other value: names the key, the value and what was expected.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    low, high = -math.inf if least is None else least, math.inf if most is None else most
    if number is not None and low <= number <= high:
        return number
    limit = ""
    if most is not None:
        limit = f" from {least:,} to {most:,}"
    elif least is not None:
        limit = f" of at least {least}"
    raise InputError(f"{key}={value!r}: expected a whole number{limit}")
