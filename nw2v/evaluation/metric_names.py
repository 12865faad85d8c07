"""Names that MLflow accepts, made from the names of sets and sections."""

from __future__ import annotations

import re
from collections.abc import Iterable


def legal_name(name: str) -> str:
    """Make a name that can stand between the slashes of a metric's name.

    MLflow accepts letters and digits, ``_``, ``-``, ``.``, ``:`` and blanks; runs of anything
    else, of slashes too, become one ``_``.
    """
    legal = re.sub(r"[^\w\-.: ]+", "_", name, flags=re.ASCII).strip("._ ")
    return legal or "unnamed"


def distinct_legal_names(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Legal names for `names`, in their order, that differ from each other and from `taken`."""
    used = set(taken)
    result = []
    for name in names:
        legal = candidate = legal_name(name)
        number = 2
        while candidate in used:
            candidate = f"{legal}_{number}"
            number += 1
        used.add(candidate)
        result.append(candidate)
    return result
