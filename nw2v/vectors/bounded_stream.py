"""Reading a vectors file, plain or gzip, that never yields more than its size can account for."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nw2v.errors import InputError

BLOCK = 4 << 20  # bytes read at once
# Vectors compress two- to fourfold. A gzip file that swells more than this is refused: a
# thousandfold is possible, and a small file could then fill the memory.
MOST_SWELLING = 100
ALWAYS_ALLOWED = 16 << 20


class BoundedStream:
    """Bytes of a file with a known upper bound on their number.

    Attributes
    ----------
    path : Path
        For messages.
    capacity : int
        The file cannot yield more bytes than this: its size, or for gzip a multiple of it.
    compressed : bool
        Whether the bytes come out of gzip (which checks its own integrity).
    unfinished_line : bool
        Whether the last line that `lines` gave had no newline.
    """

    def __init__(self, path: Path, file: IO[bytes], capacity: int, compressed: bool) -> None:
        self.path = path
        self.capacity = capacity
        self.compressed = compressed
        self.unfinished_line = False
        self._file = file
        self._given = 0

    def read(self, size: int = BLOCK) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        return self._counted(self._file.read, size)

    def readline(self, limit: int) -> bytes:
        """Return one line with its newline, or its first `limit` bytes."""
        return self._counted(self._file.readline, limit)

    def lines(self, longest: int) -> Iterator[list[bytes]]:
        r"""Yield the remaining lines in blocks, without their "\n".

        Raises
        ------
        InputError
            If a line is longer than `longest` bytes.
        """
        started = b""
        while block := self.read():
            lines = (started + block).split(b"\n")
            started = lines.pop()
            if len(started) > longest:
                raise InputError(
                    f"{self.path}: a line is longer than {longest:,} bytes; "
                    "this is not word2vec's text format, or the file is damaged"
                )
            if lines:
                yield lines
        if started:
            self.unfinished_line = True
            yield [started]

    def require(self, needed: int, claim: str) -> None:
        """Refuse a claim about the content that needs more bytes than the file can hold."""
        if needed > self.capacity:
            size = "can unpack to" if self.compressed else "is"
            raise InputError(
                f"{self.path}: {claim} needs at least {needed:,} bytes, but the file {size} "
                f"{self.capacity:,}: it is cut short or its header is wrong; get it anew"
            )

    def _counted(self, take: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = take(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{self.path}: damaged or cut short as a gzip file ({error}); get it anew"
            ) from error
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
        self._given += len(data)
        if self._given > self.capacity and self.compressed:
            raise InputError(
                f"{self.path}: unpacks to more than {MOST_SWELLING} times its size, which word "
                "vectors do not; unpack it with gunzip first if you trust it"
            )
        return data


@contextmanager
def open_bounded(path: Path) -> Iterator[BoundedStream]:
    """Open `path` for reading; a name that ends in .gz is unpacked on the way.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    compressed = path.name.lower().endswith(".gz")
    try:
        size = path.stat().st_size
        file: IO[bytes] = gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[assignment]  # noqa: SIM115
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    capacity = max(size * MOST_SWELLING, ALWAYS_ALLOWED) if compressed else size
    with file:
        yield BoundedStream(path, file, capacity, compressed)
