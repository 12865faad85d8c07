from __future__ import annotations

import math

import pandas as pd
import pytest

from nw2v.comparison.runs import CROSS_ENTROPY
from nw2v.comparison.significance import RESAMPLES, SIGNIFICANCE, _better, judged, resamples_for


def test_all_tests_are_one_family_by_hand():
    # Three systems, two metrics: six tests. In order of p, times 6, 5, 4, 3, 2 and 1:
    # 0.006, 0.020, 0.040, 0.045, 0.080 and 0.100. Of each two systems by themselves, the two
    # tests would give 0.002, 0.040 | 0.008, 0.015 | 0.020, 0.100: one more below 0.05.
    tests = pd.DataFrame(
        [
            ("x", "y", CROSS_ENTROPY, -0.5, 0.001, -0.6, -0.4),
            ("x", "y", "analogies", 0.1, 0.040, 0.05, 0.15),
            ("x", "z", CROSS_ENTROPY, 0.5, 0.004, 0.4, 0.6),
            ("x", "z", "analogies", 0.1, 0.015, 0.05, 0.15),
            ("y", "z", CROSS_ENTROPY, 0.2, 0.010, -0.1, 0.5),
            ("y", "z", "analogies", 0.0, 0.100, -0.1, 0.1),
        ],
        columns=[
            "system_a", "system_b", "metric", "difference", "p_value", "seeds_low", "seeds_high",
        ],
    )  # fmt: skip
    table = judged(tests)
    assert table["holm"].tolist() == pytest.approx([0.006, 0.080, 0.020, 0.045, 0.040, 0.100])
    # Lower cross-entropies are better; the fifth's seeds do not agree.
    assert table["better"].tolist() == ["a", "", "b", "a", "", ""]
    assert list(table.columns) == [
        "system_a", "system_b", "metric", "difference", "p_value", "holm", "seeds_low",
        "seeds_high", "better",
    ]  # fmt: skip


def test_a_test_that_could_not_be_made_is_not_of_the_family():
    tests = pd.DataFrame(
        [("m", 1.0, 0.02, 0.5, 1.5), ("n", 1.0, math.nan, 0.5, 1.5), ("o", 1.0, 0.03, 0.5, 1.5)],
        columns=["metric", "difference", "p_value", "seeds_low", "seeds_high"],
    )
    table = judged(tests)
    assert table["holm"].tolist() == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)
    assert table["better"].tolist() == ["a", "", "a"]


@pytest.mark.parametrize("tests", [1, 27, 189, 1000])
def test_a_bootstrap_is_fine_enough_for_its_family(tests):
    resamples = resamples_for(tests)
    assert resamples >= RESAMPLES
    assert 2 / (resamples + 1) * tests < SIGNIFICANCE / 2


def test_what_is_better_needs_both_kinds_of_evidence():
    assert _better("similarity x", 0.1, 0.05, 0.15, 0.01) == "a"
    assert _better(CROSS_ENTROPY, 0.1, 0.05, 0.15, 0.01) == "b"
    assert _better("similarity x", -0.1, -0.15, -0.05, 0.01) == "b"
    assert _better("similarity x", -0.1, math.nan, math.nan, 0.01) == ""
    assert _better("similarity x", 0.1, -0.05, 0.15, 0.01) == ""
    assert _better("similarity x", 0.1, 0.05, 0.15, 0.06) == ""
    assert _better("similarity x", 0.1, 0.05, 0.15, math.nan) == ""
