import itertools

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.plots import word_map
from nw2v.plots.word_map import project


def vectors(count: int, dim: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def written(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_project_is_the_eigenvectors_of_the_covariance():
    given = vectors(50)
    points, share = project(given)
    unit = given / np.linalg.norm(given.astype(np.float64), axis=1, keepdims=True)
    values = np.linalg.eigvalsh(np.cov(unit.T))[::-1]
    np.testing.assert_allclose(points.var(axis=0, ddof=1), values[:2])
    np.testing.assert_allclose(share, values[:2] / values.sum())
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-12)


def test_project_does_not_depend_on_lengths_or_on_the_sign_of_a_component():
    given = vectors(30)
    scaled = given * np.linspace(0.1, 9, 30, dtype=np.float32)[:, None]
    np.testing.assert_allclose(project(given)[0], project(scaled)[0], atol=1e-6)
    rotated = np.roll(given, 3, axis=1)  # another basis, the same directions of the words
    np.testing.assert_allclose(project(given)[0], project(rotated)[0], atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (7, 1), (3, 2)])
def test_project_of_few_words_or_dimensions(shape):
    points, share = project(vectors(*shape))
    assert points.shape == (shape[0], 2)
    assert np.isfinite(points).all()
    assert np.isfinite(share).all()


def test_only_the_most_frequent_words_are_shown():
    counts = np.arange(100)
    figure = word_map([f"w{i}" for i in range(100)], vectors(100), counts, top=10)
    assert set(written(figure)) <= {f"w{i}" for i in range(90, 100)}
    assert "w99" in written(figure)
    assert np.shape(figure.axes[0].collections[0].get_offsets()) == (10, 2)


def test_written_words_do_not_cover_each_other(tmp_path):
    figure = word_map([f"word{i}" for i in range(250)], vectors(250))
    figure.savefig(tmp_path / "map.png")
    boxes = np.array([text.get_window_extent().extents for text in figure.axes[0].texts])
    assert len(boxes) > 50
    for first, second in itertools.combinations(boxes, 2):
        low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
        assert (high - low).min() < 1, "the boxes share more than a pixel's edge"
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= figure.bbox.max).all()


def test_words_that_matplotlib_cannot_write_or_would_read_as_formulas(tmp_path):
    words = ["$x_1$", "\\frac{", "日本語", "\U00010330", "plain", "a" * 200]
    figure = word_map(words, vectors(6))
    figure.savefig(tmp_path / "map.png")  # a missing glyph would be a warning, here an error
    assert {"$x_1$", "\\frac{", "plain"} <= set(written(figure))


def test_equal_and_zero_vectors_still_make_a_picture(tmp_path):
    word_map(["a", "b"], np.zeros((2, 4)), np.array([3, 3])).savefig(tmp_path / "map.png")
    word_map(["a"], np.ones((1, 4))).savefig(tmp_path / "one.png")


@pytest.mark.parametrize(
    ("words", "given", "counts", "message"),
    [
        (["a"], np.ones((2, 3)), None, "1 words and vectors of shape \\(2, 3\\)"),
        (["a"], np.ones(3), None, "vectors of shape \\(3,\\)"),
        (["a", "b"], np.ones((2, 3)), np.ones(3), "counts of shape \\(3,\\) for 2 words"),
        ([], np.ones((0, 3)), None, "at least one word"),
        (["a"], np.array([[np.nan, 1.0]]), None, "NaN or infinite"),
    ],
)
def test_bad_input(words, given, counts, message):
    with pytest.raises(InputError, match=message):
        word_map(words, given, counts)
