from __future__ import annotations

import numpy as np
import pytest

from nw2v.comparison.divergence import Diverged
from nw2v.comparison.matrix import (
    ALIKE,
    ALONE,
    BEST,
    WORSE,
    Cell,
    Matrix,
    html_matrix,
    legend,
    markdown_matrix,
    score_matrix,
    standings,
    text_matrix,
)
from nw2v.comparison.runs import CROSS_ENTROPY
from tests.comparison.found import EXACT, FEW, MANY, comparison

ENTROPY, ON_V, ON_SUM = (CROSS_ENTROPY, "model"), ("analogies x", "center"), ("analogies x", "sum")
MEANS = {
    ENTROPY: {EXACT: 7.4, FEW: 7.5, MANY: 7.6},
    ON_V: {EXACT: 0.1, FEW: 0.2, MANY: 0.3},
    ("similarity y", "center"): {EXACT: 0.5, FEW: 0.5, MANY: 0.4},
    ON_SUM: {EXACT: 0.3, FEW: 0.2, MANY: 0.1},
}
BETTER = {
    ENTROPY: [(EXACT, FEW), (EXACT, MANY)],
    ON_V: [(MANY, EXACT)],
    ON_SUM: [(FEW, MANY)],  # says nothing of the best
}


def test_how_the_systems_stand_beside_the_best_of_each_metric():
    found = standings(comparison(MEANS, BETTER))
    assert found == [
        (*ENTROPY, EXACT.name, [], [FEW.name, MANY.name]),
        (*ON_V, MANY.name, [FEW.name], [EXACT.name]),
        (*ON_SUM, EXACT.name, [FEW.name, MANY.name], []),
        ("similarity y", "center", EXACT.name, [FEW.name, MANY.name], []),
    ]


def test_the_matrix_marks_the_best_and_what_may_be_as_good():
    matrix = score_matrix(comparison(MEANS, BETTER))
    assert matrix.columns == [
        "cross-entropy ↓", "analogies x (V) ↑", "analogies x (V + U) ↑", "similarity y (V) ↑",
    ]  # fmt: skip
    assert [name for name, _ in matrix.rows] == [EXACT.name, FEW.name, MANY.name]
    marks = [[cell.mark for cell in cells] for _, cells in matrix.rows]
    assert marks == [
        [BEST, WORSE, BEST, BEST],
        [WORSE, ALIKE, ALIKE, ALIKE],
        [WORSE, BEST, ALIKE, ALIKE],
    ]
    assert matrix.rows[0][1][0].text == "7.4000 ± 0.0100"
    assert matrix.rows[2][1][1].text == "30.00 ± 1.00"


def test_without_intervals_there_is_the_mean_alone():
    found = comparison(MEANS, {})
    found.summary[["low", "high"]] = np.nan
    assert score_matrix(found).rows[0][1][0] == Cell("7.4000", BEST)


def test_a_system_that_diverged_has_a_row_and_no_scores():
    means = {metric: {EXACT: values[EXACT]} for metric, values in MEANS.items()}
    matrix = score_matrix(comparison(means, {}, diverged=[Diverged(FEW.name, 2, 9.0, "too high")]))
    (_, whole), (name, cells) = matrix.rows
    assert {cell.mark for cell in whole} == {ALONE}
    assert (name, [cell.text for cell in cells]) == (FEW.name, ["diverged", "-", "-", "-"])


MATRIX = Matrix(
    ["first ↓", "second ↑"],
    [
        ("a < b", [Cell("1.0 ± 0.1", BEST), Cell("3.00", WORSE)]),
        ("longer", [Cell("1.2 ± 0.2", ALIKE), Cell("4.00", BEST)]),
    ],
)


def test_as_markdown():
    assert markdown_matrix(MATRIX).splitlines() == [
        "| system | first ↓ | second ↑ |",
        "| --- | ---: | ---: |",
        "| a < b | **1.0 ± 0.1** | 3.00 |",
        "| longer | ≈ 1.2 ± 0.2 | **4.00** |",
        "",
        legend("Bold"),
    ]


def test_as_html():
    page = html_matrix(MATRIX)
    assert "<td>a &lt; b</td>" in page
    assert '<td class="best">1.0<br><small>± 0.1</small></td>' in page
    assert '<td class="alike">≈ 1.2<br><small>± 0.2</small></td>' in page
    assert legend("Bold") in page


@pytest.mark.parametrize("width", [80, 30])
def test_in_a_terminal(width):
    assert text_matrix(MATRIX, width).splitlines() == [
        "           first ↓  second ↑",
        "a < b   *1.0 ± 0.1      3.00",
        "longer  ≈1.2 ± 0.2     *4.00",
    ]


@pytest.mark.parametrize("width", [27, 5])
def test_a_narrow_terminal_has_the_columns_below_each_other(width):
    assert text_matrix(MATRIX, width).splitlines() == [
        "           first ↓", "a < b   *1.0 ± 0.1", "longer  ≈1.2 ± 0.2", "",
        "        second ↑", "a < b       3.00", "longer     *4.00",
    ]  # fmt: skip
