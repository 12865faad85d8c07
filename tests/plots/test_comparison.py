import sys

import numpy as np
import pandas as pd
import pytest

from nw2v.plots.comparison import COLOURS, entropy_by_time, norms_by_frequency, score_intervals

SYSTEMS = ["naive $softmax$, cooccurrence", "negative sampling K=5, stream"]


def summary(systems: list[str] = SYSTEMS, sets: int = 1) -> pd.DataFrame:
    metrics = [("model", "cross-entropy")]
    metrics += [(where, f"analogies {n}") for n in range(sets) for where in ("center", "sum")]
    return pd.DataFrame(
        [
            (system, where, metric, place + 0.5, place + 0.25, place + 1.0)
            for place, system in enumerate(systems)
            for where, metric in metrics
        ],
        columns=["system", "vectors", "metric", "mean", "low", "high"],
    )


def curves() -> pd.DataFrame:
    """Two systems, two seeds, three passes; the first row of each is before training."""
    return pd.DataFrame(
        [
            (system, seed, epoch, epoch * (10.0 + 2 * seed), 9.0 - epoch - place + 0.5 * seed)
            for place, system in enumerate(SYSTEMS)
            for seed in (1, 2)
            for epoch in range(4)
        ],
        columns=["system", "seed", "epoch", "seconds", "cross_entropy"],
    )


def norms() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (system, vectors, count, number + count / 100)
            for system in SYSTEMS
            for number, vectors in enumerate(("center", "outside"))
            for count in (1, 10, 100)
        ],
        columns=["system", "vectors", "least_count", "mean_norm"],
    )


def drawn(line) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def test_scores_have_a_panel_for_a_metric_and_a_row_for_a_system(tmp_path):
    figure = score_intervals(summary())
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["cross-entropy", "analogies 0, V", "analogies 0, V + U"]
    axes = figure.axes[0]
    names = dict(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True))
    assert {place: name.get_text() for place, name in names.items()} == {
        1: SYSTEMS[0],
        0: SYSTEMS[1],
    }
    interval, point, *of_second = axes.get_lines()
    np.testing.assert_array_equal(drawn(interval), [[0.25, 1.0], [1, 1]])
    np.testing.assert_array_equal(drawn(point), [[0.5], [1]])
    np.testing.assert_array_equal(drawn(of_second[0]), [[1.25, 2.0], [0, 0]])
    assert interval.get_color() == point.get_color() != of_second[0].get_color()
    figure.savefig(tmp_path / "scores.png")
    assert (tmp_path / "scores.png").stat().st_size > 10_000


def test_one_seed_has_no_intervals():
    alone = summary().assign(low=np.nan, high=np.nan)
    (first, second) = score_intervals(alone).axes[0].get_lines()
    np.testing.assert_array_equal(drawn(first), [[0.5], [1]])
    np.testing.assert_array_equal(drawn(second), [[1.5], [0]])


def test_the_panels_that_are_left_over_are_not_seen(tmp_path):
    figure = score_intervals(summary(sets=2))
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False]
    # Names stand at the left panels alone.
    assert [len(axes.get_yticklabels()) for axes in figure.axes[:5]] == [2, 0, 0, 2, 0]
    figure.savefig(tmp_path / "scores.png")


def test_the_same_system_has_the_same_colour_in_all_pictures():
    points = score_intervals(summary()).axes[0].get_lines()[1::2]
    by_time = entropy_by_time(curves(), 8.5).axes[0].get_lines()
    by_frequency = norms_by_frequency(norms()).axes[1].get_lines()
    for number, colour in enumerate(COLOURS[:2]):
        several = points[number], by_time[number], by_frequency[number]
        assert [line.get_color() for line in several] == [colour] * 3


def test_more_systems_than_colours():
    many = [f"system {number}" for number in range(len(COLOURS) + 2)]
    figure = score_intervals(summary(many, sets=0))
    assert len(figure.axes[0].get_yticklabels()) == len(many)
    several = pd.concat(
        [curves()[lambda t: t["system"] == SYSTEMS[0]].assign(system=name) for name in many]
    )
    assert len(entropy_by_time(several, 8.5).axes[0].get_lines()) == len(many) + 1


def test_cross_entropy_is_the_mean_over_seeds_after_each_pass(tmp_path):
    figure = entropy_by_time(curves(), 8.5)
    (axes,) = figure.axes
    first, second, unigram = axes.get_lines()
    np.testing.assert_allclose(drawn(first), [[13.0, 26.0, 39.0], [8.75, 7.75, 6.75]])
    np.testing.assert_allclose(drawn(second), [[13.0, 26.0, 39.0], [7.75, 6.75, 5.75]])
    np.testing.assert_allclose(drawn(unigram)[1], 8.5)
    labels = axes.get_legend_handles_labels()[1]
    assert labels == [*SYSTEMS, "word frequencies alone"]
    lowest, highest = axes.get_ylim()
    assert lowest < 5.75 and highest > 8.5
    assert axes.get_xlabel() == "seconds of training"
    figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_one_system_that_learns_nothing_still_makes_a_picture(tmp_path):
    flat = curves().assign(cross_entropy=8.5)
    figure = entropy_by_time(flat, 8.5)
    lowest, highest = figure.axes[0].get_ylim()
    assert lowest < 8.5 < highest
    figure.savefig(tmp_path / "curve.png")


def test_lengths_by_frequency(tmp_path):
    figure = norms_by_frequency(norms())
    for number, (axes, vectors) in enumerate(zip(figure.axes, ("center", "outside"), strict=True)):
        assert axes.get_title(loc="left") == f"Mean length of {vectors} vectors"
        assert axes.get_xscale() == "log"
        for line in axes.get_lines():
            np.testing.assert_allclose(
                drawn(line), [[1.0, 10.0, 100.0], [number + 0.01, number + 0.1, number + 1.0]]
            )
    assert figure.axes[0].get_legend_handles_labels()[1] == SYSTEMS
    figure.savefig(tmp_path / "norms.png")
    assert (tmp_path / "norms.png").stat().st_size > 10_000


def test_names_are_no_formulas():
    pictures = (
        score_intervals(summary()),
        entropy_by_time(curves(), 8.5),
        norms_by_frequency(norms()),
    )
    for figure in pictures:
        legend = figure.axes[0].get_legend()
        texts = figure.axes[0].get_yticklabels() if legend is None else legend.get_texts()
        named = [text for text in texts if text.get_text() == SYSTEMS[0]]
        assert named and not any(text.get_parse_math() for text in named)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: score_intervals(summary()),
        lambda: entropy_by_time(curves(), 8.5),
        lambda: norms_by_frequency(norms()),
    ],
)
def test_pyplot_is_left_alone(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it is now an error
    draw()
