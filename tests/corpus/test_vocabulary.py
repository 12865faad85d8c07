from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.corpus.vocabulary import Vocabulary, WordTypes, choose_types
from nw2v.errors import InputError
from tests import naive


def word_types(words: list[str]) -> WordTypes:
    text = "".join(word + "\n" for word in words).encode()
    ends = np.cumsum([0] + [len(word.encode()) + 1 for word in words])
    return WordTypes(np.frombuffer(text, dtype=np.uint8), ends)


@given(
    st.dictionaries(st.text("abéz\U0001f642", min_size=1, max_size=4), st.integers(0, 6)),
    st.integers(1, 4),
    st.none() | st.integers(2, 8),
)
def test_choice_is_exact_and_ordered(
    counts: dict[str, int], min_count: int, most: int | None
) -> None:
    sentences = [[word] * count for word, count in counts.items()]
    ref = naive.build_vocabulary(sentences, min_count, most)
    array = np.array(list(counts.values()), dtype=np.int64)
    if len(ref) < 2:
        with pytest.raises(InputError, match=rf"corpus\.min_count={min_count}"):
            choose_types(array, word_types(list(counts)), min_count, most)
        return
    types, words = choose_types(array, word_types(list(counts)), min_count, most)
    assert list(zip(words, array[types].tolist(), strict=True)) == ref


def test_too_few_words() -> None:
    types = word_types(["a", "b"])
    with pytest.raises(InputError, match="the most frequent one 1,500 times: lower"):
        choose_types(np.array([1500, 2]), types, 2000, None)
    with pytest.raises(InputError, match="a vocabulary of one word, 'b'"):
        choose_types(np.array([1, 9]), types, 2, None)


def test_word_types() -> None:
    words = ["a", "éé", "c"]
    types = word_types(words)
    assert list(types) == words
    assert (len(types), types[1], types[-1], types[1:]) == (3, "éé", "c", ["éé", "c"])
    with pytest.raises(IndexError):
        types[3]


def test_lookup() -> None:
    vocabulary = Vocabulary(["the", "cat", "cats"], np.array([5, 3, 3]))
    assert (len(vocabulary), vocabulary.total) == (3, 11)
    assert "cat" in vocabulary
    assert "dog" not in vocabulary
    assert vocabulary.id("cats") == 2
    assert vocabulary.ids == {"the": 0, "cat": 1, "cats": 2}
    with pytest.raises(InputError, match=r"'catz' is not in the vocabulary; near: cat, cats"):
        vocabulary.id("catz")
    with pytest.raises(InputError, match=r"'zebra' is not in the vocabulary$"):
        vocabulary.id("zebra")


def test_save_and_load(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["the", "é", "\u2028"], np.array([5, 3, 0]))
    path = tmp_path / "vocabulary.tsv"
    vocabulary.save(path)
    assert path.read_bytes() == "the\t5\né\t3\n\u2028\t0\n".encode()
    loaded = Vocabulary.load(path)
    assert list(loaded.words) == list(vocabulary.words)
    np.testing.assert_array_equal(loaded.counts, vocabulary.counts)
    path.write_bytes(b"a\t2\r\nb\t1\r\n")
    assert list(Vocabulary.load(path).words) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "line 1: expected a word, a tab and its count, got ''"),
        (b"a\t1\nb 2\n", "line 2: expected a word"),
        (b"a\t-1\n", "line 1"),
        (b"a\tmany\n", "line 1"),
        (b"a\t1\n\nb\t2\n", "line 2"),
        (b"a\t1\nb\t2\na\t3\n", "line 3: the word 'a' comes twice"),
        (b"\xff\t1\n", "not UTF-8"),
        (b"a\t99999999999999999999999\n", "beyond 64 bits"),
    ],
)
def test_malformed_files(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "vocabulary.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Vocabulary.load(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_other_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        Vocabulary.load(tmp_path / "none")
    with pytest.raises(InputError, match="one count a word: 2 words, counts of shape"):
        Vocabulary(["a", "b"], np.array([1]))
    with pytest.raises(InputError, match="holds a tab"):
        Vocabulary(["a\tb"], np.array([1])).save(tmp_path / "vocabulary.tsv")
