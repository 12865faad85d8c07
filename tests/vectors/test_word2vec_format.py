"""The header line and the words of word2vec's formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.errors import InputError
from nw2v.vectors.word2vec_format import decode_words, encode_words, header, parse_header

PATH = Path("x.txt")


@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_header(count, dim):
    assert parse_header(header(count, dim), PATH) == (count, dim)


@pytest.mark.parametrize(
    "line", [b"", b"2\n", b"2 3 4\n", b"king 0.5\n", b"2 3.0\n", b"\xd9\xa3 3\n"]
)
def test_no_header(line):
    assert parse_header(line, PATH) is None


@pytest.mark.parametrize("line", [b"2 3\n", b"2 3\r\n", b" 2  3 \n", b"2\t3"])
def test_header_dialects(line):
    assert parse_header(line, PATH) == (2, 3)


@pytest.mark.parametrize(
    "line", [b"0 3\n", b"-2 3\n", b"2 0\n", b"2 1000001\n", b"9" * 99 + b" 3\n"]
)
def test_impossible_header(line):
    with pytest.raises(InputError, match=r"x.txt, line 1: the header"):
        parse_header(line, PATH)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\r\v\f")))
)
def test_words_go_there_and_back(words):
    assert decode_words(encode_words(words, PATH), "strict", str) == words


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("a b", "white space"),
        ("\ud800", "no UTF-8 form"),
        ("é" * 500_001, "1,000,002 bytes; at most 1,000,000"),
    ],
)
def test_words_that_cannot_be_written(word, message):
    with pytest.raises(InputError, match=f"cannot write x.txt: .*row 1.*{message}") as caught:
        encode_words(["good", word], PATH)
    assert len(str(caught.value)) < 300


def test_words_that_cannot_be_read():
    words = [b"good", b"K\xf6ln", b"\xff"]
    with pytest.raises(InputError, match=r"line 8: the word b'K\\xf6ln' is not UTF-8"):
        decode_words(words, "strict", lambda i: f"line {i + 7}")
    assert decode_words(words, "ignore", str) == ["good", "Kln", ""]
