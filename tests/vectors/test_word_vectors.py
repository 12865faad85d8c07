"""Queries against plain twins, odd tables, wrong questions."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.errors import InputError
from nw2v.vectors import UnknownWordError, WordVectors
from nw2v.vectors.word_vectors import highest
from tests import naive


def random_vectors(count=60, dim=7, seed=0):
    rng = np.random.default_rng(seed)
    return WordVectors(
        [f"w{i}" for i in range(count)], rng.standard_normal((count, dim)).astype(np.float32)
    )


def assert_same_answers(ref, comp):
    assert [word for word, _ in comp] == [word for word, _ in ref]
    assert_allclose([score for _, score in comp], [score for _, score in ref], atol=2e-6)


def test_container(vectors):
    assert len(vectors) == 7
    assert vectors.dim == 5
    assert list(vectors) == list(vectors.words)
    assert "king" in vectors
    assert "King" not in vectors
    assert 0 not in vectors
    assert None not in vectors
    assert_array_equal(vectors["дом"], vectors.vectors[3])
    assert vectors["дом"].dtype == np.float32
    assert repr(vectors) == "WordVectors(7 words, dim 5)"
    assert isinstance(vectors.words, tuple)


def test_the_array_is_kept_without_a_copy_and_cannot_be_changed_by_accident():
    array = np.eye(3, dtype=np.float32)
    vectors = WordVectors(["a", "b", "c"], array)
    assert np.shares_memory(vectors.vectors, array)
    assert array.flags.writeable
    for view in (vectors.vectors, vectors["a"], vectors.unit_vectors):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_cannot_be_changed_by_accident_either(copied):
    vectors = WordVectors(["a", "b", "c"], np.eye(3, dtype=np.float32), [3, 2, 1])
    assert vectors.unit_vectors.any()
    other = copied(vectors)
    assert other.words == vectors.words and other.most_similar("a") == vectors.most_similar("a")
    for view in (other.vectors, other["a"], other.unit_vectors, other.counts):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0


@pytest.mark.parametrize("seed", range(5))
def test_most_similar(seed):
    vectors = random_vectors(seed=seed)
    ref = naive.most_similar(vectors.words, vectors.vectors, ["w3"])
    comp = vectors.most_similar("w3", top=59)
    assert_same_answers(ref, comp)
    assert vectors.most_similar(["w3"], top=5) == comp[:5]

    ref = naive.most_similar(vectors.words, vectors.vectors, ["w3", "w5"], ["w7"])
    comp = vectors.most_similar(["w3", "w5"], negative="w7", top=10)
    assert_same_answers(ref[:10], comp)
    assert comp == vectors.most_similar(("w3", "w5"), negative=["w7"], top=10)
    assert len(vectors.most_similar("w3")) == 10
    assert all(type(score) is float for _, score in comp)


def test_only_negative_words():
    vectors = random_vectors()
    ref = naive.most_similar(vectors.words, vectors.vectors, [], ["w1"])
    assert_same_answers(ref[:10], vectors.most_similar([], negative="w1"))


@pytest.mark.parametrize("seed", range(5))
def test_analogy(seed):
    vectors = random_vectors(seed=seed)
    ref = naive.most_similar(vectors.words, vectors.vectors, ["w2", "w3"], ["w1"])
    assert_same_answers(ref[:10], vectors.analogy("w1", "w2", "w3"))
    ref = naive.analogy_3cosmul(vectors.words, vectors.vectors, "w1", "w2", "w3")
    assert_same_answers(ref[:4], vectors.analogy("w1", "w2", "w3", top=4, method="3cosmul"))


def test_analogy_of_a_table_made_for_it():
    #                                                      royal female fruit
    vectors = WordVectors(
        ["king", "queen", "man", "woman", "apple"],
        np.array([[1, 0, 0.1], [1, 1, 0.1], [0.1, 0, 0.1], [0.1, 1, 0.1], [0, 0, 1]]),
    )
    assert vectors.analogy("man", "woman", "king", top=1)[0][0] == "queen"
    assert vectors.analogy("man", "woman", "king", top=1, method="3cosmul")[0][0] == "queen"


def test_asked_words_are_never_answers():
    vectors = random_vectors(count=6)
    assert {w for w, _ in vectors.most_similar("w1", top=100)} == {"w0", "w2", "w3", "w4", "w5"}
    assert len(vectors.most_similar(["w0", "w1"], negative=["w2"], top=100)) == 3
    assert len(vectors.analogy("w0", "w1", "w2", top=100)) == 3
    assert len(vectors.analogy("w0", "w1", "w0", top=100)) == 4  # a question may repeat a word
    assert WordVectors(["only"], [[1.0]]).most_similar("only") == []


def test_similarity():
    vectors = random_vectors()
    assert vectors.similarity("w1", "w2") == pytest.approx(
        naive.cosine(vectors["w1"], vectors["w2"]), abs=1e-6
    )
    assert type(vectors.similarity("w1", "w2")) is float
    assert vectors.similarity("w1", "w1") == pytest.approx(1, abs=1e-6)
    assert all(vectors.similarity(w, w) <= 1 for w in vectors)


def test_zero_vectors_are_similar_to_nothing():
    vectors = WordVectors(["zero", "a", "b", "none"], [[0, 0], [1, 0], [-1, 0], [0, 0]])
    assert vectors.similarity("zero", "a") == 0
    assert vectors.similarity("zero", "zero") == 0
    assert vectors.most_similar("zero") == [("a", 0.0), ("b", 0.0), ("none", 0.0)]
    assert vectors.most_similar("a") == [("zero", 0.0), ("none", 0.0), ("b", -1.0)]
    assert_array_equal(vectors.unit_vectors[0], 0)
    for method in ("3cosadd", "3cosmul"):
        for question in (("zero", "a", "b"), ("a", "zero", "zero"), ("zero", "none", "zero")):
            scores = [score for _, score in vectors.analogy(*question, method=method)]
            assert np.isfinite(scores).all()


def test_huge_and_tiny_numbers_have_directions_too():
    vectors = WordVectors(
        ["huge", "tiny", "one"], np.array([[3e38, 3e38], [1e-45, 0], [1, 1]], np.float32)
    )
    assert_allclose(np.linalg.norm(vectors.unit_vectors, axis=1), 1, rtol=1e-6)
    assert vectors.similarity("huge", "one") == pytest.approx(1)
    assert vectors.similarity("tiny", "one") == pytest.approx(0.5**0.5)


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40), st.integers(1, 40)
)
def test_highest(scores, top):
    top = min(top, len(scores))
    ref = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:top]
    assert highest(np.array(scores), top).tolist() == ref


def test_ties_go_by_id():
    vectors = WordVectors(["q", *"abcdefgh"], np.array([[1, 0]] + 8 * [[0, 1]]))
    assert [word for word, _ in vectors.most_similar("q", top=3)] == ["a", "b", "c"]


@pytest.mark.parametrize("top", [0, -1, 2.0, "3", None, True])
def test_top_must_be_a_positive_whole_number(vectors, top):
    with pytest.raises(InputError, match="top is"):
        vectors.most_similar("king", top=top)
    with pytest.raises(InputError, match="top is"):
        vectors.analogy("king", "queen", "家", top=top)


def test_wrong_questions(vectors):
    assert vectors.most_similar("king", top=np.int64(2)) == vectors.most_similar("king", top=2)
    with pytest.raises(InputError, match="at least one word"):
        vectors.most_similar([])
    with pytest.raises(InputError, match="method is '3cos'; expected 3cosadd or 3cosmul"):
        vectors.analogy("king", "queen", "家", method="3cos")


@pytest.mark.parametrize(
    "ask",
    [
        lambda v: v["kign"],
        lambda v: v.id("kign"),
        lambda v: v.most_similar("kign"),
        lambda v: v.most_similar(["king", "kign"]),
        lambda v: v.most_similar("king", negative=["kign"]),
        lambda v: v.similarity("king", "kign"),
        lambda v: v.analogy("king", "queen", "kign"),
    ],
)
def test_unknown_word(vectors, ask):
    for kind in (InputError, KeyError, ValueError, UnknownWordError):
        with pytest.raises(kind):
            ask(vectors)
    with pytest.raises(UnknownWordError) as caught:
        ask(vectors)
    assert str(caught.value) == (
        "unknown word 'kign': it is not among the 7 words; did you mean 'king'?"
    )
    assert caught.value.word == "kign"
    assert str(copy.copy(caught.value)) == str(caught.value)  # as pickling does


@pytest.mark.parametrize("word", [3, None, b"king", ("king",), ["king"], np.array([1])])
def test_a_word_is_a_string(vectors, word):
    with pytest.raises(KeyError, match="a word is a string, not"):
        vectors[word]
    assert word not in vectors


@pytest.mark.parametrize(
    ("words", "array", "message"),
    [
        (["a", "b"], np.zeros(2), r"shape \(2,\) for 2 words; expected \(2, d\)"),
        (["a", "b"], np.zeros((3, 2)), r"shape \(3, 2\) for 2 words"),
        (["a", "b"], np.zeros((2, 0)), "d at least 1"),
        (["a"], np.zeros((1, 2, 3)), r"shape \(1, 2, 3\)"),
        (["a"], np.float32(3), r"shape \(\) for 1 words"),
        ([], np.zeros((0, 4)), "at least one word"),
        ("ab", np.zeros((2, 2)), "single string"),
        (["a", 7], np.zeros((2, 2)), r"words\[1\] is 7, a int"),
        (["a", None], np.zeros((2, 2)), r"words\[1\] is None"),
        (["a", "b", "a"], np.zeros((3, 2)), "'a' occurs twice, in rows 0 and 2"),
        (["a", "b"], [[1, 2], [3, np.nan]], r"vector of 'b' \(row 1, from 0\) has nan in column 1"),
        (["a", "b"], [[1, -np.inf], [3, 4]], r"vector of 'a' \(row 0, from 0\) has -inf"),
        (["a"], [[1e300]], "has inf"),
        (["a"], [["x"]], "no array of numbers"),
        (["a", "b"], [[1], [1, 2]], "no array of numbers"),
        (["a"], [[1j]], "complex|no array of numbers"),
    ],
)
def test_constructor_refuses(words, array, message):
    with pytest.raises(InputError, match=message):
        WordVectors(words, array)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1], "shape"),
        ([1.5, 2.5], "whole numbers"),
        ([3, -1], r"counts\[1\] is -1"),
        (["a", "b"], "whole numbers"),
    ],
)
def test_constructor_refuses_counts(counts, message):
    with pytest.raises(InputError, match=message):
        WordVectors(["a", "b"], np.eye(2), counts)


def test_nan_far_down_is_found():
    array = np.zeros((40_000, 2), dtype=np.float32)
    array[39_999, 1] = np.nan
    with pytest.raises(InputError, match="'w39999'"):
        WordVectors([f"w{i}" for i in range(40_000)], array)


def test_words_from_numpy_and_a_transposed_array():
    words = np.array(["x", "y", "z"])
    vectors = WordVectors(words, np.arange(6.0).reshape(2, 3).T, np.array([3, 2, 1], np.uint8))
    assert vectors.vectors.flags.c_contiguous
    assert vectors.vectors.dtype == np.float32
    assert vectors.counts is not None
    assert vectors.counts.dtype == np.int64
    assert all(type(word) is str for word in vectors)
    assert_array_equal(vectors["y"], [1, 4])


def test_to_pandas(vectors):
    frame = vectors.to_pandas()
    assert frame.shape == (7, 5)
    assert frame.index.name == "word"
    assert list(frame.index) == list(vectors.words)
    assert set(frame.dtypes) == {np.dtype(np.float32)}
    assert_array_equal(frame.loc["家"], vectors["家"])
    frame.loc["家"] = 0  # a copy
    assert vectors["家"].any()


def test_to_gensim(vectors):
    pytest.importorskip("gensim")
    keyed = vectors.to_gensim()
    assert keyed.index_to_key == list(vectors.words)
    assert_array_equal(keyed.vectors, vectors.vectors)
    assert keyed.get_vecattr("queen", "count") == 6
    for ours, theirs in zip(
        vectors.most_similar("king", top=3), keyed.most_similar("king", topn=3), strict=True
    ):
        assert ours == (theirs[0], pytest.approx(theirs[1], abs=1e-6))
    assert WordVectors(["a"], [[1.0]]).to_gensim()["a"] == 1


def test_to_gensim_without_gensim(vectors, monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(InputError, match=r"install nw2v\[gensim\]"):
        vectors.to_gensim()


def test_near_matches_are_looked_for_only_when_the_message_is_read(vectors, monkeypatch):
    def search(*_):
        raise AssertionError("a loop that catches the error would pay for this")

    monkeypatch.setattr("nw2v.vectors.near_words.near_words", search)
    with pytest.raises(KeyError) as caught:
        vectors["absent"]
    with pytest.raises(AssertionError):
        str(caught.value)
