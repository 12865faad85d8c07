"""Text files and folders as blocks of bytes, so that no text is ever whole in memory."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nw2v.corpus.pipeline import read_ahead
from nw2v.errors import InputError

BLOCK_BYTES = 1 << 20
LONGEST_RUN = 1 << 20  # bytes without white space that are still taken for a word
_COMPRESSED_PIECE = 1 << 16
_COMPRESSIONS = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zst": "zstd"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROLS_TO_SPACE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file of a text, as it was when the text was looked up.

    Attributes
    ----------
    path : Path
        Absolute path.
    compression : {"", "gzip", "xz", "bzip2", "zstd"}
        Told by the ending of the name.
    size, mtime_ns, inode : int
        What tells that a file has changed. `size` is in bytes, compressed.
    regular : bool
        False for pipes and devices, which can be read only once.
    """

    path: Path
    compression: str
    size: int
    mtime_ns: int
    inode: int
    regular: bool


class Block(NamedTuple):
    """A piece of text: valid UTF-8 that ends with white space, at a line end if there was one."""

    text: bytes
    bytes_done: int


class ContentDigest:
    """A digest of the files of a text as they are stored, in their order.

    Names and places do not count, so that a moved or copied text is recognised.
    """

    def __init__(self) -> None:
        self._all = hashlib.sha256()
        self._file = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Take some more bytes of the current file."""
        self._file.update(data)

    def end_file(self, compression: str) -> None:
        """Close the current file."""
        self._all.update(compression.encode() + b"\0" + self._file.digest())
        self._file = hashlib.sha256()

    def hexdigest(self) -> str:
        """32 hexadecimal digits for all the files closed so far."""
        return self._all.hexdigest()[:32]


def find_text(path: str | os.PathLike[str]) -> list[TextFile]:
    """List the files of a text.

    Parameters
    ----------
    path : path-like
        A file, or a folder: all files below it, sorted by their path, hidden ones left out.

    Returns
    -------
    list of TextFile
        Never empty.

    Raises
    ------
    InputError
        If there is nothing at `path`, it cannot be read, or the folder holds no file.
    """
    if not os.fspath(path):
        raise InputError("corpus.path is empty: give a text file or a folder of text files")
    top = Path(path).expanduser().absolute()
    try:
        if not top.is_dir():
            return [_text_file(top)]
        files = [_text_file(found) for found in _files_below(top, set())]
    except FileNotFoundError as error:
        raise InputError(f"corpus.path={path}: there is no such file or folder") from error
    except OSError as error:
        where = error.filename or path
        raise InputError(f"corpus.path={path}: cannot read {where}: {error.strerror}") from error
    if not files:
        raise InputError(f"corpus.path={path}: the folder holds no files (hidden ones are skipped)")
    return files


def _files_below(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    facts = folder.stat()
    if (facts.st_dev, facts.st_ino) in seen:  # a symbolic link that leads back up
        return
    seen.add((facts.st_dev, facts.st_ino))
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_below(entry, seen)
        elif entry.is_file():
            yield entry


def _text_file(path: Path) -> TextFile:
    facts = path.stat()
    compression = _COMPRESSIONS.get(path.suffix.lower(), "")
    regular = stat.S_ISREG(facts.st_mode)
    return TextFile(path, compression, facts.st_size, facts.st_mtime_ns, facts.st_ino, regular)


def content_digest(files: list[TextFile]) -> str:
    """Digest of the stored bytes of all files, without interpreting them."""
    digest = ContentDigest()
    for file in files:
        for data in _stored_bytes(file, BLOCK_BYTES):
            digest.update(data)
        digest.end_file(file.compression)
    return digest.hexdigest()


def read_blocks(
    files: list[TextFile], *, encoding_errors: str = "strict", digest: ContentDigest | None = None
) -> Iterator[Block]:
    """Read a text block by block.

    A block ends where a line ends. Inside a line of more than `BLOCK_BYTES` it ends at white
    space and the line goes on in the next block; the last block of a file ends with a line end.
    A byte order mark at the beginning of a file is dropped.

    Parameters
    ----------
    files : list of TextFile
    encoding_errors : {"strict", "replace"}
        What to do with bytes that are not UTF-8: raise, or put U+FFFD in their place.
    digest : ContentDigest, optional
        Is fed the stored bytes, so that one reading serves for both.

    Yields
    ------
    Block
        Its `bytes_done` counts stored (compressed) bytes over all the files.

    Raises
    ------
    InputError
        For a file that cannot be read, a damaged or truncated archive, bytes that are not UTF-8
        (with file and line), and a run of more than a mebibyte without white space.
    """
    bytes_done = 0

    def stored(file: TextFile) -> Iterator[bytes]:
        nonlocal bytes_done
        piece = _COMPRESSED_PIECE if file.compression else BLOCK_BYTES
        for data in _stored_bytes(file, piece):
            if digest is not None:
                digest.update(data)
            bytes_done += len(data)
            yield data

    for file in files:
        pieces = stored(file)
        if file.compression:  # in a thread of its own, that it is never kept waiting
            pieces = read_ahead(_decompressed(file, read_ahead(pieces)))
        lines = 0
        for number, text in enumerate(_cut_at_white_space(file, pieces)):
            if number == 0 and text.startswith(_BYTE_ORDER_MARK):
                text = text[len(_BYTE_ORDER_MARK) :]
            if not text.isascii():
                valid = _valid_utf8(file, text, lines, encoding_errors)
            else:
                valid = text
            yield Block(valid, bytes_done)
            lines += _line_ends(text)
        if digest is not None:
            digest.end_file(file.compression)


def _stored_bytes(file: TextFile, piece: int) -> Iterator[bytes]:
    try:
        with file.path.open("rb", buffering=0) as source:
            while data := source.read(piece):
                yield data
    except OSError as error:
        raise InputError(
            f"corpus.path: cannot read {file.path}: {error.strerror or error}"
        ) from error


def _line_ends(text: bytes) -> int:
    # Comparing all bytes is several times as fast as looking for one line end after another.
    ends = int(np.count_nonzero(np.frombuffer(text, dtype=np.uint8) == 0x0A))
    return ends + (text.count(b"\r") - text.count(b"\r\n") if b"\r" in text else 0)


def _valid_utf8(file: TextFile, text: bytes, lines_before: int, encoding_errors: str) -> bytes:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding_errors == "replace":
            return text.decode("utf-8", "replace").encode("utf-8")
        line = lines_before + _line_ends(text[: error.start]) + 1
        wide = lines_before == 0 and text.startswith((b"\xff\xfe", b"\xfe\xff"))
        what = "the file looks like UTF-16" if wide else f"byte 0x{text[error.start]:02x}"
        raise InputError(
            f"corpus.path: {file.path}, line {line}: not UTF-8 ({what}): convert the file, "
            "or set corpus.encoding_errors=replace"
        ) from error
    return text


def _cut_at_white_space(file: TextFile, pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size < BLOCK_BYTES:
            continue
        text = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        end = _last_white_space(text)
        if end:
            yield text[:end]
        rest = text[end:]
        if len(rest) > LONGEST_RUN:
            raise InputError(
                f"corpus.path: {file.path} has more than {LONGEST_RUN:,} bytes without white "
                "space: is it a text file?"
            )
        waiting, size = [rest], len(rest)
    rest = b"".join(waiting)
    if rest:
        yield rest + b"\n"


def _last_white_space(text: bytes) -> int:
    """Where to cut: after the last line end, else after the last blank, else 0."""
    end = text.rfind(b"\n") + 1
    if not end:
        end = text.rfind(b"\r", 0, len(text) - 1) + 1  # a last one may belong to a "\n" to come
    if not end:
        end = text.rfind(b" ") + 1
    if not end:
        end = text.translate(_CONTROLS_TO_SPACE).rfind(b" ") + 1
    return end


def _decompressed(file: TextFile, stored: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress all members of an archive; each piece that comes out is bounded in size."""
    feed, errors = _decompressor(file.compression)
    member: Any = None
    complete = False
    try:
        for data in stored:
            while data:
                if member is None:
                    if complete:
                        data = data.lstrip(b"\0")  # padding between and after members
                        if not data:
                            break
                    member, complete = _new_member(file.compression), False
                yield from feed(member, data)
                data = b""
                if member.eof:
                    data, member, complete = member.unused_data, None, True
    except errors as error:
        raise InputError(
            f"corpus.path: {file.path} is not a readable {file.path.suffix} file ({error}): "
            "it is damaged or of another kind"
        ) from error
    if not complete:
        raise InputError(
            f"corpus.path: {file.path} is truncated: its {file.compression} data has no end"
        )


def _new_member(compression: str) -> Any:
    if compression == "gzip":
        import zlib

        return zlib.decompressobj(wbits=31)
    if compression == "bzip2":
        import bz2

        return bz2.BZ2Decompressor()
    if compression == "xz":
        import lzma

        return lzma.LZMADecompressor()
    return _ZstdMember()


def _decompressor(
    compression: str,
) -> tuple[Callable[[Any, bytes], Iterator[bytes]], tuple[type[Exception], ...]]:
    if compression == "gzip":
        import zlib

        return _feed_gzip, (zlib.error,)
    if compression == "zstd":
        import zstandard

        return _feed_zstd, (zstandard.ZstdError,)
    import lzma

    return _feed_bounded, (lzma.LZMAError, OSError, EOFError)


def _feed_gzip(member: Any, data: bytes) -> Iterator[bytes]:
    while True:
        text = member.decompress(data, BLOCK_BYTES)
        if text:
            yield text
        data = member.unconsumed_tail
        if member.eof or (not data and len(text) < BLOCK_BYTES):
            return


def _feed_bounded(member: Any, data: bytes) -> Iterator[bytes]:
    while True:
        text = member.decompress(data, BLOCK_BYTES)
        if text:
            yield text
        data = b""
        if member.eof or member.needs_input:
            return


class _ZstdMember:
    """A zstd frame, fed in small steps since its decompressor cannot bound what it returns."""

    STEP = 1 << 12

    def __init__(self) -> None:
        import zstandard

        self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), self.STEP):
            text = self._frame.decompress(data[start : start + self.STEP])
            if text:
                yield text
            if self._frame.eof:
                self.unused_data = self._frame.unused_data + data[start + self.STEP :]
                return


def _feed_zstd(member: _ZstdMember, data: bytes) -> Iterator[bytes]:
    return member.feed(data)
