"""Pictures of sweeps: what is drawn, and that odd sweeps have pictures too."""

import numpy as np
import pandas as pd
import pytest

from nw2v.plots.figure import BLUE, ORANGE, PALETTE
from nw2v.plots.sweep_effects import LARGEST_PANELS, heatmaps, interaction_lines, main_effects
from nw2v.plots.sweep_jobs import NAMED_CURVES, NAMED_POINTS, curves, time_and_quality

ODD = "corpus.$path_a$"


def effects_of(levels, *, metric="accuracy", parameter=ODD, is_number=True, is_binned=False):
    return pd.DataFrame(
        [
            (metric, parameter, f"{place:g}", float(place), is_number, is_binned, mean)
            for place, mean in levels
        ],
        columns=["metric", "parameter", "level", "place", "is_number", "is_binned", "mean"],
    )


def points_of(effects, spread=0.1):
    rows = [
        (row.metric, row.parameter, row.level, row.place, row.mean + shift)
        for row in effects.itertuples()
        for shift in (-spread, spread)
    ]
    return pd.DataFrame(rows, columns=["metric", "parameter", "level", "value", "score"])


def cells_of(first, second, value, keys=("a", "b")):
    return pd.DataFrame(
        [
            (*keys, f"{i:g}", f"{j:g}", float(i), float(j), value(i, j))
            for i in first
            for j in second
        ],
        columns=[
            *("first", "second", "first_level", "second_level"),
            *("first_place", "second_place", "mean"),
        ],
    )


def drawn(line) -> np.ndarray:
    return np.array([line.get_xdata(), line.get_ydata()], dtype=float)


def shown(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def save(figure, tmp_path, least=8_000):
    figure.savefig(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > least


def test_main_effects_are_means_over_the_jobs(tmp_path):
    effects = effects_of([(50, 1.0), (100, 3.0), (200, 2.0)])
    figure = main_effects(effects, points_of(effects), {"accuracy": "maximize"}, jobs=6)
    (axes,) = figure.axes
    jobs, means, best = axes.get_lines()
    np.testing.assert_allclose(drawn(means), [[50, 100, 200], [1, 3, 2]])
    np.testing.assert_allclose(drawn(jobs)[1], [0.9, 1.1, 2.9, 3.1, 1.9, 2.1])
    np.testing.assert_allclose(drawn(best), [[100], [3]])
    assert (means.get_color(), best.get_color()) == (BLUE, ORANGE)
    assert axes.get_xscale() == "log" and shown(axes) == ["50", "100", "200"]
    assert axes.get_xlabel() == ODD and axes.get_ylabel() == "accuracy"
    assert "the 6 jobs" in figure.get_suptitle()
    save(figure, tmp_path)
    lower = main_effects(effects, points_of(effects), {"accuracy": "minimize"}).axes[0]
    np.testing.assert_allclose(drawn(lower.get_lines()[2]), [[50], [1]])


@pytest.mark.parametrize(
    ("levels", "scale", "places"),
    [
        ((1, 2, 3), "linear", (1, 2, 3)),
        ((0.001, 0.01, 0.1), "log", (0.001, 0.01, 0.1)),
        ((0, 1e-5, 1e-3), "linear", (0, 1, 2)),  # neither scale would part them
        ((2, 500), "linear", (0, 1)),
        ((3,), "linear", (0,)),
    ],
)
def test_numbers_lie_where_they_can_be_told_apart(levels, scale, places):
    effects = effects_of([(level, 0.0) for level in levels])
    axes = main_effects(effects, points_of(effects), {"accuracy": "maximize"}).axes[0]
    assert axes.get_xscale() == scale
    np.testing.assert_allclose(drawn(axes.get_lines()[1])[0], np.array(places))


def test_searched_numbers_are_drawn_where_they_are():
    effects = effects_of([(0.01, 1.0), (1.0, 2.0)], is_binned=True)
    points = points_of(effects).assign(value=[0.001, 0.02, 0.5, 2.0])
    axes = main_effects(effects, points, {"accuracy": "maximize"}).axes[0]
    assert axes.get_xscale() == "log"
    np.testing.assert_allclose(drawn(axes.get_lines()[0])[0], [0.001, 0.02, 0.5, 2.0])
    np.testing.assert_allclose(drawn(axes.get_lines()[1])[0], [0.01, 1.0])


@pytest.mark.parametrize(("number", "rows"), [(2, 2), (6, 6)])
def test_many_parameters_go_down_the_page(number, rows, tmp_path):
    tables = [
        effects_of([(1, 0.5), (2, 0.5), (3, np.nan)], metric=metric, parameter=f"p{n}")
        for metric in ("accuracy", "entropy")
        for n in range(number)
    ]
    effects = pd.concat(tables)
    better = {"accuracy": "maximize", "entropy": "minimize"}
    figure = main_effects(effects, points_of(effects.dropna()), better)
    assert len(figure.axes) == 2 * number
    place = figure.axes[0].get_subplotspec()
    assert place is not None and place.get_gridspec().nrows == rows
    save(figure, tmp_path)


def test_interactions_have_a_line_for_each_value_of_the_one_with_fewer(tmp_path):
    table = cells_of([2, 5], [50, 100, 200], lambda i, j: i + j / 100, keys=("model.$x$", "b_c"))
    table.loc[0, "mean"] = np.nan
    figure = interaction_lines(table, "accuracy")
    (axes,) = figure.axes
    first, second = axes.get_lines()
    np.testing.assert_allclose(drawn(first), [[100, 200], [3, 4]])
    np.testing.assert_allclose(drawn(second), np.array([[50, 100, 200], [5.5, 6, 7]]))
    assert axes.get_xlabel() == "b_c"
    legend = axes.get_legend()
    assert legend is not None and legend.get_title().get_text() == "model.$x$"
    assert [text.get_text() for text in legend.get_texts()] == ["2", "5"]
    save(figure, tmp_path)


def test_heatmaps_are_darkest_where_it_is_best(tmp_path):
    table = cells_of([2, 5], [50, 100, 200], lambda i, j: i + j / 100)
    table.loc[0, "mean"] = np.nan
    for better, cmap in (("maximize", "Blues"), ("minimize", "Blues_r")):
        figure = heatmaps(table, "accuracy", better)
        axes, bar = figure.axes
        (image,) = axes.get_images()
        colours: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array()), np.nan)
        np.testing.assert_allclose(colours, np.array([[np.nan, 3, 4], [5.5, 6, 7]]))
        assert image.get_cmap().name == cmap and bar.get_ylabel() == "accuracy"
        assert [text.get_text() for text in axes.texts] == ["3.00", "4.00", "5.50", "6.00", "7.00"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("b", "a")
        assert shown(axes) == ["50", "100", "200"]
        save(figure, tmp_path)


@pytest.mark.parametrize("draw", [interaction_lines, lambda c, m: heatmaps(c, m, "maximize")])
@pytest.mark.parametrize("value", [lambda i, j: 0.5, lambda i, j: np.nan])
def test_constant_and_missing_means_have_pictures(draw, value, tmp_path):
    save(draw(cells_of([2, 5], [1, 2], value), "accuracy"), tmp_path, 3_000)


@pytest.mark.parametrize("draw", [interaction_lines, lambda c, m: heatmaps(c, m, "minimize")])
def test_many_pairs_of_many_values(draw, tmp_path):
    table = pd.concat(
        [
            cells_of(range(1, 16), range(1, 31), lambda i, j: i * j / 10, keys=(f"p{n}", "q"))
            for n in range(LARGEST_PANELS + 3)
        ]
    )
    figure = draw(table[table["first"].isin(["p0", "p1"])], "accuracy")
    save(figure, tmp_path)
    panels = [axes for axes in draw(table, "accuracy").axes if axes.get_subplotspec() is not None]
    assert len(panels) == LARGEST_PANELS


def histories(jobs=3, reports=400):
    steps = np.arange(1, reports + 1) * 10_000
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "job": job, "step": steps, "train/seconds": steps / 1e6,
                    "train/loss": 2 + np.exp(-steps / 5e5) + job / 100,
                    "valid/cross_entropy": np.where(steps % 100_000 == 0, 8 - job / 10, np.nan),
                }
            )
            for job in range(jobs)
        ]
    )  # fmt: skip


PANELS = [
    ("step", "train/loss", "Loss"),
    ("train/seconds", "valid/cross_entropy", "Held-out cross-entropy"),
]


def test_curves_of_the_best_are_named(tmp_path):
    figure = curves(histories(8), PANELS, {6: "a_$b$", 2: "c", 3: "d", 4: "e", 5: "f", 7: "g"})
    loss, entropy = figure.axes
    named = [line for line in loss.get_lines() if not str(line.get_label()).startswith("_")]
    assert [line.get_color() for line in named[::-1]] == list(PALETTE[:NAMED_CURVES])
    assert named[-1].get_label() == "job 6: a_$b$"
    # Thinned by averaging: few points, the same mean.
    x, y = drawn(named[-1])
    assert len(x) <= 150 and x.mean() == pytest.approx(2.005, rel=1e-2)
    assert y.mean() == pytest.approx(histories(8).query("job == 6")["train/loss"].mean(), rel=1e-2)
    assert loss.get_xlabel() == "tokens processed, millions"
    (others,) = loss.collections
    assert len(others.get_paths()) == 3
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text() == "job 6: a_$b$"
    assert len(entropy.get_lines()) == NAMED_CURVES
    save(figure, tmp_path)


def test_a_job_that_went_astray_does_not_press_the_others_flat():
    table = histories(10)
    table.loc[table["job"] == 9, "train/loss"] = 1e6
    low, high = curves(table, PANELS, {}).axes[0].get_ylim()
    assert low < 2.0 and high < 10


def test_curves_of_nothing_of_one_point_and_of_five_hundred(tmp_path):
    empty = pd.DataFrame({"job": pd.Series(dtype=int), "step": pd.Series(dtype=int)})
    save(curves(empty, PANELS, {0: "x"}), tmp_path, 3_000)
    save(curves(histories(1, 1), PANELS, {}), tmp_path, 3_000)
    save(curves(histories(2, 3), PANELS[:1], {1: "y" * 300}), tmp_path)
    save(curves(histories(500, 5), PANELS, {3: "x"}), tmp_path)


def test_time_and_quality_with_its_front(tmp_path):
    table = pd.DataFrame(
        {
            "name": ["slow", "fa$t", "beaten"],
            "seconds": [100.0, 1.0, 50.0],
            "quality": [9.0, 5.0, 4.0],
            "is_front": [True, True, False],
        }
    )
    figure = time_and_quality(table, "accuracy")
    (axes,) = figure.axes
    others, front = axes.get_lines()
    np.testing.assert_allclose(drawn(front), [[1, 100], [5, 9]])
    np.testing.assert_allclose(drawn(others), [[50], [4]])
    assert axes.get_xscale() == "log"
    assert figure.get_supxlabel() == "1  fa$t\n2  slow"
    save(figure, tmp_path)


def test_a_long_front_is_named_at_some_points(tmp_path):
    number = 40
    table = pd.DataFrame(
        {
            "name": [f"configuration {n} " + "x" * 200 for n in range(number)],
            "seconds": np.linspace(1.0, 2.0, number),
            "quality": np.arange(number),
            "is_front": True,
        }
    )
    figure = time_and_quality(table, "accuracy")
    lines = figure.get_supxlabel().splitlines()
    assert len(lines) == NAMED_POINTS and max(map(len, lines)) < 100
    assert "configuration 0 " in lines[0] and "configuration 39 " in lines[-1]
    save(figure, tmp_path)
