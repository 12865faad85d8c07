import numpy as np
import pandas as pd
import pytest

from nw2v.errors import InputError
from nw2v.plots import analogy_bars


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "section": ["capitals", "plural $nouns$", "family"],
            "accuracy": [0.5, 0.8, np.nan],
            "coverage": [0.5, 1.0, 0.0],
            "questions": [20, 100, 0],
        }
    )


def test_bars_are_parts_of_all_questions_best_accuracy_on_top(tmp_path):
    figure = analogy_bars(table())
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "family",
        "capitals",
        "plural $nouns$",
    ]
    coverage, right = axes.containers
    np.testing.assert_allclose([bar.get_width() for bar in coverage], [0, 0.5, 1])
    np.testing.assert_allclose([bar.get_width() for bar in right], [0, 0.25, 0.8])
    assert [text.get_text() for text in axes.texts] == [
        "not covered",
        "50.0%  of 20",
        "80.0%  of 100",
    ]
    figure.savefig(tmp_path / "bars.png")


def test_accuracy_alone_is_enough():
    figure = analogy_bars(table()[["section", "accuracy"]])
    (right,) = figure.axes[0].containers
    np.testing.assert_allclose([bar.get_width() for bar in right], [0, 0.5, 0.8])


def test_bad_input():
    with pytest.raises(InputError, match="no columns accuracy"):
        analogy_bars(pd.DataFrame({"section": ["a"]}))
    with pytest.raises(InputError, match="no sections"):
        analogy_bars(table().iloc[:0])
