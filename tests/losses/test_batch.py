from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.losses import batch, batch_loss_and_gradient, skipgram_loss_and_gradient
from tests import naive
from tests.losses.problems import COMPILED, assert_terms_allclose, draw, examples, problems, threads

LOSSES = ("naive_softmax", "negative_sampling")


def run(problem, loss):
    return batch_loss_and_gradient(
        problem.centers,
        problem.outside,
        problem.offsets,
        problem.center_vectors,
        problem.outside_vectors,
        loss,
        problem.negatives,
    )


@pytest.mark.parametrize("loss", LOSSES)
@examples(100)
@given(problem=problems())
def test_equals_its_twin(loss, problem):
    ref = naive.batch_loss_and_gradient(
        problem.centers,
        problem.outside,
        problem.offsets,
        problem.center_vectors,
        problem.outside_vectors,
        loss,
        problem.negatives,
    )
    with threads(1):
        comp = run(problem, loss)
    assert_terms_allclose(comp, ref, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_is_the_sum_over_its_windows(loss, dtype):
    size = 40 if COMPILED else 6
    lengths = [i % 7 for i in range(size)]
    problem = draw(1, words=3 * size, dim=11, lengths=lengths, negatives=4, dtype=dtype)
    V, U = problem.center_vectors, problem.outside_vectors
    total, centers_sum, outsides_sum = 0.0, np.zeros(V.shape), np.zeros(U.shape)
    for b, center in enumerate(problem.centers):
        window = slice(problem.offsets[b], problem.offsets[b + 1])
        terms = skipgram_loss_and_gradient(
            int(center), problem.outside[window], V, U, loss, problem.negatives[window]
        )
        total += terms[0]
        centers_sum += terms[1]
        outsides_sum += terms[2]
    result = run(problem, loss)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    assert type(result[0]) is float
    assert_allclose(result[0], total, rtol=1e-12)
    assert result[1].dtype == result[2].dtype == dtype
    assert_allclose(result[1], centers_sum, rtol=tolerance, atol=tolerance)
    assert_allclose(result[2], outsides_sum, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_size_of_a_tile_does_not_matter(loss, monkeypatch):
    problem = draw(2, words=20, dim=5, lengths=[3, 0, 9, 1, 1, 0, 4, 2], negatives=3)
    whole = run(problem, loss)
    monkeypatch.setattr(batch, "_RESIDUALS_PER_TILE", 1)
    monkeypatch.setattr(batch, "_FEWEST_SOFTMAX_WINDOWS", 2)
    monkeypatch.setattr(batch, "_NAMED_ROWS_PER_TILE", 20)
    monkeypatch.setattr(batch, "_WINDOWS_PER_TILE", 3)
    tiled = run(problem, loss)
    assert_terms_allclose(whole, tiled, rtol=1e-13, atol=1e-15)


def test_tiles_part_the_windows_in_order():
    offsets = np.cumsum([0, 3, 0, 9, 1, 1, 0, 4, 2])
    for most_windows in (1, 2, 3, 100):
        for most_pairs in (1, 4, 10, 100):
            tiles = list(batch._tiles(offsets, most_windows, most_pairs))
            assert [first for first, _ in tiles] == [0, *(last for _, last in tiles[:-1])]
            assert tiles[-1][1] == 8
            for first, last in tiles:
                assert 1 <= last - first <= most_windows
                assert last - first == 1 or offsets[last] - offsets[first] <= most_pairs


@pytest.mark.skipif(not COMPILED, reason="threads belong to the compiled kernels")
@pytest.mark.skipif(numba.get_num_threads() < 2, reason="needs two threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_same_bits_for_one_and_two_threads(loss, dtype):
    problem = draw(3, words=150, dim=33, lengths=[5] * 400, negatives=5, dtype=dtype)
    results = []
    for number in (1, 2, 2):
        with threads(number):
            results.append(run(problem, loss))
    for other in results[1:]:
        assert other[0] == results[0][0]
        assert_array_equal(other[1], results[0][1])
        assert_array_equal(other[2], results[0][2])


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_but_empty_windows(loss):
    V, U = np.ones((3, 2)), np.ones((3, 2))
    for centers, offsets in (([], [0]), ([1, 1], [0, 0, 0])):
        result = batch_loss_and_gradient(centers, [], offsets, V, U, loss, [])
        assert result[0] == 0
        assert_array_equal(result[1], np.zeros((3, 2)))
        assert_array_equal(result[2], np.zeros((3, 2)))


def test_narrow_integers_and_a_read_only_matrix():
    problem = draw(4, words=9, dim=3, lengths=[2, 4, 1], negatives=2)
    problem.center_vectors.setflags(write=False)
    narrow = problem._replace(
        centers=problem.centers.astype(np.uint8),
        outside=problem.outside.astype(np.int32),
        offsets=problem.offsets.astype(np.uint16),
        negatives=problem.negatives.astype(np.int16),
    )
    for a, b in zip(
        run(problem, "negative_sampling"), run(narrow, "negative_sampling"), strict=True
    ):
        assert_array_equal(a, b)


GOOD: dict[str, Any] = {
    "center_indices": [1, 0],
    "outside_indices": [0, 2, 1],
    "offsets": [0, 1, 3],
    "center_vectors": np.zeros((3, 2)),
    "outside_vectors": np.zeros((3, 2)),
    "loss": "negative_sampling",
    "negative_indices": [[0], [1], [2]],
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("center_indices", [1, 3], r"expected indices from 0 to 2, got 3 at \[1\]"),
        ("outside_indices", [0, -1, 1], r"expected indices from 0 to 2, got -1 at \[1\]"),
        ("offsets", [0, 1], r"expected shape \(3,\), one more than center_indices"),
        ("offsets", [0, 1, 2], "expected to go from 0 to 3, .* got 0 to 2"),
        ("offsets", [1, 1, 3], "expected to go from 0 to 3, .* got 1 to 3"),
        ("offsets", [0, 3, 2], r"never fall, got 3 before 2 at \[1\]"),
        ("offsets", [0, 4, 3], r"from 0 to 3, got 4 at \[1\]"),
        ("offsets", [0.0, 1.0, 3.0], "expected whole numbers"),
        ("outside_vectors", np.zeros((3, 3)), None),
        ("loss", "softmax", "expected one of naive_softmax, negative_sampling, got 'softmax'"),
        ("negative_indices", [[0], [1]], r"expected shape \(3, K\)"),
        ("negative_indices", None, "needs the negatives"),
    ],
)
def test_bad_input_is_named(name, value, message):
    expected = "^center_vectors: expected the shape" if message is None else f"^{name}: .*{message}"
    with pytest.raises(ValueError, match=expected):
        batch_loss_and_gradient(**{**GOOD, name: value})
