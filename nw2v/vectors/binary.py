r"""The binary format of word2vec: a line `V d`, then each word, a space and d float32 numbers.

Written byte for byte as gensim does. word2vec.c puts a "\n" after each vector, gensim nothing:
both are read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.vectors.bounded_stream import open_bounded
from nw2v.vectors.table import LONGEST_WORD, Table, check_finite
from nw2v.vectors.word2vec_format import (
    LONGEST_HEADER,
    decode_words,
    encode_words,
    header,
    parse_header,
)

_BYTES_AT_ONCE = 4 << 20


def write_binary(path: Path, table: Table) -> None:
    """Write `table` in word2vec's binary format.

    Raises
    ------
    InputError
        If the file cannot be written or a word has white space inside.
    """
    words = encode_words(table.words, path)
    count, dim = table.vectors.shape
    rows_at_once = max(1, _BYTES_AT_ONCE // (4 * dim))
    with write_atomically(path) as file:
        file.write(header(count, dim))
        for start in range(0, count, rows_at_once):
            rows = np.ascontiguousarray(table.vectors[start : start + rows_at_once], dtype="<f4")
            data = rows.tobytes()
            pieces: list[bytes] = []
            for row in range(len(rows)):
                pieces += (words[start + row], b" ", data[row * 4 * dim : (row + 1) * 4 * dim])
            file.write(b"".join(pieces))


def read_binary(path: Path, *, encoding_errors: str = "strict") -> Table:
    """Read a file in word2vec's binary format.

    Raises
    ------
    InputError
        If the file is damaged or cut short: which row, and what is wrong with it.
    """
    with open_bounded(path) as stream:
        first = stream.readline(LONGEST_HEADER + 1)
        shape = parse_header(first, path)
        if shape is None or not first.endswith(b"\n"):
            problem = "the file is empty" if not first else f"it begins with {first[:20]!r}"
            raise InputError(
                f"{path}, line 1: word2vec's binary format begins with a line of two numbers "
                f"(words, dimensions), but {problem}"
            )
        count, dim = shape
        size = 4 * dim
        stream.require(count * (size + 1), f"the header's {count:,} words of {dim:,} numbers")
        vectors = np.empty((count, dim), dtype="<f4")
        target = vectors.view(np.uint8).reshape(-1).data
        raw_words: list[bytes] = []
        buffer, position = stream.read(), 0
        _refuse_text(buffer, dim, path)
        for row in range(count):
            space = buffer.find(b" ", position)
            while space < 0 or space + 1 + size > len(buffer):
                if (space if space >= 0 else len(buffer)) - position > LONGEST_WORD:
                    break
                more = stream.read()
                if not more:
                    raise InputError(
                        f"{path}: the header announces {count:,} words of {dim} numbers, but the "
                        f"file ends in row {row:,} (from 0): it is cut short; get it anew"
                    )
                buffer, position = buffer[position:] + more, 0
                space = buffer.find(b" ", position)
            if space < 0 or space - position > LONGEST_WORD:
                raise InputError(
                    f"{path}, row {row:,} (from 0): no space within {LONGEST_WORD:,} bytes, where "
                    "a word should end; the file is damaged or is no binary word2vec file"
                )
            raw_words.append(buffer[position:space].lstrip(b"\n"))
            position = space + 1 + size
            target[row * size : (row + 1) * size] = buffer[space + 1 : position]
        if (buffer[position:] + stream.read()).strip(b"\n"):
            raise InputError(
                f"{path}: the header announces {count:,} words of {dim} numbers, but the file "
                "goes on after them: the header is wrong or the file is damaged"
            )
    words = decode_words(raw_words, encoding_errors, lambda row: f"{path}, row {row} (from 0)")
    check_finite(vectors, words, str(path))
    return Table(words, vectors.astype(np.float32, copy=False))


def _refuse_text(start: bytes, dim: int, path: Path) -> None:
    """Recognise a text file by its first row: read as binary it could pass for numbers."""
    line, newline, _ = start.partition(b"\n")
    fields = line.split(b" ")
    if newline and dim <= len(fields) - 1 <= dim + 1:
        try:
            for field in fields[1 : dim + 1]:
                float(field.decode("ascii"))
        except ValueError:
            return
        raise InputError(
            f"{path}: this is word2vec's text format, not the binary one; name it .txt or .vec"
        )
