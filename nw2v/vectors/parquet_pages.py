"""How much a Parquet column unpacks to, by its pages' own headers.

The footer says it too, but whoever decodes a page allocates what the page's header asks for, and
a footer can be forged to say less.
"""

from __future__ import annotations

import mmap

# Apache Thrift's compact protocol, as far as a Parquet PageHeader uses it
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY = range(9)
_STRUCT = 12
_DEEPEST = 4  # PageHeader > DataPageHeader > Statistics
_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 2, 3  # PageHeader's fields


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
        fields = header.struct(_DEEPEST)
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

    def struct(self, deepest: int) -> dict[int, int]:
        """Read a struct, returning its whole-number fields."""
        numbers = {}
        field = 0
        while (head := self._byte()) & 15 != _STOP:
            kind, step = head & 15, head >> 4
            field = field + step if step else self._zigzag()
            if kind in (_I16, _I32, _I64):
                numbers[field] = self._zigzag()
            elif kind == _BINARY:
                self._skip(self._varint())
            elif kind in (_BYTE, _DOUBLE):
                self._skip(1 if kind == _BYTE else 8)
            elif kind == _STRUCT and deepest > 1:
                self.struct(deepest - 1)
            elif kind not in (_TRUE, _FALSE):
                raise ValueError(f"damaged page header before byte {self.position}")
        return numbers

    def _byte(self) -> int:
        self._skip(1)
        return self._data[self.position - 1]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > self._end:
            raise ValueError("a page header is cut short")

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError(f"damaged page header before byte {self.position}")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
