"""Whether a path is a file or a folder, when merely asking can fail."""

from __future__ import annotations

from pathlib import Path

from nw2v.errors import InputError


def is_file(path: Path) -> bool:
    """Return whether `path` is a regular file; InputError if one may not even ask."""
    try:
        return path.is_file()
    except OSError as error:  # a forbidden folder on the way, a name too long
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; InputError if one may not even ask."""
    try:
        return path.is_dir()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
