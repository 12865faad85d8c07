"""Vectors in a `.safetensors` file: a format that holds tensors and cannot hold code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.vectors.table import Table, shown
from nw2v.vectors.word2vec_format import NOT_UTF8_ADVICE, encode_word

_NAMES = {np.dtype(np.float32): "F32", np.dtype(np.uint8): "U8"}
_FLOATS = ("F16", "F32", "F64")
_BYTES_AT_ONCE = 1 << 20


def write_safetensors(path: Path, table: Table) -> None:
    r"""Write the tensors `vectors` (V, d) float32 and `words`, UTF-8 bytes with "\n" between.

    Raises
    ------
    InputError
        If the file cannot be written or a word has a newline inside.
    """
    encoded = []
    for row, word in enumerate(table.words):
        if "\n" in word:
            raise InputError(
                f"cannot write {path}: the word {shown(word)} (row {row}, from 0) has a newline "
                "inside, which separates words in this file; write .parquet"
            )
        encoded.append(encode_word(word, row, path))
    words = np.frombuffer(b"\n".join(encoded), dtype=np.uint8)
    write_tensors(path, {"vectors": table.vectors, "words": words})


def read_safetensors(path: Path, *, encoding_errors: str = "strict") -> Table:
    """Read a file with the tensors `vectors` and `words`.

    Raises
    ------
    InputError
        If the file is damaged, or lacks a tensor or has it in another form.
    """
    tensors = read_tensors(path, {"vectors": _FLOATS, "words": ("U8",)})
    vectors, encoded = tensors["vectors"], tensors["words"]
    if vectors.ndim != 2 or encoded.ndim != 1:
        raise InputError(
            f"{path}: tensors vectors {vectors.shape} and words {encoded.shape}; expected "
            "vectors (V, d) and words (bytes,)"
        )
    try:
        words = encoded.tobytes().decode("utf-8", encoding_errors).split("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: tensor words is not UTF-8 at byte {error.start}; {NOT_UTF8_ADVICE}"
        ) from error
    if len(words) == len(vectors) + 1 and not words[-1]:
        words.pop()  # some end the last word with a newline too
    if len(words) != len(vectors):
        raise InputError(
            f"{path}: tensor words holds {len(words):,} words, but tensor vectors "
            f"{len(vectors):,} rows; write the file anew with as many of each"
        )
    return Table(words, vectors)


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write float32 and uint8 arrays.

    The safetensors package writes to a path of its own or to bytes in memory; this writes
    straight from the arrays, whose rows may be apart in memory, into a file that is complete or
    absent.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    layout: dict[str, object] = {"__metadata__": {"format": "np"}}
    start = 0
    for name, array in tensors.items():
        end = start + array.nbytes
        layout[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
        start = end
    head = json.dumps(layout, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)  # the numbers then start at a multiple of eight
    with write_atomically(path) as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for array in tensors.values():
            little_endian = array.dtype.newbyteorder("<")
            rows = max(1, _BYTES_AT_ONCE * len(array) // max(array.nbytes, 1))
            for start in range(0, len(array), rows):  # rows that are apart are copied
                block = array[start : start + rows]
                file.write(np.ascontiguousarray(block, dtype=little_endian).data)


def read_tensors(path: Path, expected: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """Read the named tensors; other tensors in the file are left alone.

    Parameters
    ----------
    path : Path
    expected : mapping of str to sequence of str
        Name of each tensor wanted, and the types allowed for it ("F32", "U8"...). Floating
        tensors are returned as float32.

    Raises
    ------
    InputError
        If the file is damaged, or lacks a tensor or has it in another type.
    """
    from safetensors import SafetensorError, safe_open

    arrays = {}
    try:
        # checks header against file size before anything is allocated
        with safe_open(path, framework="np") as file:
            there = list(file.keys())
            for name, types in expected.items():
                if name not in there:
                    others = f"only {', '.join(sorted(there)[:10])}" if there else "nor any other"
                    raise InputError(
                        f"{path}: no tensor {name!r}, {others}; expected {' and '.join(expected)}"
                    )
                found = file.get_slice(name).get_dtype()
                if found not in types:
                    raise InputError(
                        f"{path}: tensor {name!r} is of type {found}; expected {' or '.join(types)}"
                    )
                arrays[name] = file.get_tensor(name)
    except SafetensorError as error:
        raise InputError(
            f"{path}: no whole safetensors file ({_one_line(error)}); it is cut short or damaged"
        ) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or _one_line(error)}") from error
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            with np.errstate(over="ignore"):  # infinities are found and named later
                arrays[name] = array.astype(np.float32, copy=False)
    return arrays


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
