"""Compiled rewriting of UTF-8 text so that only white space is left between words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np

from nw2v.jit import exact_kernel

SPACE = 0x20
_APOSTROPHE = 0x27
_OTHER, _LETTER, _QUOTE, _LINE_END = 0, 1, 2, 3


@exact_kernel
def keep_letters(text: np.ndarray, classes: np.ndarray, out: np.ndarray) -> int:
    """Copy the words of UTF-8 `text` to `out`, one blank for each character between them.

    Parameters
    ----------
    text : (n,) uint8
        Valid UTF-8.
    classes : (0x110000,) uint8
        The class of each code point, see `character_classes`.
    out : (n,) uint8
        Receives the result, which is never longer.

    Returns
    -------
    int
        Bytes written.
    """
    size = text.shape[0]
    position = 0
    written = 0
    inside = False  # the last character belongs to a word
    pending = False  # an apostrophe directly after a word waits for what follows
    while position < size:
        first = np.int64(text[position])
        if first < 0x80:
            width = 1
            code = first
        elif first < 0xE0:
            width = 2
            code = (first & 0x1F) << 6 | (text[position + 1] & 0x3F)
        elif first < 0xF0:
            width = 3
            code = (first & 0x0F) << 12
            code |= np.int64(text[position + 1] & 0x3F) << 6 | (text[position + 2] & 0x3F)
        else:
            width = 4
            code = (first & 0x07) << 18 | np.int64(text[position + 1] & 0x3F) << 12
            code |= np.int64(text[position + 2] & 0x3F) << 6 | (text[position + 3] & 0x3F)
        kind = classes[code]
        if kind == _LETTER:
            if pending:
                out[written] = _APOSTROPHE
                written += 1
                pending = False
            for k in range(width):
                out[written + k] = text[position + k]
            written += width
            inside = True
        else:
            if pending:
                out[written] = SPACE
                written += 1
                pending = False
            if kind == _QUOTE and inside:
                pending = True
            else:
                out[written] = first if kind == _LINE_END else SPACE
                written += 1
            inside = False
        position += width
    if pending:
        out[written] = SPACE
        written += 1
    return written


@cache
def character_classes() -> np.ndarray:
    """Class of each code point for `keep_letters`, (0x110000,) uint8: letters as `is_letter`."""
    classes = np.full(0x110000, _OTHER, dtype=np.uint8)
    every = "".join(map(chr, [*range(0xD800), *([0x20] * 0x800), *range(0xE000, 0x110000)]))
    for run in re.finditer(r"[^\W_]+", every):
        classes[run.start() : run.end()] = _LETTER
    # Planes 3 to 13 and the private ones hold no marks.
    for code in (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000)):
        if classes[code] == _OTHER and unicodedata.category(every[code])[0] == "M":
            classes[code] = _LETTER
    classes[[_APOSTROPHE, 0x2019]] = _QUOTE
    classes[[0x0A, 0x0D]] = _LINE_END
    classes.flags.writeable = False
    return classes
