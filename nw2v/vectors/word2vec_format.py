"""What word2vec's text and binary formats share: the header line and the spelling of words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from nw2v.errors import InputError
from nw2v.vectors.table import LONGEST_WORD, MOST_DIMENSIONS, shown

LONGEST_HEADER = 100  # bytes; two 64-bit numbers need 41
_WHITE_SPACE = re.compile(r"[ \t\n\r\v\f]")  # what C's fscanf stops at
_NUMBER = re.compile(rb"[+-]?[0-9]+")


def header(count: int, dim: int) -> bytes:
    """Return the first line of a file of `count` words in `dim` dimensions."""
    return f"{count} {dim}\n".encode()


def parse_header(line: bytes, path: Path) -> tuple[int, int] | None:
    """Read the first line of a file.

    Returns
    -------
    (count, dim) or None
        None if the line is no header at all: not two whole numbers.

    Raises
    ------
    InputError
        If the numbers are impossible.
    """
    parts = line.split()
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    excerpt = line.strip()[:LONGEST_HEADER].decode("ascii", "replace")
    if len(line) > LONGEST_HEADER:
        raise InputError(
            f"{path}, line 1: the header {excerpt}... is too long; the file is damaged"
        )
    count, dim = int(parts[0]), int(parts[1])
    if count < 1 or dim < 1:
        raise InputError(
            f"{path}, line 1: the header {excerpt!r} announces {count} words of {dim} numbers; "
            "both must be at least 1"
        )
    if dim > MOST_DIMENSIONS:
        raise InputError(
            f"{path}, line 1: the header {excerpt!r} announces {dim:,} numbers a word; "
            f"at most {MOST_DIMENSIONS:,} are read"
        )
    return count, dim


def encode_words(words: Sequence[str], path: Path) -> list[bytes]:
    """Return the words in UTF-8, each checked to be readable in word2vec's formats.

    Raises
    ------
    InputError
        If a word holds white space, is longer than 1 MB, or has no UTF-8 form.
    """
    encoded = []
    for row, word in enumerate(words):
        if _WHITE_SPACE.search(word):
            raise InputError(
                f"cannot write {path}: the word {shown(word)} (row {row}, from 0) has white space "
                "inside, which word2vec's formats cannot hold; write .safetensors or .parquet"
            )
        encoded.append(encode_word(word, row, path))
    return encoded


def encode_word(word: str, row: int, path: Path) -> bytes:
    """Return one word in UTF-8, or raise InputError."""
    try:
        data = word.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"cannot write {path}: the word {shown(word)} (row {row}, from 0) has no UTF-8 form "
            f"({error.reason}); change or drop it"
        ) from error
    if len(data) > LONGEST_WORD:
        raise InputError(
            f"cannot write {path}: the word {shown(word)} (row {row}, from 0) has "
            f"{len(data):,} bytes; at most {LONGEST_WORD:,} can be written"
        )
    return data


# The commands have no such option: files like these are rare.
NOT_UTF8_ADVICE = (
    "convert the file to UTF-8, or read it in Python with "
    'WordVectors.load(path, encoding_errors="replace")'
)


def decode_words(
    words: Sequence[bytes], encoding_errors: str, place: Callable[[int], str]
) -> list[str]:
    """Return the words as text; `place(i)` says where word i stands, for the message.

    Raises
    ------
    InputError
        If a word is not UTF-8 and `encoding_errors` is "strict".
    """
    try:
        return [word.decode("utf-8", encoding_errors) for word in words]
    except UnicodeDecodeError:
        row = next(i for i, word in enumerate(words) if not _is_utf8(word))
        raise InputError(
            f"{place(row)}: the word {words[row][:80]!r} is not UTF-8; {NOT_UTF8_ADVICE}"
        ) from None


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
