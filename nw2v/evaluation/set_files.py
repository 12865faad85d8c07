"""Where evaluation sets come from: names, files of text, gensim's copies and downloads."""

from __future__ import annotations

import csv
import difflib
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from nw2v.errors import InputError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give the lines of a UTF-8 file that say something, each with its number from 1.

    Empty lines and comments, which begin with ``#``, are passed over.

    Raises
    ------
    InputError
        If the file cannot be read or a line is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number}: not UTF-8 (byte {line[error.start]:#04x}); "
                "save the file as UTF-8"
            ) from error
        if text and not text.startswith("#"):
            yield number, text


def split_columns(line: str) -> list[str]:
    """Split a line at tabs if it has any, else at commas if it has any, else at blanks."""
    if "\t" in line:
        columns = line.split("\t")
    elif "," in line:
        columns = next(csv.reader([line], skipinitialspace=True))
    else:
        columns = line.split()
    return [column.strip() for column in columns]


def excerpt(line: str) -> str:
    """Quote a line for an error message, cut where it is long."""
    return repr(line if len(line) <= 60 else f"{line[:57]}...")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that others publish: taken from an installed gensim, else downloaded once.

    Attributes
    ----------
    file_name : str
        Its name among gensim's test data (where it is there) and in the cache of downloads.
    url : str
        Where it is downloaded from.
    sha256 : str
        Hexadecimal checksum; a file with another one is not used.
    description : str
        What it is, for the message while it is downloaded.
    """

    file_name: str
    url: str
    sha256: str
    description: str

    def path(self) -> Path:
        """Find the file on this machine, downloading it if need be.

        Raises
        ------
        InputError
            If it is not here and cannot be downloaded.
        """
        found = self._in_gensim()
        if found is not None:
            return found
        from nw2v.corpus.cache import cache_folder
        from nw2v.corpus.downloads import fetch

        return fetch(
            self.file_name, self.url, f"sha256:{self.sha256}", cache_folder(), self.description
        )

    def _in_gensim(self) -> Path | None:
        # Finding a top-level package does not import it; gensim takes seconds to import.
        package = importlib.util.find_spec("gensim")
        for folder in (package.submodule_search_locations or ()) if package else ():
            path = Path(folder) / "test" / "test_data" / self.file_name
            try:
                if hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256:
                    return path
            except OSError:
                continue
        return None


class NamedSets:
    """The evaluation sets of one kind that are known by name.

    Parameters
    ----------
    kind : str
        What they are called in messages, such as "analogy set".
    built_in : mapping of str to callable
        For each name a function without arguments that loads the set.
    group : str
        Entry-point group in which other packages offer such functions: in their pyproject.toml
        ``[project.entry-points."<group>"]`` and ``name = "package.module:function"``.
    """

    def __init__(self, kind: str, built_in: Mapping[str, Callable[[], Any]], group: str) -> None:
        self._kind = kind
        self._built_in = built_in
        self._group = group

    def names(self) -> list[str]:
        """All names, those of installed packages included, in alphabetical order."""
        return sorted({*self._built_in, *(point.name for point in entry_points(group=self._group))})

    def load(self, name: str) -> Any | None:
        """Load the set with this name; None if there is no such name.

        Raises
        ------
        InputError
            If another package offers the name but its function cannot be imported.
        """
        if name in self._built_in:
            return self._built_in[name]()
        for point in entry_points(group=self._group, name=name):
            try:
                function = point.load()
            except (ImportError, AttributeError) as error:
                raise InputError(
                    f"{self._kind} {name!r}: its entry point {point.value} cannot be loaded: "
                    f"{error}"
                ) from error
            return function()
        return None

    def load_or_find(self, name_or_path: str | os.PathLike[str]) -> Any | Path:
        """Load the set with this name, or else give the path of the existing file or folder.

        Raises
        ------
        InputError
            If it is neither a name nor a file.
        """
        if isinstance(name_or_path, str):
            named = self.load(name_or_path)
            if named is not None:
                return named
        elif not isinstance(name_or_path, os.PathLike):
            raise InputError(
                f"{self._kind}: expected a name or the path of a file, got {name_or_path!r}"
            )
        name = os.fspath(name_or_path)
        if name and os.path.lexists(name):
            return Path(name)
        near = difflib.get_close_matches(name, self.names(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise InputError(
            f"unknown {self._kind} {name!r}: {hint}there is no such file, and the known names "
            f"are {', '.join(self.names())}"
        )
