from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus.tokenizer import Tokenizer, is_letter
from nw2v.errors import InputError


def test_default_folds_and_splits_on_white_space() -> None:
    line = "The  CAT,\tthe\u00a0mat\x00\x0b\x1f\x85\u3000E\u0301"
    assert Tokenizer()(line) == ["the", "cat,", "the", "mat", "é"]
    assert Tokenizer(lowercase=False)("The Cat") == ["The", "Cat"]


def test_letters_keep_digits_marks_and_inner_apostrophes() -> None:
    words = Tokenizer(words="letters")("“Don’t” stop—o'clock's 'tis dogs' x''y R2-D2 e\u0301a a_b")
    assert words == [
        "don't",
        "stop",
        "o'clock's",
        "tis",
        "dogs",
        "x",
        "y",
        "r2",
        "d2",
        "éa",
        "a",
        "b",
    ]


def test_expression_sees_folded_text() -> None:
    assert Tokenizer(words="[a-z]+")("Ab1Cd") == ["ab", "cd"]
    assert Tokenizer(words="(a)(b)|c+")("ABCC a") == ["ab", "cc"]
    assert Tokenizer(words="new york|[a-z]+")("New York city") == ["new", "york", "city"]


def test_unicode_forms() -> None:
    assert Tokenizer(unicode_normalization="NFKC")("ﬁne Ｗｉｄｅ x\u00a8y") == [
        "fine",
        "wide",
        "x",
        "\u0308y",
    ]
    assert Tokenizer(unicode_normalization="NFD")("É") == ["e\u0301"]
    assert Tokenizer(unicode_normalization="none")("E\u0301") == ["e\u0301"]
    assert Tokenizer(unicode_normalization=None) == Tokenizer(unicode_normalization="none")


@given(st.text())
@settings(max_examples=300)
def test_words_are_never_changed_by_normalising_twice(text: str) -> None:
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    for form in forms:
        tokenizer = Tokenizer(unicode_normalization=form)
        once = tokenizer.normalise(text)
        assert tokenizer.normalise(once) == once
        assert unicodedata.normalize(form, once) == once


def test_is_letter() -> None:
    assert all(map(is_letter, "aZé9²中\u0301\u0940"))
    assert not any(map(is_letter, " _-'’.,\n\u200b€"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"words": "leters"}, "corpus.words='leters'"),
        ({"words": "white space"}, "corpus.words"),
        ({"words": ""}, "corpus.words"),
        ({"words": None}, "corpus.words"),
        ({"words": "[a-z"}, "not a regular expression"),
        ({"words": "a**"}, "not a regular expression"),
        ({"unicode_normalization": "NFX"}, "corpus.unicode_normalization='NFX'"),
        ({"lowercase": "yes"}, "corpus.lowercase='yes'"),
    ],
)
def test_bad_settings(arguments: dict, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Tokenizer(**arguments)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
