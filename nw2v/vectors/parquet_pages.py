"""How much a Parquet column unpacks to, by its pages' own headers; and where columns are.

The footer says how much, too, but whoever decodes a page allocates what the page's header asks for,
and a footer can be forged to say less. Where columns are is read from the footer here, and not
asked of pyarrow: it ends the process where what a footer says of a column does not fit together.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

# Apache Thrift's compact protocol, as far as Parquet uses it
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(
    13
)
_DEEPEST = 12  # structs and lists within each other; Parquet's own are 8 at the most
_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 2, 3  # PageHeader's fields
# FileMetaData.row_groups, RowGroup.columns, ColumnChunk.meta_data
_ROW_GROUPS, _COLUMNS, _META_DATA = 4, 1, 3
# ColumnMetaData's
_PATH, _VALUES, _COMPRESSED, _DATA_PAGE, _DICTIONARY_PAGE = 3, 5, 7, 9, 11
_MAGIC, _LENGTH_BYTES = b"PAR1", 4


class ColumnChunk(NamedTuple):
    """Where the pages of one column and row group are, as the footer says."""

    column: str  # the column of the table; of a list, not what is in it
    values: int
    start: int
    end: int


def column_chunks(data: bytes | mmap.mmap) -> Iterator[ColumnChunk]:
    """List what the footer of a file says of its columns.

    Raises
    ------
    ValueError
        If the footer is damaged.
    """
    end = len(data) - len(_MAGIC) - _LENGTH_BYTES
    if end < 0 or data[end + _LENGTH_BYTES :] != _MAGIC:
        raise ValueError("it does not end with a footer")
    start = end - int.from_bytes(data[end : end + _LENGTH_BYTES], "little")
    if start < 0:
        raise ValueError("its footer is cut short")
    reader = _Reader(data, start, end)
    for _ in reader.structs_in(_ROW_GROUPS):
        for _ in reader.structs_in(_COLUMNS):
            for field, kind in reader.fields():
                if field == _META_DATA and kind == _STRUCT:
                    yield _column_chunk(reader)
                else:
                    reader.skip(kind)


def _column_chunk(reader: _Reader) -> ColumnChunk:
    numbers, names = {}, []
    for field, kind in reader.fields():
        if field == _PATH and kind == _LIST:
            names = [reader.binary() for _ in reader.elements(_BINARY)]
        elif kind == _I64:
            numbers[field] = reader.number()
        else:
            reader.skip(kind)
    if not names or not {_VALUES, _COMPRESSED, _DATA_PAGE} <= numbers.keys():
        raise ValueError("its footer does not say where a column is")
    start = numbers[_DATA_PAGE]
    if 0 < numbers.get(_DICTIONARY_PAGE, 0) < start:  # some writers give 0 where there is none
        start = numbers[_DICTIONARY_PAGE]
    return ColumnChunk(
        names[0].decode("utf-8", "replace"), numbers[_VALUES], start, start + numbers[_COMPRESSED]
    )


def unpacked_size(data: bytes | mmap.mmap, start: int, end: int) -> int:
    """Return the bytes that the pages in data[start:end], one column chunk, unpack to.

    Raises
    ------
    ValueError
        If the headers are damaged or lead outside.
    """
    if not 0 <= start <= end <= len(data):
        raise ValueError(f"a column is said to be at bytes {start} to {end} of {len(data)}")
    total = 0
    while start < end:
        header = _Reader(data, start, end)
        fields = header.numbers()
        unpacked, packed = fields.get(_UNCOMPRESSED_SIZE, -1), fields.get(_COMPRESSED_SIZE, -1)
        if unpacked < 0 or packed < 0:
            raise ValueError(f"damaged page header at byte {start}")
        total += header.position - start + unpacked
        start = header.position + packed
    return total


class _Reader:
    def __init__(self, data: bytes | mmap.mmap, position: int, end: int) -> None:
        self.position = position
        self._data = data
        self._end = end

    def fields(self) -> Iterator[tuple[int, int]]:
        """Give number and kind of each field of a struct; the caller reads or skips its value."""
        field = 0
        while (head := self._byte()) & 15 != _STOP:
            field = field + (head >> 4) if head >> 4 else self.number()
            yield field, head & 15

    def elements(self, kind: int) -> Iterator[None]:
        """Let the caller read the elements of a list, which must be of a kind."""
        size, found = self._list_head()
        if size and found != kind:
            raise self._damage()
        for _ in range(size):
            yield

    def structs_in(self, wanted: int) -> Iterator[None]:
        """Let the caller read the structs of the list in one field of a struct."""
        for field, kind in self.fields():
            if field == wanted and kind == _LIST:
                yield from self.elements(_STRUCT)
            else:
                self.skip(kind)

    def numbers(self) -> dict[int, int]:
        """Read a struct: its fields that are whole numbers."""
        numbers = {}
        for field, kind in self.fields():
            if kind in (_I16, _I32, _I64):
                numbers[field] = self.number()
            else:
                self.skip(kind)
        return numbers

    def skip(self, kind: int, deepest: int = _DEEPEST, *, in_list: bool = False) -> None:
        """Read the value of a field, or in a list, and forget it."""
        if kind in (_I16, _I32, _I64):
            self._varint()
        elif kind in (_TRUE, _FALSE):  # the kind is the value, but in lists
            self._skip(in_list)
        elif kind in (_BYTE, _DOUBLE):
            self._skip(1 if kind == _BYTE else 8)
        elif kind == _BINARY:
            self._skip(self._varint())
        elif kind == _STRUCT and deepest:
            for _, inner in self.fields():
                self.skip(inner, deepest - 1)
        elif kind in (_LIST, _SET) and deepest:
            size, inner = self._list_head()
            for _ in range(size):
                self.skip(inner, deepest - 1, in_list=True)
        elif kind == _MAP and deepest:
            size = self._varint()
            kinds = self._byte() if size else 0
            for _ in range(size):
                self.skip(kinds >> 4, deepest - 1, in_list=True)
                self.skip(kinds & 15, deepest - 1, in_list=True)
        else:
            raise self._damage()

    def binary(self) -> bytes:
        """Read bytes."""
        size = self._varint()
        self._skip(size)
        return self._data[self.position - size : self.position]

    def number(self) -> int:
        """Read a whole number with a sign."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        return head >> 4 if head >> 4 < 15 else self._varint(), head & 15

    def _damage(self) -> ValueError:
        return ValueError(f"a header is damaged before byte {self.position}")

    def _byte(self) -> int:
        self._skip(1)
        return self._data[self.position - 1]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > self._end:
            raise ValueError("a header is cut short")

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise self._damage()
