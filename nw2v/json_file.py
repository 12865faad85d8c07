"""A JSON file that holds a mapping: its values, checked. The file may come from a stranger."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nw2v.errors import InputError

LARGEST_FILE = 4_000_000  # bytes; what nw2v writes has some thousands


class JsonFile:
    """The mapping in a file.

    Parameters
    ----------
    file : Path
    version : int, optional
        Which one its value `version` has to be.

    Raises
    ------
    InputError
        The file is not there, damaged, larger than any that nw2v writes, or of another version.
        All methods say likewise which file has which value that it should not.
    """

    def __init__(self, file: Path, version: int | None = None) -> None:
        self._file = file
        try:
            if file.stat().st_size > LARGEST_FILE:
                raise ValueError(f"larger than {LARGEST_FILE:,} bytes")
            self._data = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{file}: no such file") from None
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise self.error(reason) from None
        if not isinstance(self._data, dict):
            raise self.error("it holds no mapping")
        if version is not None and (found := self._data.get("version", version)) != version:
            raise InputError(
                f"{file} has version {found!r}, this nw2v reads version {version}: take the nw2v "
                "that wrote it"
            )

    def error(self, reason: str) -> InputError:
        """Return the error that says that this file is damaged, and how."""
        return InputError(f"{self._file} is damaged ({reason}): mend or remove it")

    def needed(self, key: str) -> Any:
        """Return a value that must be there."""
        if key not in self._data:
            raise self.error(f"it has no {key}")
        return self._data[key]

    def whole(self, key: str, end: int) -> int:
        """Return a whole number from 0, below `end`, that must be there."""
        value = self.needed(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < end:
            raise self.error(f"{key} is not a whole number below {end:,}")
        return value

    def text(self, key: str) -> str | None:
        """Return a text, or None where there is none."""
        value = self._data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(f"{key} is not a text")
        return value

    def needed_text(self, key: str) -> str:
        """Return a text that must be there."""
        self.needed(key)
        value = self.text(key)
        if value is None:
            raise self.error(f"{key} is not a text")
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of texts that must be there."""
        value = self.needed(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{key} is not a list of texts")
        return value

    def number(self, key: str) -> float:
        """Return a number, NaN where there is none."""
        value = self._data.get(key)
        if value is None:
            return math.nan
        if not _is_number(value):
            raise self.error(f"{key} is not a number")
        return float(value)

    def mapping(
        self, key: str, read: Callable[[Any], Any], *, keep_null: bool = False
    ) -> dict[str, Any]:
        """Return a mapping, empty where there is none, each of whose values `read` understands."""
        try:
            given = (self._data.get(key) or {}).items()
            return {name: read(item) for name, item in given if keep_null or item is not None}
        except (AttributeError, TypeError, ValueError):
            raise self.error(f"{key} is not what nw2v writes there") from None

    def numbers(self) -> dict[str, float]:
        """Return the whole file as numbers by name; null is NaN."""
        found = {}
        for name, value in self._data.items():
            if value is not None and not _is_number(value):
                raise self.error(f"{name} is not a number")
            found[name] = math.nan if value is None else float(value)
        return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
