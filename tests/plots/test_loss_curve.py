import sys

import numpy as np
import pandas as pd
import pytest

from nw2v.errors import InputError
from nw2v.plots import loss_curve


def history(reports: int = 60) -> pd.DataFrame:
    train = pd.DataFrame(
        {
            "step": np.arange(1, reports + 1) * 1000,
            "train/loss": 2 + np.exp(-np.arange(reports) / 10),
        }
    )
    valid = pd.DataFrame(
        {
            "step": [30_000, 60_000],
            "valid/loss": [2.5, 2.4],
            "valid/cross_entropy": [8.0, 7.9],
            "valid/cross_entropy_standard_error": [0.02, 0.02],
            "valid/cross_entropy_unigram": [8.4, 8.4],
        }
    )
    return pd.concat([train, valid]).sort_values("step")


def drawn(line) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def test_loss_and_cross_entropy_are_beside_each_other(tmp_path):
    figure = loss_curve(history(), title="a $run$")
    loss, entropy = figure.axes
    steps, values = drawn(loss.get_lines()[-1])
    np.testing.assert_allclose(steps, [30, 60])  # thousands of tokens
    np.testing.assert_allclose(values, [2.5, 2.4])
    assert loss.get_xlabel() == entropy.get_xlabel() == "tokens processed, thousands"
    labels = entropy.get_legend_handles_labels()[1]
    assert "knows only word frequencies: 8.400" in labels
    figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_plain_columns_make_the_same_picture():
    frame = history()
    columns = {str(name): frame[name].tolist() for name in frame}
    for here, there in zip(loss_curve(columns).axes, loss_curve(frame).axes, strict=True):
        for one, other in zip(here.get_lines(), there.get_lines(), strict=True):
            np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())


def test_the_training_loss_is_drawn_as_it_was_reported():
    short = history(20)
    line = loss_curve(short).axes[0].get_lines()[0]
    np.testing.assert_allclose(drawn(line)[1], short["train/loss"].dropna())


def test_many_reports_are_smoothed_without_bending_the_ends():
    flat = pd.DataFrame({"step": np.arange(1, 1001), "train/loss": np.full(1000, 3.0)})
    smooth = loss_curve(flat).axes[0].get_lines()[1]
    np.testing.assert_allclose(drawn(smooth)[1], 3.0)


@pytest.mark.parametrize(
    "rows",
    [
        {"step": []},
        {"step": [1000, 2000]},
        {"step": [1000], "train/loss": [3.0]},
        {"step": [1000], "train/loss": [np.nan], "valid/cross_entropy": [np.inf]},
        {"step": [0], "valid/loss": [3.0]},
    ],
)
def test_a_history_with_little_in_it_still_makes_a_picture(rows, tmp_path):
    figure = loss_curve(pd.DataFrame(rows))
    assert len(figure.axes) == 1
    figure.savefig(tmp_path / "curve.png")


def test_a_table_without_steps_is_refused():
    with pytest.raises(InputError, match="no column 'step', only loss"):
        loss_curve(pd.DataFrame({"loss": [1.0]}))


def test_pyplot_is_left_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it is now an error
    loss_curve(history())
