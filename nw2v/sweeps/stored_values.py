"""Settings as MLflow keeps them, which is as text, made values again."""

from __future__ import annotations

import ast
from dataclasses import fields
from typing import Any

from nw2v.training.settings import CONFIGURATION_KEYS, TrainingSettings

# Texts that may look like numbers: the text of the year 2020 may be named so.
_TEXTS = frozenset(
    {"corpus.name", "corpus.path", "tracking.uri", "tracking.experiment", "tracking.run_name"}
)
_TYPES = {
    CONFIGURATION_KEYS[field.name]: str(field.type)
    for field in fields(TrainingSettings)
    if field.name in CONFIGURATION_KEYS
}


def stored_value(key: str, text: str) -> Any:
    """Return the value of a setting of which MLflow has ``str(value)``.

    Settings of training have the type that `nw2v.training.TrainingSettings` declares; of others
    a number, True, False, None or a list in Python's notation is one, and all else is text.
    """
    if text == "None":
        return None
    declared = _TYPES.get(key, "")
    if key in _TEXTS or declared.startswith("str"):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _infinite(text)
    if isinstance(value, int) and not isinstance(value, bool) and declared.startswith("float"):
        return float(value)
    if isinstance(value, list):
        return value if all(isinstance(item, str | int | float) for item in value) else text
    return value if isinstance(value, bool | int | float) else text


def _infinite(text: str) -> Any:
    """Return what `str` makes of a float that is no literal of Python's."""
    return float(text) if text in ("nan", "inf", "-inf") else text
