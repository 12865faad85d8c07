"""Sizes from page headers: what the footer says in honest files, an error in damaged ones."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.vectors.parquet_pages import column_chunks, unpacked_size


@pytest.mark.parametrize(
    ("compression", "use_dictionary", "version", "checksum", "page_size"),
    [
        *itertools.product(
            ("none", "zstd", "snappy"), (True, False), ("1.0", "2.0"), (True, False), (None, 1000)
        )
    ],
)
def test_agrees_with_the_footer(
    compression, use_dictionary, version, checksum, page_size, tmp_path
):
    array = np.random.default_rng(0).standard_normal((500, 4)).astype(np.float32)
    table = pa.table({"word": [f"w{i % 400}" for i in range(500)], "vector": array.tolist()})
    path = tmp_path / "x.parquet"
    pq.write_table(
        table,
        path,
        compression=compression,
        use_dictionary=use_dictionary,
        data_page_version=version,
        write_page_checksum=checksum,
        data_page_size=page_size,
    )
    data = path.read_bytes()
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunks = list(column_chunks(data))
    assert [chunk.column for chunk in chunks] == ["word", "vector"]
    for chunk, column in zip(chunks, (group.column(0), group.column(1)), strict=True):
        start = column.dictionary_page_offset or column.data_page_offset
        end = start + column.total_compressed_size
        assert chunk[1:] == (column.num_values, start, end)
        assert unpacked_size(data, start, end) == column.total_uncompressed_size


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3), (0, 11), (10**18, 10**18 + 5)])
def test_outside(start, end):
    with pytest.raises(ValueError, match="is said to be at bytes"):
        unpacked_size(bytes(10), start, end)


@given(st.binary(max_size=60))
def test_any_bytes(data):
    with contextlib.suppress(ValueError):
        assert unpacked_size(data, 0, len(data)) >= 0


def test_nested_without_end():
    with pytest.raises(ValueError, match="damaged"):
        unpacked_size(b"\x1c" * 1_000_000, 0, 1_000_000)


@pytest.mark.parametrize("write_statistics", [True, False])
def test_columns_of_several_row_groups(write_statistics, tmp_path):
    table = pa.table({"vector": [[1.0, 2.0]] * 7, "word": ["a"] * 7, "more": [{"x": True}] * 7})
    pq.write_table(
        table, tmp_path / "x", row_group_size=3, write_statistics=write_statistics,
        write_page_index=True, store_schema=False,
    )  # fmt: skip
    metadata = pq.ParquetFile(tmp_path / "x").metadata
    expected = [
        (name, metadata.row_group(group).column(column).num_values)
        for group in range(3)
        for column, name in enumerate(["vector", "word", "more"])
    ]
    assert [chunk[:2] for chunk in column_chunks((tmp_path / "x").read_bytes())] == expected


@given(st.binary(max_size=60))
def test_any_footer(data):
    content = data + len(data).to_bytes(4, "little") + b"PAR1"
    with contextlib.suppress(ValueError):
        list(column_chunks(content))


@pytest.mark.parametrize("data", [b"", b"PAR1", bytes(20), b"\xff\xff\xff\x7fPAR1"])
def test_no_footer(data):
    with pytest.raises(ValueError, match="footer"):
        list(column_chunks(data))
