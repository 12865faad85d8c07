"""Configurations, effects and interactions against numbers computed by hand and by SciPy."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nw2v.errors import InputError
from nw2v.evaluation.comparison import (
    pooled_difference_over_seeds,
    unpaired_difference_over_seeds,
)
from nw2v.sweeps import (
    against_best,
    configurations,
    interactions,
    main_effects,
    nondominated,
    ranked,
)
from nw2v.sweeps.design import factors, shadows
from nw2v.sweeps.over_seeds import seed_deviation
from nw2v.sweeps.ranking import pareto_jobs

METRIC = "analogy/accuracy"


def frame_of(rows, *, metric=METRIC, direction="maximize", **facts) -> pd.DataFrame:
    """A sweep's table from dicts of settings and metrics."""
    frame = pd.DataFrame([{"job": n, "status": "FINISHED", **row} for n, row in enumerate(rows)])
    swept = [key for key in frame.columns if "/" not in key and key not in ("job", "status")]
    frame.attrs |= {"swept": swept, "metric": metric, "direction": direction, **facts}
    return frame


def scores(values, seeds=(1, 2, 3)):
    """Rows of configurations a, b and so on with a score for each seed."""
    return [
        {"model.optimizer": name, "seed": seed, METRIC: score}
        for name, row in values.items()
        for seed, score in zip(seeds, row, strict=False)
    ]


def test_jobs_that_differ_in_their_seed_are_one_configuration():
    frame = frame_of(scores({"a": [0.5, 0.6, 0.7], "b": [0.8, 0.9], "c": [0.1]}))
    table = configurations(frame)
    assert table["configuration"].tolist() == [f"model.optimizer={name}" for name in "bac"]
    assert table["seeds"].tolist() == [2, 3, 1] and table["jobs"].tolist() == ["3 4", "0 1 2", "5"]
    row = table.iloc[1]
    assert (row["mean"], row["standard_deviation"]) == pytest.approx((0.6, 0.1))
    margin = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((0.6 - margin, 0.6 + margin))
    assert table.iloc[2][["standard_deviation", "low", "high"]].isna().all()
    pooled = math.sqrt((2 * 0.1**2 + 1 * (0.1**2 / 2)) / 3)
    assert seed_deviation(table) == pytest.approx(pooled)
    assert math.isnan(seed_deviation(table.iloc[2:]))


def test_only_jobs_that_came_to_their_end_count():
    frame = frame_of(scores({"a": [0.5, 0.6, 0.7], "b": [0.8, 0.9, math.nan]}))
    frame.loc[1, "status"] = "PRUNED"
    assert configurations(frame)["jobs"].tolist() == ["3 4", "0 2"]


def test_another_setting_that_differs_makes_another_configuration():
    frame = frame_of(scores({"a": [0.5, 0.6]}))
    frame["model.dim"] = [50, 100]  # not said to be swept
    assert len(configurations(frame)) == 2
    frame["tracking.run_name"] = ["x", "y"]
    assert len(configurations(frame.drop(columns="model.dim"))) == 1


def test_the_same_seed_twice_is_one_seed():
    frame = frame_of(scores({"a": [0.5, 0.7, 0.8]}, seeds=(1, 1, 2)))
    row = configurations(frame).iloc[0]
    assert (row["seeds"], row["mean"]) == (2, pytest.approx(0.7))


def test_a_lower_metric_may_be_better():
    frame = frame_of(scores({"a": [0.5], "b": [0.4]}), direction="minimize")
    assert configurations(frame)["model.optimizer"].tolist() == ["b", "a"]
    assert configurations(frame, direction="maximize")["model.optimizer"].tolist() == ["a", "b"]
    with pytest.raises(InputError, match="direction='up': expected maximize or minimize"):
        configurations(frame, direction="up")


def test_two_configurations_are_tested_over_common_seeds():
    a, b = [0.80, 0.83, 0.79], [0.78, 0.80, 0.78]
    (row,) = against_best(frame_of(scores({"a": a, "b": b}))).itertuples()
    ref = stats.ttest_rel(a, b)
    interval = ref.confidence_interval()
    assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
    assert row.p_value == pytest.approx(ref.pvalue) and (row.seeds, row.test) == (3, "paired")


def test_three_or_more_share_their_deviation_between_seeds():
    groups = {"a": [0.80, 0.83, 0.79], "b": [0.78, 0.80, 0.78], "c": [0.60, 0.71, 0.65], "d": [0.7]}
    rows = [row for name in groups for row in scores({name: groups[name]})]
    tests = against_best(frame_of(rows)).set_index("configuration")
    several = [np.array(groups[name]) for name in "abc"]
    within = sum(((one - one.mean()) ** 2).sum() for one in several)
    for name, size in (("b", 3), ("c", 3), ("d", 1)):
        row = tests.loc[f"model.optimizer={name}"]
        error = math.sqrt(within / 6 * (1 / 3 + 1 / size))  # 9 seeds of 3 configurations
        difference = np.mean(groups["a"]) - np.mean(groups[name])
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(difference / error, 6))
        assert row["high"] == pytest.approx(difference + stats.t.ppf(0.975, 6) * error)
    assert tests["holm"].max() == pytest.approx(
        max(2 * sorted(tests["p_value"])[1], tests["p_value"].max())
    )
    assert tests["is_apart"].tolist() == (tests["holm"] < 0.05).tolist()


def test_two_groups_pooled_are_students_test():
    a, b = np.array([0.80, 0.83, 0.79]), np.array([0.70, 0.78, 0.71, 0.69])
    freedom = len(a) + len(b) - 2
    variance = (a.var(ddof=1) * (len(a) - 1) + b.var(ddof=1) * (len(b) - 1)) / freedom
    found = pooled_difference_over_seeds(a, b, math.sqrt(variance), freedom)
    assert found.p_value == pytest.approx(stats.ttest_ind(a, b).pvalue)
    assert pooled_difference_over_seeds([1.0], [1.0], 0.0, 4).p_value == 1.0


def test_without_common_seeds_the_test_is_welchs():
    a, b = [0.80, 0.83, 0.79], [0.70, 0.78, 0.71, 0.69]
    rows = [*scores({"a": a}), *scores({"b": b}, seeds=(4, 5, 6, 7))]
    (test,) = against_best(frame_of(rows)).itertuples()
    ref = stats.ttest_ind(a, b, equal_var=False)
    interval = ref.confidence_interval()
    assert test.p_value == pytest.approx(ref.pvalue) and test.test == "Welch"
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0], [2.0, 3.0], (-1.5, math.nan)),
        ([1.0, 1.0], [1.0, 1.0], (0.0, 1.0)),
        ([1.0, 1.0], [2.0, 2.0], (-1.0, 0.0)),
    ],
)
def test_welchs_test_at_its_ends(a, b, expected):
    found = unpaired_difference_over_seeds(a, b)
    assert (found.difference, found.p_value) == pytest.approx(expected, nan_ok=True)


def test_one_seed_tells_nothing():
    tests = against_best(frame_of(scores({"a": [0.5], "b": [0.9]})))
    assert tests["p_value"].isna().all() and not tests["is_apart"].any()


def grid_rows(score, windows=(2, 5, 10), dims=(50, 100), seeds=(1, 2)):
    return [
        {"model.window": w, "model.dim": d, "seed": s, METRIC: score(w, d, s)}
        for w in windows
        for d in dims
        for s in seeds
    ]


def means(table, key):
    here = table[table["parameter"] == key]
    return dict(zip(here["level"], here["mean"], strict=True))


def test_in_a_full_grid_effects_are_plain_means():
    generator = np.random.default_rng(1)
    frame = frame_of(grid_rows(lambda w, d, s: generator.normal()))
    table = main_effects(frame)
    for key in ("model.window", "model.dim"):
        ref = frame.groupby(key)[METRIC].mean()
        assert list(means(table, key).values()) == pytest.approx(ref.tolist())
    assert table["is_adjusted"].all() and table["jobs"].tolist() == [6, 6, 4, 4, 4][::-1]
    # The shares are those of an analysis of variance.
    total = ((frame[METRIC] - frame[METRIC].mean()) ** 2).sum()
    between = 6 * ((frame.groupby("model.dim")[METRIC].mean() - frame[METRIC].mean()) ** 2).sum()
    shares = table[table["parameter"] == "model.dim"]["share"]
    assert shares.tolist() == pytest.approx([between / total] * 2)


def test_missing_jobs_do_not_bias_an_additive_effect():
    """Plain means would blame window 10 for the small dimension that its jobs are left with."""
    frame = frame_of(grid_rows(lambda w, d, s: 0.1 * w + 0.01 * d + s))
    frame.loc[(frame["model.window"] == 10) & (frame["model.dim"] == 100), "status"] = "FAILED"
    frame = pd.concat([frame, frame.iloc[:0]])
    table = main_effects(frame)
    found = means(table, "model.window")
    assert found["5"] - found["2"] == pytest.approx(0.3)
    assert found["10"] - found["5"] == pytest.approx(0.5)
    assert found["2"] == pytest.approx(0.2 + 0.75 + 1.5)  # others in equal parts
    assert table["is_adjusted"].all()


def test_jobs_that_do_not_determine_the_effects_give_plain_means():
    rows = [
        {"a": "x", "b": "u", METRIC: 1.0}, {"a": "x", "b": "v", METRIC: 2.0},
        {"a": "y", "b": "w", METRIC: 4.0}, {"a": "y", "b": "z", METRIC: 6.0},
    ]  # fmt: skip
    table = main_effects(frame_of([{f"model.{k}" if k in "ab" else k: v for k, v in row.items()}
                                   for row in rows]))  # fmt: skip
    # b determines a: what a does cannot be told from it.
    assert set(table["parameter"]) == {"model.b"}
    rows = [{"model.a": a, "model.b": b, METRIC: y} for a, b, y in
            (("x", "u", 1.0), ("x", "v", 2.0), ("x", "u", 1.5), ("y", "w", 4.0), ("z", "w", 5.0),
             ("z", "w", 6.0))]  # fmt: skip
    table = main_effects(frame_of(rows))
    assert not table["is_adjusted"].any()
    assert means(table, "model.a") == pytest.approx({"x": 1.5, "y": 4.0, "z": 5.5})


def test_k_is_looked_at_where_there_is_one():
    rows = [
        {"loss.name": name, "loss.negatives": k, "trainer.learning_rate": rate, "model.window": w,
         METRIC: base + 0.01 * k + 0.1 * w}
        for name, k, rate, base in (
            ("naive_softmax", 5, 0.1, 0.5), ("negative_sampling", 1, 0.05, 0.2),
            ("negative_sampling", 5, 0.05, 0.2),
        )
        for w in (2, 5)
    ]  # fmt: skip
    frame = frame_of(rows)
    table = main_effects(frame)
    # K = 5 of the naive softmax's configuration has no effect, so it is no value of it.
    assert means(table, "loss.negatives") == pytest.approx({"1": 0.56, "5": 0.60})
    assert means(table, "loss.name") == pytest.approx(
        {"naive_softmax": 0.55 + 0.35, "negative_sampling": 0.58}
    )
    assert shadows(frame) == {"trainer.learning_rate": "loss.name"}
    assert "learning_rate" not in configurations(frame)["configuration"][0]
    pairs = interactions(frame)[["first", "second"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["loss.name", "model.window"], ["loss.negatives", "model.window"]]


def test_interactions_by_hand():
    # Rows plus columns leave +-0.25 of a difference of differences of 1.
    values = {(2, 50): 1.0, (2, 100): 2.0, (5, 50): 3.0, (5, 100): 5.0}
    table = interactions(frame_of(grid_rows(lambda w, d, s: values[w, d] + s, windows=(2, 5))))
    names = zip(table["first_level"], table["second_level"], table["mean"], strict=True)
    cells = {(int(first), int(second)): mean for first, second, mean in names}
    assert cells == pytest.approx({pair: value + 1.5 for pair, value in values.items()})
    assert table["departure"].unique() == pytest.approx([0.25])
    additive = interactions(frame_of(grid_rows(lambda w, d, s: w + d / 100)))
    assert additive["departure"].max() < 1e-12


def test_a_pair_of_values_that_never_met_is_empty():
    frame = frame_of(grid_rows(lambda w, d, s: w + d / 100.0))
    frame.loc[(frame["model.window"] == 10) & (frame["model.dim"] == 100), "status"] = "FAILED"
    table = interactions(frame)
    empty = table[table["jobs"] == 0]
    assert empty[["first_level", "second_level"]].to_numpy().tolist() == [["10", "100"]]
    assert empty["mean"].isna().all() and table["mean"].notna().sum() == 5


def test_searched_numbers_are_cut_into_parts():
    generator = np.random.default_rng(2)
    rows = [
        {"trainer.learning_rate": float(10 ** generator.uniform(-3, 0)),
         "model.dim": int(generator.integers(50, 300)), METRIC: 0.5}
        for _ in range(40)
    ]  # fmt: skip
    for factor in factors(frame_of(rows)):
        assert factor.is_binned and len(factor.labels) == 4
        assert np.bincount(factor.codes).tolist() == pytest.approx([10] * 4, abs=1)
    # A grid is not, however fine.
    fine = frame_of(grid_rows(lambda w, d, s: 0.5, windows=range(1, 13)))
    assert [len(factor.labels) for factor in factors(fine)] == [12, 2]
    alone = frame_of([{"model.window": w, METRIC: 0.5} for w in range(1, 13)])
    assert [len(factor.labels) for factor in factors(alone)] == [12]


def test_jobs_in_order():
    rows = [{"model.window": w, METRIC: y, "valid/cross_entropy": 8.0, "train/seconds": 1.0}
            for w, y in ((1, 0.2), (2, 0.4), (3, math.nan), (4, 0.9), (5, 0.8))]  # fmt: skip
    frame = frame_of(rows)
    frame["status"] = ["FINISHED", "FINISHED", "FINISHED", "FAILED", "RUNNING"]
    table = ranked(frame)
    assert table["job"].tolist() == [1, 0, 2, 4, 3]
    assert list(table.columns) == [
        "job", "model.window", METRIC, "valid/cross_entropy", "train/seconds", "status",
    ]  # fmt: skip
    assert ranked(frame, direction="minimize")["job"].tolist() == [0, 1, 2, 4, 3]
    bare = ranked(frame.drop(columns=[METRIC, "valid/cross_entropy", "train/seconds"]))
    assert list(bare.columns) == ["job", "model.window", METRIC, "status"]


def test_the_front_of_what_is_not_beaten():
    costs = np.array([[1, 5], [2, 3], [2, 4], [3, 3], [4, 1], [4, 1], [5, 2]], dtype=float)
    assert nondominated(costs).tolist() == [True, True, False, False, True, True, False]
    assert nondominated(np.empty((0, 2))).tolist() == []
    rows = [{"model.window": n, METRIC: y, "train/seconds": s}
            for n, (y, s) in enumerate([(0.5, 1.0), (0.7, 2.0), (0.6, 3.0)])]  # fmt: skip
    front = pareto_jobs(frame_of(rows), [METRIC, "train/seconds"], ["maximize", "minimize"])
    assert front["job"].tolist() == [0, 1]


def test_a_table_that_lost_its_attributes_is_still_understood():
    frame = frame_of(grid_rows(lambda w, d, s: w + d / 100))
    frame.attrs = {}
    assert [factor.key for factor in factors(frame)] == ["model.window", "model.dim"]
    assert len(configurations(frame)) == 6


@pytest.mark.parametrize("rows", [[], [{"model.window": 2, METRIC: 0.5}]])
def test_next_to_nothing(rows):
    frame = frame_of(rows) if rows else frame_of([{"model.window": 2, METRIC: 0.5}]).iloc[:0]
    assert len(configurations(frame)) == len(rows) == len(ranked(frame))
    assert not len(against_best(frame)) and not len(main_effects(frame))
    assert not len(interactions(frame))
