import itertools
import math
import sys

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.plots import word_map
from nw2v.plots.word_map import project
from nw2v.plots.words import WrittenWord, write_words


def vectors(count: int, dim: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


@pytest.fixture
def written(monkeypatch) -> list[WrittenWord]:
    """What the pictures of a test have written."""
    found: list[WrittenWord] = []

    def watched(*arguments):
        found[:] = write_words(*arguments)
        return found

    # The package's name for the function hides the module.
    monkeypatch.setattr(sys.modules["nw2v.plots.word_map"], "write_words", watched)
    return found


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


def test_only_the_most_frequent_words_are_shown(written):
    counts = np.arange(100)
    figure = word_map([f"w{i}" for i in range(100)], vectors(100), counts, top=10)
    words = {entry.word for entry in written}
    assert words <= {f"w{i}" for i in range(90, 100)}
    assert "w99" in words
    dots, shapes = figure.axes[0].collections
    assert np.shape(dots.get_offsets()) == (10, 2)
    assert len(shapes.get_paths()) == len(words)


def ink(figure) -> np.ndarray:
    """Which pixels the words change, from below."""
    shapes = figure.axes[0].collections[1]
    pictures = []
    for is_visible in (True, False):
        shapes.set_visible(is_visible)
        figure.canvas.draw()
        pictures.append(np.array(figure.canvas.buffer_rgba())[::-1])
    shapes.set_visible(True)
    return (pictures[0] != pictures[1]).any(axis=2)


def test_written_words_do_not_cover_each_other(written):
    figure = word_map([f"word{i}" for i in range(250)], vectors(250))
    boxes = np.array([entry.box for entry in written])
    assert len(boxes) > 50
    for first, second in itertools.combinations(boxes, 2):
        low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
        assert (high - low).min() < 1, "the boxes share more than a pixel's edge"
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= figure.bbox.max).all()


def test_words_are_drawn_where_they_are_said_to_be(written):
    figure = word_map([f"word{i}" for i in range(60)], vectors(60))
    changed = ink(figure)
    assert changed.any()
    for entry in written:
        left, bottom, right, top = entry.box
        inside = (
            slice(math.floor(bottom) - 1, math.ceil(top) + 1),
            slice(math.floor(left) - 1, math.ceil(right) + 1),
        )
        assert changed[inside].mean() > 0.1
        changed[inside] = False
    assert not changed.any()


def test_words_grow_with_the_resolution():
    figure = word_map([f"word{i}" for i in range(60)], vectors(60))
    coarse = ink(figure)
    figure.set_dpi(2 * figure.dpi)
    height, width = coarse.shape
    fine = ink(figure).reshape(height, 2, width, 2).any(axis=(1, 3))
    assert (fine & coarse).sum() > 0.8 * (fine | coarse).sum()


def test_words_that_cannot_be_written_or_would_be_read_as_formulas(tmp_path, written):
    words = ["$x_1$", "\\frac{", "日本語", "\U00010330", "plain", " ", "a" * 200]
    figure = word_map(words, vectors(7))
    figure.savefig(tmp_path / "map.png")  # a missing glyph would be a warning, here an error
    assert {"$x_1$", "\\frac{", "plain"} <= {entry.word for entry in written}
    assert {" ", "a" * 200}.isdisjoint(entry.word for entry in written)


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
