"""When two jobs of a sweep would train the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# What does not change what is learnt and measured.
_WITHOUT_EFFECT = ("sweep.", "tracking.")
_OF_NEGATIVE_SAMPLING = ("loss.negatives", "loss.noise_exponent")


def training_identity(settings: Mapping[str, Any]) -> str:
    """Name a configuration, so that two that train the same have the same name.

    Parameters
    ----------
    settings : mapping of str to object
        Every leaf of the configuration by its dotted key, interpolations resolved.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    counted = {key: value for key, value in settings.items() if not key.startswith(_WITHOUT_EFFECT)}
    if counted.get("loss.name") == "naive_softmax":  # it draws no negatives
        for key in _OF_NEGATIVE_SAMPLING:
            counted.pop(key, None)
    # A whole number is the same setting however it is written.
    plain = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in counted.items()
    }
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
