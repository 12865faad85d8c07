from __future__ import annotations

import pytest

from nw2v.evaluation.word_matching import WordMatcher

WORDS = ["the", "Apple", "APPLE", "Paris", "paris"]


@pytest.mark.parametrize(
    ("word", "found", "folded"),
    [
        ("paris", 4, 3),
        ("Paris", 3, 3),
        ("PARIS", 3, 3),
        ("apple", 1, 1),
        ("The", 0, 0),
        ("x", -1, -1),
    ],
)
def test_find(word, found, folded):
    assert WordMatcher(WORDS).find(word) == found
    assert WordMatcher(WORDS, fold_case=True).find(word) == folded


def test_same_word():
    assert WordMatcher(WORDS).same_word().tolist() == [0, 1, 2, 3, 4]
    assert WordMatcher(WORDS, fold_case=True).same_word().tolist() == [0, 1, 1, 3, 3]


def test_only_the_first_words_count():
    matcher = WordMatcher(WORDS, max_words=3)
    assert len(matcher) == 3
    assert matcher.find("paris") == -1
