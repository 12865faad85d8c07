"""What an unknown word was perhaps meant to be."""

from __future__ import annotations

import pytest

from nw2v.vectors.near_words import MOST_CANDIDATES, UnknownWordError, near_words


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("kign", ["king"]),
        ("King", ["king"]),
        ("KÖLN", ["Köln"]),
        ("xing", ["king"]),  # the first letter is wrong
        ("informations", ["information"]),
        ("zzz", []),
        ("", []),
        ("k", []),
    ],
)
def test_near_words(word, near):
    assert near_words(word, ["king", "queen", "Köln", "information", ""]) == near


def test_same_word_in_another_case_comes_first():
    assert near_words("us", ["use", "bus", "US", "Us"]) == ["US", "Us", "use"]


def test_effort_is_bounded():
    words = [f"w{i:06d}" for i in range(MOST_CANDIDATES * 3)]
    assert len(near_words("w000012x", words)) == 3
    assert near_words("w" * 10_000, words) == []


def test_message_is_one_short_line():
    message = str(UnknownWordError("a\nb" * 1000, ["x"]))
    assert "\n" not in message
    assert len(message) < 200
