from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus.characters import (
    _LETTER,
    character_classes,
    keep_letters,
)
from nw2v.corpus.tokenizer import is_letter

BLANKS = "\x00\t\x0b \x1f\x7f\x80\x85\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000"
texts = st.text(st.sampled_from("ab9'’é\u0301-_.\n\r中🙂\ufeff\u1681\u3001" + BLANKS)) | st.text()


def read_only(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def test_classes_of_every_code_point() -> None:
    classes = character_classes()
    ref = np.array([is_letter(character) for character in map(chr, range(0x110000))])
    np.testing.assert_array_equal(classes == _LETTER, ref)


@given(texts)
@settings(max_examples=200)
def test_letters_in_bounds(text: str) -> None:
    data = read_only(text)
    out = np.empty(len(data), dtype=np.uint8)
    written = keep_letters(data, character_classes(), out)
    assert written <= len(data)
    out[:written].tobytes().decode()
