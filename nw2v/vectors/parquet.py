"""Vectors in a `.parquet` file, for pandas, DuckDB, Polars and Spark.

Columns: `word` (string), `vector` (list of d float32) and, where known, `count` (int64).
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.vectors.parquet_pages import column_chunks, unpacked_size
from nw2v.vectors.table import MOST_DIMENSIONS, Table
from nw2v.vectors.word2vec_format import encode_word

_NUMBERS_AT_ONCE = 1 << 22
# What the columns may unpack to, for a file of a given size: vectors barely compress, and a
# small file of one number repeated a billion times must not fill the memory.
MOST_SWELLING = 100
ALWAYS_ALLOWED = 16 << 20


def write_parquet(path: Path, table: Table) -> None:
    """Write `table` with a column of words, one of vectors and one of counts, if known.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for row, word in enumerate(table.words):
        encode_word(word, row, path)
    count, dim = table.vectors.shape
    fields = [
        pa.field("word", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.field("element", pa.float32(), nullable=False), dim)),
    ]
    if table.counts is not None:
        fields.append(pa.field("count", pa.int64(), nullable=False))
    schema = pa.schema(fields)
    rows_at_once = max(1, _NUMBERS_AT_ONCE // dim)
    with (
        write_atomically(path) as file,
        pq.ParquetWriter(file, schema, use_dictionary=False, write_page_checksum=True) as writer,
    ):
        for start in range(0, count, rows_at_once):
            end = min(start + rows_at_once, count)
            numbers = pa.array(np.ravel(table.vectors[start:end]))
            columns = [
                pa.array(table.words[start:end], pa.string()),
                pa.FixedSizeListArray.from_arrays(numbers, type=schema.field("vector").type),
            ]
            if table.counts is not None:
                columns.append(pa.array(table.counts[start:end], pa.int64()))
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def read_parquet(path: Path, *, encoding_errors: str = "strict") -> Table:
    """Read a file with a column `word` and a column `vector` of equally long lists.

    `encoding_errors` is there for the other formats' sake: text in Parquet is UTF-8.

    Raises
    ------
    InputError
        If the file is damaged, or lacks a column or has it in another form.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            if not size:
                raise InputError(f"{path}: the file is empty")
            with (
                mmap.mmap(raw.fileno(), size, access=mmap.ACCESS_READ) as data,
                pq.ParquetFile(raw) as file,
            ):
                columns = _checked_columns(file.schema_arrow, path)
                count, dim = _checked_shape(file.metadata.num_rows, data, path)
            # As a dictionary, a long word that a few bytes repeat a million times is held once
            with pq.ParquetFile(
                raw, read_dictionary=["word"], page_checksum_verification=True
            ) as file:
                return _read(file, columns, count, dim, path)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: needs more memory than there is; it may be damaged") from error
    except OSError as error:
        if error.errno is not None:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        raise InputError(_damaged(path, error)) from error
    except (pa.ArrowException, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(_damaged(path, error)) from error


def _checked_columns(schema: Any, path: Path) -> list[str]:
    """Return the names of the columns to read, once their types are seen to be right."""
    import pyarrow as pa

    for name in ("word", "vector"):
        if schema.names.count(name) != 1:
            raise InputError(
                f"{path}: no column {name!r} (columns: {', '.join(schema.names[:10])}); expected "
                "word and vector"
            )
    words_type, vectors_type = schema.field("word").type, schema.field("vector").type
    if pa.types.is_dictionary(words_type):
        words_type = words_type.value_type
    if not (pa.types.is_string(words_type) or pa.types.is_large_string(words_type)):
        raise InputError(f"{path}: column word is of type {words_type}; expected string")
    is_list = (
        pa.types.is_list(vectors_type)
        or pa.types.is_large_list(vectors_type)
        or pa.types.is_fixed_size_list(vectors_type)
    )
    if not is_list or not pa.types.is_floating(vectors_type.value_type):
        raise InputError(
            f"{path}: column vector is of type {vectors_type}; expected a list of float32"
        )
    columns = ["word", "vector"]
    if schema.names.count("count") == 1 and pa.types.is_integer(schema.field("count").type):
        columns.append("count")
    return columns


def _read(file: Any, columns: list[str], count: int, dim: int, path: Path) -> Table:
    """Fill arrays whose size has been checked against the file's, batch by batch."""
    words: list[str] = []
    vectors = np.empty((count, dim), dtype=np.float32)
    counts = np.empty(count, dtype=np.int64) if "count" in columns else None
    rows_at_once = max(1, _NUMBERS_AT_ONCE // dim)
    for batch in file.iter_batches(batch_size=rows_at_once, columns=columns, use_threads=False):
        start, end = len(words), len(words) + len(batch)
        if end > count:
            raise InputError(f"{path}: more rows than its own footer announces; it is damaged")
        lists = batch.column("vector")
        for name in columns:
            if batch.column(name).null_count:
                row = start + int(np.flatnonzero(batch.column(name).is_null())[0])
                raise InputError(f"{path}, row {row} (from 0): {name} is null; drop such rows")
        lengths = lists.value_lengths().to_numpy() if not _is_fixed(lists) else None
        if lengths is not None and (lengths != dim).any():
            row = int(np.flatnonzero(lengths != dim)[0])
            raise InputError(
                f"{path}, row {start + row} (from 0): a vector of {lengths[row]} numbers; "
                f"expected {dim}, as on average"
            )
        numbers = lists.flatten()
        if numbers.null_count or len(numbers) != len(batch) * dim:
            raise InputError(
                f"{path}, rows {start} to {end - 1}: a vector has null in it; drop such rows"
            )
        with np.errstate(over="ignore"):  # infinities are found and named later
            vectors[start:end] = numbers.to_numpy().reshape(-1, dim)
        words += _words(batch.column("word"))
        if counts is not None:
            counts[start:end] = batch.column("count").to_numpy()
    if len(words) < count:
        raise InputError(f"{path}: fewer rows than its own footer announces; it is damaged")
    return Table(words, vectors, counts)


def _checked_shape(count: int, data: mmap.mmap, path: Path) -> tuple[int, int]:
    """Return V and d as the footer gives them, once the file is seen to be large enough."""
    if count < 1:
        raise InputError(f"{path}: the file holds no vectors (it has no rows)")
    numbers = unpacked = 0
    for chunk in column_chunks(data):
        if chunk.column in ("word", "vector", "count"):
            unpacked += unpacked_size(data, chunk.start, chunk.end)
        if chunk.column == "vector":
            numbers += chunk.values
    if numbers < count:
        raise InputError(f"{path}: only {numbers:,} numbers in {count:,} rows")
    dim, rest = divmod(numbers, count)
    if rest:
        raise InputError(
            f"{path}: {numbers:,} numbers in {count:,} rows; every vector must have equally many"
        )
    if dim > MOST_DIMENSIONS:
        raise InputError(f"{path}: {dim:,} numbers a vector; at most {MOST_DIMENSIONS:,} are read")
    size = len(data)
    allowed = max(size * MOST_SWELLING, ALWAYS_ALLOWED)
    needed = max(unpacked, 4 * numbers, 8 * count)
    if needed > allowed:
        raise InputError(
            f"{path}: unpacks to {needed:,} bytes from {size:,}, more than {MOST_SWELLING} times "
            "its size, which word vectors do not"
        )
    return count, dim


def _words(column: Any) -> list[str]:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        plain: list[str] = column.to_pylist()
        return plain
    spelled = column.dictionary.to_pylist()
    return [spelled[index] for index in column.indices.to_pylist()]


def _is_fixed(lists: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(lists.type))


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path}: no whole Parquet file ({' '.join(str(error).split())[:200]}); "
        "it is cut short or damaged"
    )
