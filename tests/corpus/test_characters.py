from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus.characters import (
    _LETTER,
    blank_white_space,
    character_classes,
    keep_letters,
)
from nw2v.corpus.tokenizer import is_letter

BLANKS = "\x00\t\x0b \x1f\x7f\x80\x85\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000"
texts = st.text(st.sampled_from("ab9'’é\u0301-_.\n\r中🙂\ufeff\u1681\u3001" + BLANKS)) | st.text()


def read_only(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_blanking_leaves_what_split_leaves(text: str) -> None:
    out = np.empty(len(text.encode()), dtype=np.uint8)
    blank_white_space(read_only(text), out)
    controls = dict.fromkeys([*range(9), *range(14, 32), *range(0x7F, 0xA0)], " ")
    blanked = "".join(" " if byte in (*range(33), 127) else chr(byte) for byte in out)
    comp = blanked.encode("latin-1").decode().split()
    ref = text.translate(controls).split()
    assert comp == ref


def test_blanking_every_code_point_that_might_be_blank() -> None:
    text = "x".join(map(chr, [*range(0x3200), *range(0xFE00, 0x10100), 0x10FFFF]))
    out = np.empty(len(text.encode()), dtype=np.uint8)
    blank_white_space(read_only(text), out)
    ref = "".join(
        " " * len(character.encode())
        if not character.isascii() and (character.isspace() or 0x80 <= ord(character) < 0xA0)
        else character
        for character in text
    )
    assert out.tobytes().decode() == ref


def test_classes_of_every_code_point() -> None:
    classes = character_classes()
    ref = np.array([is_letter(character) for character in map(chr, range(0x110000))])
    np.testing.assert_array_equal(classes == _LETTER, ref)


@given(texts)
@settings(max_examples=200, deadline=None)
def test_letters_in_bounds(text: str) -> None:
    data = read_only(text)
    out = np.empty(len(data), dtype=np.uint8)
    written = keep_letters(data, character_classes(), out)
    assert written <= len(data)
    out[:written].tobytes().decode()
