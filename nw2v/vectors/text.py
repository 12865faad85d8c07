"""The text format of word2vec: a line `V d`, then one line a word: the word and d numbers.

Written byte for byte as gensim does; numbers are the shortest that read back as the same
float32. Reads gensim's, word2vec.c's and fastText's (which end lines with a space) and GloVe's
(which have no first line).
"""

from __future__ import annotations

import codecs
import warnings
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.vectors.bounded_stream import BoundedStream, open_bounded
from nw2v.vectors.table import LONGEST_WORD, Table
from nw2v.vectors.word2vec_format import decode_words, encode_words, header, parse_header

_NUMBERS_AT_ONCE = 1 << 20
_LONGEST_NUMBER = 64  # bytes, with the space before it; float64 in full has 25


def write_text(path: Path, table: Table) -> None:
    """Write `table` in word2vec's text format.

    Raises
    ------
    InputError
        If the file cannot be written or a word has white space inside.
    """
    words = encode_words(table.words, path)
    count, dim = table.vectors.shape
    rows_at_once = max(1, _NUMBERS_AT_ONCE // dim)
    with write_atomically(path) as file:
        file.write(header(count, dim))
        for start in range(0, count, rows_at_once):
            rows = _spelled_rows(table.vectors[start : start + rows_at_once])
            pairs = zip(words[start : start + rows_at_once], rows, strict=True)
            file.write(b"".join([b"%b %b\n" % pair for pair in pairs]))


def read_text(path: Path, *, encoding_errors: str = "strict") -> Table:
    """Read a file in word2vec's text format, or GloVe's, which is the same without a header.

    Raises
    ------
    InputError
        If the file is damaged or cut short: which line, and what is wrong with it.
    """
    count, dim, has_header = _shape(path)
    longest_line = LONGEST_WORD + dim * _LONGEST_NUMBER
    with open_bounded(path) as stream:
        # a number is at least a space and a digit; the last line may lack its newline
        stream.require(
            count * (2 * dim + 1) - 1, f"the header's {count:,} words of {dim:,} numbers"
        )
        vectors = np.empty((count, dim), dtype=np.float32)
        words: list[str] = []
        line_number = 1
        if has_header:
            stream.readline(longest_line)
            line_number = 2
        for lines in stream.lines(longest_line):
            end = line_number + len(lines)
            while lines and len(words) + len(lines) > count and not lines[-1].strip():
                lines.pop()  # empty lines at the end do no harm
            if line_number == 1 and lines:
                lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
            wanted = lines[: count - len(words)]
            new_words, rows = _parse(wanted, dim, path, line_number, encoding_errors)
            if len(wanted) < len(lines):
                raise InputError(
                    f"{path}, line {line_number + len(wanted)}: the header announces {count:,} "
                    "words, but the file goes on after them; correct line 1"
                )
            vectors[len(words) : len(words) + len(wanted)] = rows
            words += new_words
            line_number = end
        if len(words) < count:
            raise InputError(
                f"{path}: the header announces {count:,} words, but the file ends after "
                f"{len(words):,}: it is cut short; get it anew, or correct line 1"
            )
        _warn_if_unfinished(stream)
    return Table(words, vectors)


def _shape(path: Path) -> tuple[int, int, bool]:
    """Return V, d and whether the file has a header line."""
    with open_bounded(path) as stream:
        first = stream.readline(LONGEST_WORD).removeprefix(codecs.BOM_UTF8)
        shape = parse_header(first, path)
        if shape is not None:
            return *shape, True
        if not first:
            raise InputError(f"{path}: the file is empty")
        dim = first.rstrip(b" \r\n").count(b" ")
        if dim < 2 or not _is_row(first, dim, path):  # one number: "two 3" is no row, but prose
            excerpt = first[:40].decode("utf-8", "replace").strip()
            raise InputError(
                f"{path}, line 1: {excerpt!r} is neither a header (number of words, number of "
                f"dimensions) nor a word and its numbers{_binary_hint(first)}"
            )
        count = 1 + sum(
            sum(1 for line in lines if line.strip())
            for lines in stream.lines(LONGEST_WORD + dim * _LONGEST_NUMBER)
        )
        return count, dim, False


def _is_row(line: bytes, dim: int, path: Path) -> bool:
    try:
        _parse([line.rstrip(b"\n")], dim, path, 1, "replace")
    except InputError:
        return False
    return True


def _parse(
    lines: list[bytes], dim: int, path: Path, line_number: int, encoding_errors: str
) -> tuple[list[str], np.ndarray]:
    """Return the words and the (len(lines), dim) numbers of whole lines."""
    if not lines:
        return [], np.empty((0, dim), dtype=np.float32)
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [line.rstrip(b" \r").partition(b" ") for line in lines]
    try:
        # Arrow rounds each decimal once, to float32; by way of float64 some come out wrong
        numbers = pc.split_pattern(pa.array([rest for _, _, rest in parts], pa.string()), " ")
        values = numbers.values.cast(pa.float32()).to_numpy()
    except pa.ArrowException:
        _complain(lines, dim, path, line_number)
    if (np.diff(numbers.offsets.to_numpy()) != dim).any():
        _complain(lines, dim, path, line_number)
    rows = values.reshape(len(lines), dim)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        bad = int(np.flatnonzero(~finite)[0])
        word = parts[bad][0][:80].decode("utf-8", "replace")
        raise InputError(
            f"{path}, line {line_number + bad}: the vector of {word!r} has NaN or an infinite "
            "number; every number must be finite in float32"
        )
    raw_words = [word for word, _, _ in parts]
    if max(map(len, raw_words)) > LONGEST_WORD:
        raise InputError(f"{path}: a word is longer than {LONGEST_WORD:,} bytes; it is damaged")
    words = decode_words(raw_words, encoding_errors, lambda i: f"{path}, line {line_number + i}")
    return words, rows


def _complain(lines: list[bytes], dim: int, path: Path, line_number: int) -> NoReturn:
    """Find the line that could not be read and say what is wrong with it."""
    for number, line in enumerate(lines, start=line_number):
        word, *numbers = line.rstrip(b" \r").split(b" ")
        excerpt = word[:80].decode("utf-8", "replace")
        if len(numbers) != dim:
            raise InputError(
                f"{path}, line {number}: {len(numbers)} numbers after the word {excerpt!r}, "
                f"expected {dim}; the line is cut short or damaged, or a word has a space inside"
                f"{_binary_hint(line)}"
            )
        for text in numbers:
            try:
                float(text.decode("ascii"))
            except ValueError:
                raise InputError(
                    f"{path}, line {number}: {text[:40].decode('utf-8', 'replace')!r} is not a "
                    f"number (in the vector of {excerpt!r}){_binary_hint(line)}"
                ) from None
    raise InputError(
        f"{path}, lines {line_number} to {line_number + len(lines) - 1}: a number is not written "
        "as plain decimal"
    )


def _binary_hint(line: bytes) -> str:
    if any(byte < 32 and byte not in b"\t\r\n" for byte in line):
        return "; this looks like word2vec's binary format, whose files are named .bin"
    return ""


def _warn_if_unfinished(stream: BoundedStream) -> None:
    """Say that the last number may have lost digits: nothing else in the format would show it."""
    if stream.unfinished_line and not stream.compressed:
        warnings.warn(
            f"{stream.path}: the last line has no newline; if the file was cut short there, its "
            "last number is wrong",
            UserWarning,
            stacklevel=5,  # the line that called WordVectors.load
        )


def _spelled_rows(vectors: np.ndarray) -> list[bytes]:
    """Return for each row its numbers with spaces between."""
    import pyarrow as pa
    import pyarrow.compute as pc

    count, dim = vectors.shape
    offsets = pa.array(np.arange(0, count * dim + 1, dim, dtype=np.int32))
    rows = pa.ListArray.from_arrays(offsets, _shortest_decimals(np.ravel(vectors)))
    spelled: list[bytes] = pc.binary_join(rows, " ").cast(pa.binary()).to_pylist()
    return spelled


def _shortest_decimals(values: np.ndarray) -> Any:
    """Return float32 numbers as an Arrow array of text, spelled as `str(np.float32)` does.

    Arrow finds the same shortest digits eight times faster. It differs in whole numbers (no
    ".0") and in when it turns to exponents; those, which are rare in vectors, are left to NumPy.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = np.ascontiguousarray(values, dtype=np.float32)
    text = pa.array(values).cast(pa.string())
    size = np.abs(values)
    unlike = (size < 1e-3) | (size > 1e5) | (values == np.rint(values))
    if unlike.any():
        bits, which = np.unique(values[unlike].view(np.uint32), return_inverse=True)
        spelled = np.array([str(value) for value in bits.view(np.float32)], dtype=object)
        text = pc.replace_with_mask(text, pa.array(unlike), pa.array(spelled[which], pa.string()))
    return text
