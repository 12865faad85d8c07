"""Which file format a name's ending stands for, and the registry where others add theirs.

A package adds a format with an entry point in the group `nw2v.vector_formats`: its name is the
ending, its object a pair `(read, write)`, either of which may be None:

- `read(path) -> (words, vectors)` or `(words, vectors, counts)`, as `Table`;
- `write(path, table: Table) -> None`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.vectors.binary import read_binary, write_binary
from nw2v.vectors.parquet import read_parquet, write_parquet
from nw2v.vectors.path_kinds import is_file
from nw2v.vectors.safetensors_file import read_safetensors, write_safetensors
from nw2v.vectors.table import Table, without_repeated_words
from nw2v.vectors.text import read_text, write_text

ENTRY_POINT_GROUP = "nw2v.vector_formats"


class VectorFormat(NamedTuple):
    """How a kind of file is read and written; None where it cannot be."""

    read: Callable[..., Any] | None
    write: Callable[[Path, Table], None] | None


_BUILT_IN = {
    ".txt": VectorFormat(read_text, write_text),
    ".vec": VectorFormat(read_text, write_text),
    ".bin": VectorFormat(read_binary, write_binary),
    ".safetensors": VectorFormat(read_safetensors, write_safetensors),
    ".parquet": VectorFormat(read_parquet, write_parquet),
    ".txt.gz": VectorFormat(read_text, None),
    ".vec.gz": VectorFormat(read_text, None),
    ".bin.gz": VectorFormat(read_binary, None),
}

# First bytes of files that are often given a wrong name, what they are and their right ending
_SIGNATURES = (
    (b"PAR1", "a Parquet file: name it .parquet", (".parquet",)),
    (b"\x1f\x8b", "compressed with gzip: name it .txt.gz or .bin.gz", (".gz",)),
    (b"PK\x03\x04", "a zip archive (perhaps .npz or a PyTorch file): unpack or convert it", ()),
    (b"\x93NUMPY", "a NumPy array without words: convert it", ()),
    (b"\xba\x16\x4f\x2f", "a fastText model: use the .vec file that fastText writes beside it", ()),
    *(
        (
            b"\x80" + bytes([protocol]),
            "a Python pickle, which can run any code and is never opened: write it with gensim's "
            "save_word2vec_format",
            (),
        )
        for protocol in (2, 3, 4, 5)
    ),
)


def vector_formats() -> list[str]:
    """Return the endings of every format, those added by other packages too."""
    return sorted({*_BUILT_IN, *_added()})


def read_table(path: Path, *, encoding_errors: str = "strict") -> Table:
    """Read a vectors file in the format that its ending stands for.

    Parameters
    ----------
    path : Path
    encoding_errors : {"strict", "replace", "ignore"}
        What happens to a word that is not UTF-8. Formats of other packages get it only when it
        is not "strict".

    Returns
    -------
    Table
        Without repeated words: the first is kept and a UserWarning given.

    Raises
    ------
    InputError
        If the file is missing, unreadable, damaged or not what its name says.
    """
    if encoding_errors not in ("strict", "replace", "ignore"):
        raise InputError(
            f"encoding_errors is {encoding_errors!r}; expected strict, replace or ignore"
        )
    if not is_file(path):
        raise InputError(f"cannot read {path}: no such file")
    ending, form = _format_of(path)
    if form.read is None:
        raise InputError(f"{path}: {ending} files can be written, but not read")
    if ending in _BUILT_IN:
        _refuse_misnamed(path, ending)
    options = {} if encoding_errors == "strict" else {"encoding_errors": encoding_errors}
    table = Table(*form.read(path, **options))
    counts = None if table.counts is None else np.asarray(table.counts)
    table = Table(table.words, np.asarray(table.vectors), counts)
    if table.vectors.ndim and len(table.words) != len(table.vectors):
        raise InputError(f"{path}: {len(table.words)} words, but {len(table.vectors)} vectors")
    if not len(table.words):
        raise InputError(f"{path}: the file holds no words")
    return without_repeated_words(table, str(path))


def write_table(path: Path, table: Table) -> None:
    """Write a vectors file in the format that its ending stands for.

    Raises
    ------
    InputError
        If the ending is unknown, the format cannot hold a word, or the file cannot be written.
    """
    _writer(path)(path, table)


def check_writable(path: Path) -> None:
    """Find out before the work whether vectors can be written under this name.

    Raises
    ------
    InputError
        If the ending is unknown, or that of a format that can only be read.
    """
    _writer(path)


def _writer(path: Path) -> Callable[[Path, Table], None]:
    ending, form = _format_of(path)
    if form.write is not None:
        return form.write
    advice = ""
    if ending.endswith(".gz"):
        advice = f"; write {ending.removesuffix('.gz')}, then compress it"
    raise InputError(f"cannot write {path}: {ending} files can only be read{advice}")


def _format_of(path: Path) -> tuple[str, VectorFormat]:
    """Return the longest ending of the name that is known, and its format."""
    name = path.name.lower()
    known = sorted(_BUILT_IN, key=len, reverse=True)
    ending = next((ending for ending in known if name.endswith(ending)), None)
    if ending is not None:
        return ending, _BUILT_IN[ending]
    added = _added()
    for ending in sorted(added, key=len, reverse=True):
        if name.endswith(ending):
            return ending, _loaded(added[ending])
    near = difflib.get_close_matches(path.suffix.lower(), [*_BUILT_IN, *added], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(
        f"{path}: the ending {path.suffix!r} is no known vectors format "
        f"({', '.join(sorted({*_BUILT_IN, *added}))}){hint}"
    )


def _added() -> dict[str, EntryPoint]:
    points = entry_points(group=ENTRY_POINT_GROUP)
    return {"." + point.name.lower().lstrip("."): point for point in points}


def _loaded(point: EntryPoint) -> VectorFormat:
    try:
        return VectorFormat(*point.load())
    except Exception as error:  # whatever a foreign package raises on import
        raise InputError(
            f"the vectors format {point.name!r} ({point.value}) cannot be used: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error


def _refuse_misnamed(path: Path, ending: str) -> None:
    """Say what a file is whose first bytes belong to another format than its name."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    for signature, kind, endings in _SIGNATURES:
        if start.startswith(signature) and not ending.endswith(endings or "/"):
            raise InputError(f"{path}: the name ends in {ending}, but the file is {kind}")
    header = int(np.frombuffer(start[:8].ljust(8, b"\0"), dtype="<u8")[0])
    if start[8:10] == b'{"' and header <= size - 8 and ending != ".safetensors":
        raise InputError(
            f"{path}: the name ends in {ending}, but the file is in safetensors format: "
            "name it .safetensors"
        )
