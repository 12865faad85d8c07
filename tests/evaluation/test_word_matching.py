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
    assert WordMatcher(WORDS).find([word]).tolist() == [found]
    assert WordMatcher(WORDS, fold_case=True).find([word]).tolist() == [folded]


def test_find_keeps_the_order_of_what_is_asked():
    asked = ["x", "paris", "PARIS", "paris", "the"]
    assert WordMatcher(WORDS).find(asked).tolist() == [-1, 4, 3, 4, 0]
    assert WordMatcher(WORDS).find([]).tolist() == []


def test_same_word():
    assert WordMatcher(WORDS).same_word().tolist() == [0, 1, 2, 3, 4]
    assert WordMatcher(WORDS, fold_case=True).same_word().tolist() == [0, 1, 1, 3, 3]


def test_only_the_first_words_count():
    matcher = WordMatcher(WORDS, max_words=3)
    assert len(matcher) == 3
    assert matcher.find(["paris"]).tolist() == [-1]
